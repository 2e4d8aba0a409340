//! The text by exact expectation, and by the rules of the format.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use model::{
    Asked,
    api::RolloutPhase,
    figures::{Durations, RolloutOutcomes},
};
use serde_json::{Value, json};

use super::{text::seconds, *};
use crate::fixture::figures;

fn status(instances: Value) -> SystemStatus {
    let users = json!({
        "name": "users", "phase": "healthy", "healthy": 1, "replicas": 2, "inbound": "open", "calls": [],
        "instances": instances,
    });
    serde_json::from_value(json!({
        "name": "shop", "version": "0.1.0", "phase": "running", "keeper_pid": 1, "platform_pid": 2,
        "started_at": 1_700_000_000_250_000_u64, "services": [users],
        "entries": [
            { "entry": "gateway", "refused": { "bad-request": 3, "no-route": 5 } },
            { "entry": "undeclared", "refused": { "not-declared": 1 } },
        ],
    }))
    .unwrap()
}

fn busy() -> ConnectionFigures {
    figures(
        "gateway /files -> users",
        json!({
            "requests": 10, "bytes_received": 1000, "bytes_sent": 2000, "retries": 2, "hedges": 1, "in_flight": 3,
            "concurrency": 60, "concurrency_limit": 64, "queued": 4, "breaker": "open", "ejected": ["users/1#2"],
            "outcomes": { "success": 6, "client_error": 1, "server_error": 1, "failed": 2, "cancelled": 0, "refused": 3 },
            "reasons": { "timeout": 2 },
            "latency": {
                "count": 10, "sum_micros": 1_234_567, "p50_micros": 0, "p90_micros": 0, "p99_micros": 0, "max_micros": 0,
                "buckets": [[500, 4], [2_500, 9], [1_000_000, 9]],
            },
        }),
    )
}

fn system() -> SystemFigures {
    let lasted = Durations { count: 3, sum_micros: 4_600_000, buckets: vec![(500_000, 1), (2_000_000, 2)] };
    SystemFigures {
        release: Some(7),
        rollout: Some((RolloutPhase::Advancing, true)),
        rollouts: RolloutOutcomes { promoted: 4, rolled_back: 3, aborted: 2, superseded: 1 },
        cold_starts: BTreeMap::from([("users".parse().unwrap(), lasted)]),
    }
}

