//! The control API over its Unix socket: every endpoint, and what it says to nonsense.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt};

use model::{
    Problem,
    api::{
        Accepted, BucketEntry, BucketRevision, BucketStatus, Content, DeadLetterId, DeployPlan, ENDPOINTS, LogLine,
        Message, Published, Release, ReleaseDiff, RemovedMessage, TopicStatus, Why,
    },
    figures::ConnectionFigures,
    status::{ServicePhase, ServiceStatus, SystemPhase, SystemStatus},
};
use serde_json::json;
use tests::{
    http::{Answer, Connection},
    sandbox::Sandbox,
};

const MANIFEST: &str = r#"
[services.web]
run = "python3 service.py"
"#;

/// `web` speaks with messages too.
const MESSAGES: &str = r#"
publishes = ["a.b"]
buckets = ["c"]
"#;

fn is<T: serde::de::DeserializeOwned>(answer: &Answer) -> T {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}

#[test]
fn every_endpoint_answers_with_its_type() {
    let sandbox = Sandbox::new(&[MANIFEST, MESSAGES].concat());
    sandbox.up();
    let socket = std::fs::metadata(sandbox.path(".isles/api.sock")).expect("the socket is there");
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);

    let mut tried = BTreeSet::new();
    let mut ask = |method: &str, path: &'static str, body: &str| {
        tried.insert(path);
        let path = path.replace("{service}", "web").replace("{path}", "seen/a%20b?c=d");
        let path = path.replace("{from}", "1").replace("{to}", "1");
        let path = path
            .replace("{topic}", "a.b")
            .replace("{sequence}", "1")
            .replace("{bucket}", "c")
            .replace("{key}", "d.e/f");
        sandbox.api(if method == "ANY" { "GET" } else { method }, &path, body)
    };
    let system: SystemStatus = is(&ask("GET", "/v1/system", ""));
    assert_eq!((system.phase, system.services.len()), (SystemPhase::Running, 1));
    let service: ServiceStatus = is(&ask("GET", "/v1/services/{service}", ""));
    assert_eq!((service.phase, service.healthy), (ServicePhase::Healthy, 1));
    let why: Why = is(&ask("GET", "/v1/services/{service}/why", ""));
    assert!(why.summary.contains("1 of 1 instances take requests") && !why.events.is_empty(), "{why:?}");
    let scaled: ServiceStatus = is(&ask("POST", "/v1/services/{service}/scale", r#"{"replicas": 2}"#));
    assert_eq!((scaled.replicas, scaled.healthy), (2, 2));
    let restarted: ServiceStatus = is(&ask("POST", "/v1/services/{service}/restart", ""));
    let runs: Vec<_> = restarted.instances.iter().map(|instance| instance.id.run).collect();
    assert_eq!((restarted.healthy, runs), (2, vec![2, 2]));
    let called = ask("ANY", "/v1/services/{service}/call/{path}", "");
    assert_eq!(called.json()["path"], "/seen/a%20b?c=d");

    let connections: Vec<ConnectionFigures> = is(&ask("GET", "/v1/connections", ""));
    let names: Vec<_> = connections.iter().map(|figures| figures.connection.as_str()).collect();
    assert_eq!(names, ["operator -> web"]);
    let metrics = ask("GET", "/metrics", "");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.text().contains("\nisles_instance_up{service=\"web\",slot=\"2\"} 1\n"), "{}", metrics.text());

    releases(&mut ask);
    messages(&mut ask);

    let logs = ask("GET", "/v1/logs", "");
    assert_eq!(logs.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<LogLine> = logs.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().filter(|line| line.text == "listening").count(), 4, "{lines:?}");

    tried.insert("/v1/system/watch");
    let mut watch = Connection::unix(&sandbox.path(".isles/api.sock")).unwrap();
    watch.send(b"GET /v1/system/watch HTTP/1.1\r\nhost: isles\r\n\r\n").unwrap();
    assert_eq!(watch.head().unwrap().header("content-type"), Some("application/x-ndjson"));
    let mut next = move || -> SystemStatus {
        // Each object is a line, and comes in a chunk between two lines of framing.
        let line = std::iter::from_fn(|| watch.line().ok()).find(|line| line.starts_with('{'));
        serde_json::from_str(&line.expect("the stream goes on")).expect("a state")
    };
    assert_eq!(next().phase, SystemPhase::Running);

    tried.insert("/v1/system/down");
    let down = sandbox.api("POST", "/v1/system/down", "");
    assert_eq!((down.status, serde_json::from_slice(&down.body).ok()), (202, Some(Accepted {})), "{}", down.text());
    while next().phase != SystemPhase::Stopping {}
    assert_eq!(tried, ENDPOINTS.iter().map(|endpoint| endpoint.path).collect(), "every endpoint is tried");
    sandbox.assert_nothing_left();
}