const EXPECTED: &str = r#"# HELP isles_build_info Always 1; the version of Isles is a label.
# TYPE isles_build_info gauge
isles_build_info{version="0.1.0"} 1
# HELP isles_start_time_seconds When the platform process started, in seconds since 1970; counters begin at 0 then.
# TYPE isles_start_time_seconds gauge
isles_start_time_seconds 1700000000.25
# HELP isles_service_replicas The instances asked for.
# TYPE isles_service_replicas gauge
isles_service_replicas{service="users"} 2
# HELP isles_instance_up 1 if the slot's instance takes requests.
# TYPE isles_instance_up gauge
isles_instance_up{service="users",slot="1"} 1
isles_instance_up{service="users",slot="2"} 0
# HELP isles_instance_crashes_total How often the slot's program has ended by itself.
# TYPE isles_instance_crashes_total counter
isles_instance_crashes_total{service="users",slot="1"} 1
isles_instance_crashes_total{service="users",slot="2"} 4
# HELP isles_instance_memory_bytes Memory, where the host can tell.
# TYPE isles_instance_memory_bytes gauge
isles_instance_memory_bytes{service="users",slot="1"} 150
# HELP isles_release_number The release that runs; while a rollout lasts, the one that it began from.
# TYPE isles_release_number gauge
isles_release_number 7
# HELP isles_rollout_phase 1 for the phase of the rollout under way.
# TYPE isles_rollout_phase gauge
isles_rollout_phase{phase="preparing"} 0
isles_rollout_phase{phase="advancing"} 1
isles_rollout_phase{phase="keeping"} 0
isles_rollout_phase{phase="retiring"} 0
isles_rollout_phase{phase="restoring"} 0
# HELP isles_rollout_paused 1 while the rollout under way waits for a person.
# TYPE isles_rollout_paused gauge
isles_rollout_paused 1
# HELP isles_rollouts_total Rollouts that ended, by how they ended.
# TYPE isles_rollouts_total counter
isles_rollouts_total{outcome="promoted"} 4
isles_rollouts_total{outcome="rolled_back"} 3
isles_rollouts_total{outcome="aborted"} 2
isles_rollouts_total{outcome="superseded"} 1
# HELP isles_cold_start_duration_seconds From a request that wakes a sleeping service, or one that calls it, to its first healthy instance.
# TYPE isles_cold_start_duration_seconds histogram
isles_cold_start_duration_seconds_bucket{service="users",le="0.5"} 1
isles_cold_start_duration_seconds_bucket{service="users",le="2"} 2
isles_cold_start_duration_seconds_bucket{service="users",le="+Inf"} 3
isles_cold_start_duration_seconds_sum{service="users"} 4.6
isles_cold_start_duration_seconds_count{service="users"} 3
# HELP isles_client_connections Open connections of clients: to the gateway, and of instances to the services that they call.
# TYPE isles_client_connections gauge
isles_client_connections 12
# HELP isles_tls_handshakes_total Connections to the gateway by how their handshake ended.
# TYPE isles_tls_handshakes_total counter
isles_tls_handshakes_total{outcome="full"} 7
isles_tls_handshakes_total{outcome="resumed"} 2
isles_tls_handshakes_total{outcome="failed"} 1
isles_tls_handshakes_total{outcome="in_the_clear"} 3
# HELP isles_refused_total Requests and connections refused before it was known which connection they use, by reason code.
# TYPE isles_refused_total counter
isles_refused_total{entry="gateway",reason="bad-request"} 3
isles_refused_total{entry="gateway",reason="no-route"} 5
isles_refused_total{entry="undeclared",reason="not-declared"} 1
# HELP isles_requests_total Requests that ended, by how they ended.
# TYPE isles_requests_total counter
isles_requests_total{caller="gateway",callee="users",route="/files",outcome="success"} 6
isles_requests_total{caller="gateway",callee="users",route="/files",outcome="client_error"} 1
isles_requests_total{caller="gateway",callee="users",route="/files",outcome="server_error"} 1
isles_requests_total{caller="gateway",callee="users",route="/files",outcome="failed"} 2
isles_requests_total{caller="gateway",callee="users",route="/files",outcome="cancelled"} 0
isles_requests_total{caller="gateway",callee="users",route="/files",outcome="refused"} 3
# HELP isles_reasons_total Requests that Isles answered itself or broke off, by reason code.
# TYPE isles_reasons_total counter
isles_reasons_total{caller="gateway",callee="users",route="/files",reason="timeout"} 2
# HELP isles_retries_total Further tries of requests.
# TYPE isles_retries_total counter
isles_retries_total{caller="gateway",callee="users",route="/files"} 2
# HELP isles_hedges_total Requests sent to a second instance because the first took long.
# TYPE isles_hedges_total counter
isles_hedges_total{caller="gateway",callee="users",route="/files"} 1
# HELP isles_received_bytes_total Bytes from callers, heads and framing included.
# TYPE isles_received_bytes_total counter
isles_received_bytes_total{caller="gateway",callee="users",route="/files"} 1000
# HELP isles_sent_bytes_total Bytes to callers, heads and framing included.
# TYPE isles_sent_bytes_total counter
isles_sent_bytes_total{caller="gateway",callee="users",route="/files"} 2000
# HELP isles_requests_in_flight Requests in flight, to the end of their response.
# TYPE isles_requests_in_flight gauge
isles_requests_in_flight{caller="gateway",callee="users",route="/files"} 3
# HELP isles_requests_queued Requests that wait for an instance.
# TYPE isles_requests_queued gauge
isles_requests_queued{caller="gateway",callee="users",route="/files"} 4
# HELP isles_concurrency Requests that the callee has yet to answer, of all its connections.
# TYPE isles_concurrency gauge
isles_concurrency{caller="gateway",callee="users",route="/files"} 60
# HELP isles_concurrency_limit How many it may have to answer at a time, by its latency.
# TYPE isles_concurrency_limit gauge
isles_concurrency_limit{caller="gateway",callee="users",route="/files"} 64
# HELP isles_breaker_open 1 while the breaker is open or tries the callee.
# TYPE isles_breaker_open gauge
isles_breaker_open{caller="gateway",callee="users",route="/files"} 1
# HELP isles_instances_ejected Instances that get no requests for now because they failed.
# TYPE isles_instances_ejected gauge
isles_instances_ejected{caller="gateway",callee="users",route="/files"} 1
# HELP isles_request_duration_seconds From a request's head to the end of its response.
# TYPE isles_request_duration_seconds histogram
isles_request_duration_seconds_bucket{caller="gateway",callee="users",route="/files",le="0.0005"} 4
isles_request_duration_seconds_bucket{caller="gateway",callee="users",route="/files",le="0.0025"} 9
isles_request_duration_seconds_bucket{caller="gateway",callee="users",route="/files",le="1"} 9
isles_request_duration_seconds_bucket{caller="gateway",callee="users",route="/files",le="+Inf"} 10
isles_request_duration_seconds_sum{caller="gateway",callee="users",route="/files"} 1.234567
isles_request_duration_seconds_count{caller="gateway",callee="users",route="/files"} 10
"#;