/// The endpoints of releases; tests/it/release.rs is about what they do.
fn releases(ask: &mut dyn FnMut(&str, &'static str, &str) -> Answer) {
    let releases: Vec<Release> = is(&ask("GET", "/v1/releases", ""));
    assert_eq!(releases.iter().map(|release| release.number).collect::<Vec<_>>(), [1]);
    let plan: DeployPlan = is(&ask("POST", "/v1/deploys", "{}"));
    assert_eq!((plan.from, plan.services.len()), (1, 0));
    assert_eq!(ask("POST", "/v1/rollbacks", "{}").refusal(), (409, Some("nothing-to-roll-back-to")));
    let diff: ReleaseDiff = is(&ask("GET", "/v1/releases/{from}/diff/{to}", ""));
    assert_eq!((diff.from, diff.to, diff.services.len()), (1, 1, 0));
    for (method, path) in [
        ("GET", "/v1/rollout"),
        ("GET", "/v1/rollout/watch"),
        ("POST", "/v1/rollout/promote"),
        ("POST", "/v1/rollout/pause"),
        ("POST", "/v1/rollout/resume"),
        ("POST", "/v1/rollout/abort"),
    ] {
        assert_eq!(ask(method, path, "").refusal(), (404, Some("no-rollout")), "{path}");
    }
}

/// The endpoints of topics and buckets.
fn messages(ask: &mut dyn FnMut(&str, &'static str, &str) -> Answer) {
    let published: Published = is(&ask("POST", "/v1/topics/{topic}/messages", r#"{"payload": "hi"}"#));
    assert_eq!(published, Published { sequence: 1, duplicate: false });
    let topics: Vec<TopicStatus> = is(&ask("GET", "/v1/topics", ""));
    let topic: TopicStatus = is(&ask("GET", "/v1/topics/{topic}", ""));
    assert_eq!((topics[0].messages, &topic), (1, &topics[0]));
    let messages = ask("GET", "/v1/topics/{topic}/messages", "");
    let message: Message = serde_json::from_str(&messages.text()).expect("one message");
    assert_eq!(message.payload, Content::Text("hi".into()));
    assert_eq!(ask("GET", "/v1/topics/{topic}/dead", "").header("content-type"), Some("application/x-ndjson"));
    let replayed: Vec<DeadLetterId> = is(&ask("POST", "/v1/topics/{topic}/dead/replay", "{}"));
    let removed: Vec<DeadLetterId> = is(&ask("POST", "/v1/topics/{topic}/dead/remove", "{}"));
    assert_eq!((replayed, removed), (vec![], vec![]));
    let replay = ask("POST", "/v1/topics/{topic}/consumers/{consumer}/replay", r#"{"from": "first"}"#);
    assert_eq!(replay.refusal(), (404, Some("unknown-consumer")));

    let removed: RemovedMessage = is(&ask("DELETE", "/v1/topics/{topic}/messages/{sequence}", ""));
    assert_eq!(removed.sequence, 1);
    let gone = ask("DELETE", "/v1/topics/{topic}/consumers/{consumer}", "");
    assert_eq!(gone.refusal(), (404, Some("unknown-consumer")));

    let written: BucketRevision = is(&ask("PUT", "/v1/buckets/{bucket}/keys/{key}", r#"{"value": "v"}"#));
    let entry: BucketEntry = is(&ask("GET", "/v1/buckets/{bucket}/keys/{key}", ""));
    assert_eq!((written.revision, entry.revision, entry.key.as_str()), (1, 1, "d.e/f"));
    let history: Vec<BucketEntry> = is(&ask("GET", "/v1/buckets/{bucket}/history/{key}", ""));
    assert_eq!(history, [entry]);
    let keys = ask("GET", "/v1/buckets/{bucket}/keys", "").text();
    assert_eq!(serde_json::from_str::<BucketEntry>(&keys).ok().as_ref(), history.first());
    let deleted: BucketRevision = is(&ask("DELETE", "/v1/buckets/{bucket}/keys/{key}", ""));
    let buckets: Vec<BucketStatus> = is(&ask("GET", "/v1/buckets", ""));
    assert_eq!((deleted.revision, buckets[0].revision), (2, 2));
}

#[test]
fn nonsense_is_refused_as_a_problem() {
    let sandbox = Sandbox::new(&[MANIFEST, MESSAGES].concat());
    sandbox.up();
    for (method, path, body, status, reason) in [
        ("GET", "/v1/services/nobody", "", 404, "unknown-service"),
        ("GET", "/v1/services/nobody/why", "", 404, "unknown-service"),
        ("POST", "/v1/services/nobody/restart", "", 404, "unknown-service"),
        ("POST", "/v1/services/nobody/scale", r#"{"replicas": 1}"#, 404, "unknown-service"),
        ("GET", "/v1/services/nobody/call/", "", 404, "unknown-service"),
        ("GET", "/v1/logs?services=nobody", "", 404, "unknown-service"),
        ("GET", "/v1/connections?service=nobody", "", 404, "unknown-service"),
        ("GET", "/v1/connections?caller=web", "", 400, "bad-query"),
        ("GET", "/v1/rollout/watch?number=1", "", 404, "no-rollout"),
        ("GET", "/v1/rollout/watch?number=last", "", 400, "bad-query"),
        ("GET", "/v1/topics/nothing", "", 404, "unknown-topic"),
        ("GET", "/v1/topics/a.b/messages?from=then", "", 400, "bad-query"),
        ("POST", "/v1/topics/nothing/messages", r#"{"payload": ""}"#, 404, "unknown-topic"),
        ("POST", "/v1/topics/a.b/messages", r#"{"payload": 7}"#, 422, "bad-body"),
        ("POST", "/v1/topics/a.b/messages", r#"{"payload": {"base64": "?"}}"#, 422, "bad-content"),
        ("POST", "/v1/topics/a.b/messages", r#"{"payload": "", "headers": [["a", "b\r\nc: d"]]}"#, 422, "bad-header"),
        ("DELETE", "/v1/topics/a.b/messages/99", "", 404, "unknown-message"),
        ("DELETE", "/v1/topics/a.b/messages/first", "", 404, "unknown-message"),
        ("DELETE", "/v1/topics/a.b/consumers/nobody", "", 404, "unknown-consumer"),
        ("GET", "/v1/topics/a.b/dead?consumer=nobody", "", 404, "unknown-consumer"),
        ("POST", "/v1/topics/a.b/dead/replay", r#"{"ids": ["web/1"]}"#, 404, "unknown-dead-letter"),
        ("POST", "/v1/topics/a.b/dead/remove", r#"{"ids": ["web/1"]}"#, 404, "unknown-dead-letter"),
        ("POST", "/v1/topics/a.b/dead/remove", r#"{"consumer": "nobody"}"#, 404, "unknown-consumer"),
        ("GET", "/v1/buckets/nothing/keys", "", 404, "unknown-bucket"),
        ("GET", "/v1/buckets/c/keys/a", "", 404, "unknown-key"),
        ("PUT", "/v1/buckets/c/keys/a", r#"{"value": "", "revision": 7}"#, 409, "conflict"),
        ("POST", "/v1/services/web/scale", r#"{"replicas": 1001}"#, 422, "too-many-replicas"),
    ] {
        let answer = sandbox.api(method, path, body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{method} {path}");
        let problem: Problem = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((problem.status, problem.reason.as_str()), (status, reason), "{method} {path}");
        assert!(!problem.hint.is_empty(), "{method} {path}");
    }
    for (method, path, body, statuses) in [
        ("GET", "/v1/services/Not%20a%20name", "", 400..=404),
        ("POST", "/v1/services/web/scale", "nonsense", 400..=422),
        ("POST", "/v1/services/web/scale", r#"{"replicas": 1, "more": 2}"#, 400..=422),
        ("GET", "/v1/logs?since=yesterday", "", 400..=400),
        ("GET", "/v1/nowhere", "", 404..=404),
        ("DELETE", "/v1/system", "", 405..=405),
    ] {
        let answer = sandbox.api(method, path, body);
        assert!(statuses.contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
        let problem = answer.json();
        assert!(problem["reason"].is_string() && problem["hint"].is_string(), "{method} {path}: {problem}");
    }
    assert_eq!(sandbox.service("web").replicas, 1);
}

#[test]
fn the_verbs_say_what_the_api_says() {
    let sandbox = Sandbox::new(MANIFEST);
    for verb in ["ps", "status", "logs", "down"] {
        let said = sandbox.isles(&[verb]).code(6).says(&["the system `test` is not running", "hint: start it with"]);
        assert_eq!(said.out, "");
    }
    let said = sandbox.isles(&["why", "web", "--json"]).code(6);
    assert!(serde_json::from_str::<serde_json::Value>(&said.err).is_ok(), "{said:?}");
    sandbox.up();
    sandbox.isles(&["why", "web"]).ok().says(&["web is healthy: 1 of 1"]);
    sandbox.isles(&["why", "nobody"]).code(1).says(&["nobody", "hint: its services are: web"]);
    sandbox.isles(&["scale", "web=2"]).ok().says(&["web  healthy 2/2"]);
    let said = sandbox.isles(&["call", "web", "/seen/x", "-H", "x-test: yes", "-d", "{}"]).ok().json();
    assert_eq!((&said["path"], &said["headers"]["x-test"]), (&json!("/seen/x"), &json!("yes")));
    sandbox.isles(&["call", "web", "/status/500"]).code(1).says(&["status 500"]);
    let piped = sandbox.shell("isles logs | head -n 1; isles ps | true");
    assert_eq!((piped.code, piped.err.as_str()), (Some(0), ""), "{piped:?}");
    sandbox.isles(&["nonsense"]).code(2);
    sandbox.isles(&["down", "--json"]).ok().says(&[r#""stopped":true"#]);
}

#[test]
fn a_folder_whose_path_is_too_long_for_a_socket_is_none_for_isles() {
    let sandbox = Sandbox::new("");
    let deep = format!("{0}/{0}/{0}", "long-folder-name-of-fifty-characters-0123456789-01");
    sandbox.write(&format!("{deep}/isles.toml"), &format!("[system]\nname = \"deep\"\n{MANIFEST}listen = \"unix\"\n"));
    sandbox.write(&format!("{deep}/service.py"), &sandbox.read("service.py"));
    sandbox.isles(&["up", "-d", &deep]).ok();
    sandbox.isles(&["ps", "-f", &deep]).ok().says(&["web/1#1", "healthy"]);
    assert_eq!(sandbox.isles(&["call", "web", "/status/200", "-f", &deep]).ok().out, "status 200");
    sandbox.isles(&["down", "-f", &deep]).ok().says(&["deep is down"]);
    sandbox.assert_nothing_left();
}