/// With two runs in one slot, and one that has ended.
fn instances() -> Value {
    json!([
        { "id": "users/1#2", "phase": "draining", "crashes": 1, "in_flight": 1, "memory_bytes": 100 },
        { "id": "users/1#3", "phase": "healthy", "crashes": 1, "in_flight": 0, "memory_bytes": 50 },
        { "id": "users/2#1", "phase": "backoff", "crashes": 4, "in_flight": 0 },
    ])
}

const TLS: TlsFigures = TlsFigures { handshakes: 9, resumed: 2, failed: 1, in_the_clear: 3 };

#[test]
fn the_text_is_exact() {
    assert_eq!(render(&status(instances()), &system(), (12, Some(TLS)), &[busy()], (&[], &[])), EXPECTED);
}

#[test]
fn seconds_are_exact() {
    for (micros, text) in [
        (0, "0"),
        (1, "0.000001"),
        (500, "0.0005"),
        (2_500, "0.0025"),
        (1_000_000, "1"),
        (10_500_000, "10.5"),
        (u64::MAX, "18446744073709.551615"),
    ] {
        assert_eq!(seconds(micros), text);
    }
}

/// The series of a text by family. Panics where a rule of the format is broken: a head before the samples, each family
/// and each series once, names, units and suffixes as the field has them, buckets that grow up to the count.
fn series(text: &str) -> BTreeMap<String, BTreeMap<String, f64>> {
    assert!(text.ends_with('\n'));
    let mut families: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect(line);
        let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).expect(line);
        assert!(!help.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
        assert!(!families.contains_key(name), "{name} comes twice");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        let mut samples = BTreeMap::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (key, value) = line.rsplit_once(' ').expect(line);
            let rest = key.strip_prefix(name).expect(line);
            let suffix = rest.split('{').next().unwrap();
            assert!(suffix.is_empty() || kind == "histogram", "{line}");
            assert!(samples.insert(rest.to_owned(), value.parse().expect(line)).is_none(), "{line} comes twice");
        }
        assert!(!samples.is_empty(), "{name} has no samples");
        families.insert(name.into(), samples);
    }
    families
}

#[test]
fn series_grow_with_the_manifest_and_not_with_requests() {
    let connections = |count: usize, times: u64| -> Vec<_> {
        let name = |i| format!("c{i} -> users");
        let reasons: serde_json::Map<_, _> =
            Reason::ALL.iter().map(|reason| (reason.code().into(), json!(times))).collect();
        let latency = json!({
            "count": times, "sum_micros": 0, "p50_micros": 0, "p90_micros": 0, "p99_micros": 0, "max_micros": 0,
            "buckets": [[1_000, 0], [2_000, times]],
        });
        let fields = json!({ "requests": times, "reasons": reasons, "latency": latency });
        (0..count).map(|i| figures(&name(i), fields.clone())).collect()
    };
    let count = |figures: &[ConnectionFigures]| -> usize {
        series(&render(&status(json!([])), &SystemFigures::default(), (0, None), figures, (&[], &[])))
            .values()
            .map(BTreeMap::len)
            .sum()
    };
    let none = count(&[]);
    let each = count(&connections(1, 1)) - none;
    for (number, times) in [(1, 1_000_000), (10, 1), (10, u64::MAX), (100, 7)] {
        assert_eq!(count(&connections(number, times)), none + number * each);
    }
    // Outcomes, single values without a limit, the histogram's, and one a reason.
    assert_eq!(each, 6 + 9 + 5 + Reason::ALL.len());
}

#[test]
fn labels_are_escaped_and_differ() {
    let all = [
        figures("gateway -> users", json!({})),
        figures("gateway / -> users", json!({})),
        figures("gateway /a\"b\\c\n -> users", json!({})),
        figures("operator -> users", json!({})),
        figures("orders -> users", json!({})),
    ];
    let text = render(&status(json!([])), &SystemFigures::default(), (0, None), &all, (&[], &[]));
    let retries: BTreeSet<_> = series(&text).remove("isles_retries_total").unwrap().into_keys().collect();
    assert_eq!(retries.len(), all.len());
    assert!(retries.contains(r#"{caller="gateway",callee="users",route="/a\"b\\c\n"}"#), "{retries:?}");
}

#[test]
fn buckets_that_were_read_in_between_never_shrink() {
    let mut torn = busy();
    torn.latency.count = 8;
    torn.latency.buckets = vec![(500, 4), (2_500, 9), (5_000, 7)];
    let families = series(&render(&status(json!([])), &SystemFigures::default(), (0, None), &[torn], (&[], &[])));
    let labels = r#"caller="gateway",callee="users",route="/files""#;
    let found = &families["isles_request_duration_seconds"];
    for (rest, value) in [
        (format!("_bucket{{{labels},le=\"0.0005\"}}"), 4.0),
        (format!("_bucket{{{labels},le=\"0.0025\"}}"), 9.0),
        (format!("_bucket{{{labels},le=\"0.005\"}}"), 9.0),
        (format!("_bucket{{{labels},le=\"+Inf\"}}"), 9.0),
        (format!("_count{{{labels}}}"), 9.0),
    ] {
        assert_eq!(found.get(&rest), Some(&value), "{rest}");
    }
}

/// With three consumers, two of them of one service and one of none.
fn topic() -> TopicStatus {
    let consumer = |name: &str, service: Option<&str>, pending: u64| {
        json!({
            "name": name, "service": service, "durable": true, "delivered_sequence": 0, "pending": pending,
            "unacknowledged": 1, "redelivered": 0, "paused": false, "dead": 2,
        })
    };
    let topic = json!({
        "name": "orders.placed", "stream": "orders_placed", "publishers": [], "subscribers": ["mailer", "stats"], "messages": 5,
        "bytes": 70, "first_sequence": 5, "last_sequence": 9, "retention": "limits", "dead": 4,
        "consumers": [consumer("mailer", Some("mailer"), 3), consumer("mailer-2", Some("mailer"), 4), consumer("x", None, 9)],
    });
    serde_json::from_value(topic).unwrap()
}

fn denials() -> [Denial; 2] {
    [("a", 2), ("b", 3)].map(|(subject, times)| Denial {
        service: "mailer".parse().unwrap(),
        asked: Asked::Publish,
        subject: Some(subject.into()),
        times,
    })
}

#[test]
fn consumers_are_summed_up_by_service() {
    let families =
        series(&render(&status(json!([])), &SystemFigures::default(), (0, None), &[], (&[topic()], &denials())));
    for (family, labels, value) in [
        ("isles_topic_messages_total", r#"{topic="orders.placed"}"#, 9.0),
        ("isles_topic_kept_messages", r#"{topic="orders.placed"}"#, 5.0),
        ("isles_topic_kept_bytes", r#"{topic="orders.placed"}"#, 70.0),
        ("isles_topic_pending_messages", r#"{topic="orders.placed",service="mailer"}"#, 7.0),
        ("isles_topic_pending_messages", r#"{topic="orders.placed",service="stats"}"#, 0.0),
        ("isles_topic_unacknowledged_messages", r#"{topic="orders.placed",service="mailer"}"#, 2.0),
        ("isles_topic_dead_letters", r#"{topic="orders.placed",service="mailer"}"#, 4.0),
        ("isles_topic_denied_total", r#"{service="mailer",asked="publish"}"#, 5.0),
    ] {
        assert_eq!(families[family].get(labels), Some(&value), "{family}{labels}");
    }
    assert_eq!(families["isles_topic_pending_messages"].len(), 2);
}

/// The page's table of families: each row names some of them.
fn documented() -> BTreeSet<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `isles_"));
    let names =
        rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').filter(|part| part.starts_with("isles_")));
    names.map(str::to_owned).collect()
}

#[test]
fn every_family_is_documented() {
    let all = render(&status(instances()), &system(), (12, Some(TLS)), &[busy()], (&[topic()], &denials()));
    assert_eq!(series(&all).into_keys().collect::<BTreeSet<_>>(), documented());
}
