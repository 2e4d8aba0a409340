use proptest::prelude::*;

use super::*;
use crate::jetstream::{Action, Nanos};

const API: Api = Api { domain: None, strict: true, level: 1 };

fn parse(api: &Api, subject: &str, body: &str) -> Result<Request, Refusal> {
    let call = Call { subject: &format!("$JS.API.{subject}"), required_level: None, body: body.as_bytes() };
    api.parse(&call).expect("the subject is of the API")
}

#[test]
fn streams() {
    let s = || "s".to_owned();
    let config = StreamConfig { name: s(), subjects: vec!["s.>".into()], ..StreamConfig::default() };
    let details = StreamDetailsRequest { offset: 3, deleted_details: true, subjects_filter: ">".into() };
    let about_a = StreamsRequest { offset: 0, subject: "a".into() };
    for (subject, body, expected) in [
        ("INFO", "", Request::AccountInfo),
        (
            "STREAM.CREATE.s",
            r#"{"name":"s","subjects":["s.>"]}"#,
            Request::StreamCreate { config: config.clone(), pedantic: false },
        ),
        (
            "STREAM.UPDATE.s",
            r#"{"name":"s","subjects":["s.>"],"pedantic":true}"#,
            Request::StreamUpdate { config, pedantic: true },
        ),
        ("STREAM.DELETE.s", "", Request::StreamDelete { stream: s() }),
        ("STREAM.DELETE.s", "{}", Request::StreamDelete { stream: s() }),
        ("STREAM.INFO.s", "", Request::StreamInfo { stream: s(), details: StreamDetailsRequest::default() }),
        (
            "STREAM.INFO.s",
            r#"{"offset":3,"deleted_details":true,"subjects_filter":">"}"#,
            Request::StreamInfo { stream: s(), details },
        ),
        ("STREAM.PURGE.s", "", Request::StreamPurge { stream: s(), purge: Purge::default() }),
        (
            "STREAM.PURGE.s",
            r#"{"keep":1,"filter":"s.a"}"#,
            Request::StreamPurge { stream: s(), purge: Purge { seq: 0, filter: "s.a".into(), keep: 1 } },
        ),
        ("STREAM.NAMES", "null", Request::StreamNames(StreamsRequest::default())),
        ("STREAM.NAMES", r#"{"subject":"a"}"#, Request::StreamNames(about_a.clone())),
        ("STREAM.LIST", r#"{"offset":0,"subject":"a"}"#, Request::StreamList(about_a)),
        (
            "STREAM.MSG.DELETE.s",
            r#"{"seq":7,"no_erase":true}"#,
            Request::MessageDelete { stream: s(), delete: MessageDelete { seq: 7, no_erase: true } },
        ),
    ] {
        assert_eq!(parse(&API, subject, body), Ok(expected), "{subject} {body}");
    }
}

#[test]
fn messages() {
    let s = || "KV_b".to_owned();
    let last = MessageGet { last_by_subj: "$KV.b.k".into(), ..MessageGet::default() };
    let first = MessageGet { seq: 1, batch: 5, ..MessageGet::default() };
    for (subject, body, expected) in [
        (
            "STREAM.MSG.GET.KV_b",
            r#"{"last_by_subj":"$KV.b.k"}"#,
            Request::MessageGet { stream: s(), get: last.clone() },
        ),
        ("DIRECT.GET.KV_b", r#"{"seq":1,"batch":5}"#, Request::DirectGet { stream: s(), get: first }),
        ("DIRECT.GET.KV_b.$KV.b.k", "", Request::DirectGet { stream: s(), get: last }),
    ] {
        assert_eq!(parse(&API, subject, body), Ok(expected), "{subject} {body}");
    }
}

#[test]
fn consumers() {
    let (stream, consumer) = (|| "s".to_owned(), || "c".to_owned());
    let next = Next { batch: 2, expires: Nanos::from_secs(1), ..Next::default() };
    let until = "2026-01-02T03:04:05Z".parse().ok();
    for (subject, body, expected) in [
        ("CONSUMER.INFO.s.c", "", Request::ConsumerInfo { stream: stream(), consumer: consumer() }),
        ("CONSUMER.DELETE.s.c", "", Request::ConsumerDelete { stream: stream(), consumer: consumer() }),
        ("CONSUMER.NAMES.s", "", Request::ConsumerNames { stream: stream(), offset: 0 }),
        ("CONSUMER.LIST.s", r#"{"offset":256}"#, Request::ConsumerList { stream: stream(), offset: 256 }),
        (
            "CONSUMER.MSG.NEXT.s.c",
            r#"{"batch":2,"expires":1000000000}"#,
            Request::ConsumerNext { stream: stream(), consumer: consumer(), next },
        ),
        (
            "CONSUMER.PAUSE.s.c",
            r#"{"pause_until":"2026-01-02T03:04:05Z"}"#,
            Request::ConsumerPause { stream: stream(), consumer: consumer(), until },
        ),
        ("CONSUMER.PAUSE.s.c", "", Request::ConsumerPause { stream: stream(), consumer: consumer(), until: None }),
    ] {
        assert_eq!(parse(&API, subject, body), Ok(expected), "{subject} {body}");
    }
}

#[test]
fn consumers_to_be() {
    let body = r#"{"stream_name":"s","config":{"name":"c","filter_subject":"a"},"action":"create"}"#;
    for (subject, name) in [("CONSUMER.CREATE.s.c.a", "c"), ("CONSUMER.CREATE.s", "c")] {
        let Ok(Request::ConsumerCreate { stream, create }) = parse(&API, subject, body) else { panic!("{subject}") };
        assert_eq!((stream.as_str(), create.action, create.config.name.as_str()), ("s", Action::Create, name));
    }
    let durable = r#"{"stream_name":"s","config":{"durable_name":"c"}}"#;
    let Ok(Request::ConsumerCreate { create, .. }) = parse(&API, "CONSUMER.DURABLE.CREATE.s.c", durable) else {
        panic!("it is a durable consumer");
    };
    assert_eq!(create.config.name, "c");
}

#[test]
fn failures() {
    for (subject, body, kind, number) in [
        ("FONI", "", Kind::System, 10003),
        ("STREAM.CREATE.s", "", Kind::StreamCreate, 10056),
        ("STREAM.CREATE.s", "{", Kind::StreamCreate, 10025),
        ("STREAM.CREATE.s", r#"{"name":"t"}"#, Kind::StreamCreate, 10056),
        ("STREAM.CREATE.a/b", r#"{"name":"a/b"}"#, Kind::StreamCreate, 10128),
        ("STREAM.CREATE.s", r#"{"name":"s","num_replicas":3}"#, Kind::StreamCreate, 10074),
        ("STREAM.UPDATE.s", r#"{"name":"s","mirror":{"name":"m"}}"#, Kind::StreamUpdate, 10052),
        ("STREAM.CREATE.s", r#"{"name":"s","unheard_of":1}"#, Kind::StreamCreate, 10025),
        ("STREAM.DELETE.s", r#"{"name":"s"}"#, Kind::StreamDelete, 10038),
        ("STREAM.PURGE.s", r#"{"keep":1,"seq":2}"#, Kind::StreamPurge, 10003),
        ("STREAM.LIST", "[]", Kind::StreamList, 10025),
        ("STREAM.MSG.GET.s", "", Kind::MessageGet, 10003),
        ("STREAM.MSG.GET.s", r#"{"seq":1,"batch":2}"#, Kind::MessageGet, 10003),
        ("STREAM.MSG.DELETE.s", "{}", Kind::MessageDelete, 10003),
        ("STREAM.SNAPSHOT.s", r#"{"deliver_subject":"x"}"#, Kind::StreamSnapshot, 10064),
        ("STREAM.RESTORE.s", "{}", Kind::StreamRestore, 10062),
        ("STREAM.PEER.REMOVE.s", "{}", Kind::StreamRemovePeer, 10010),
        ("STREAM.LEADER.STEPDOWN.s", "", Kind::StreamLeaderStepdown, 10010),
        ("CONSUMER.LEADER.STEPDOWN.s.c", "", Kind::ConsumerLeaderStepdown, 10010),
        ("CONSUMER.CREATE.s.c", r#"{"stream_name":"t"}"#, Kind::ConsumerCreate, 10056),
        ("CONSUMER.INFO.s.c", "x", Kind::ConsumerInfo, 10038),
        ("CONSUMER.DELETE.s.c", "x", Kind::ConsumerDelete, 10038),
        ("CONSUMER.PAUSE.s.c", r#"{"pause_until":"soon"}"#, Kind::ConsumerPause, 10025),
        ("CONSUMER.RESET.s.c", r#"{"seq":1}"#, Kind::ConsumerReset, 10204),
        ("CONSUMER.UNPIN.s.c", r#"{"group":"a"}"#, Kind::ConsumerUnpin, 10160),
    ] {
        let Err(Refusal::Failed(found, error)) = parse(&API, subject, body) else { panic!("{subject} {body}") };
        assert_eq!((found, error.err_code), (kind, number), "{subject} {body}");
    }
    assert_eq!(parse(&API, "META.LEADER.STEPDOWN", ""), Err(Refusal::Silence));
}

#[test]
fn statuses() {
    for (subject, body, status) in [
        ("DIRECT.GET.s", "", Status::EmptyRequest),
        ("DIRECT.GET.s", "{}", Status::EmptyRequest),
        ("DIRECT.GET.s", "{", Status::MalformedRequest),
        ("DIRECT.GET.s", r#"{"seq":1,"last_by_subj":"a"}"#, Status::BadRequest),
        ("DIRECT.GET.s.a", "{", Status::MalformedRequest),
        ("DIRECT.GET.s.a", r#"{"seq":1}"#, Status::BadRequest),
        (
            "CONSUMER.MSG.NEXT.s.c",
            r#"{"idle_heartbeat":1}"#,
            Status::BadPullRequest("heartbeat value too large".into()),
        ),
    ] {
        assert_eq!(parse(&API, subject, body), Err(Refusal::Status(status)), "{subject} {body}");
    }
}

/// A reader of an older server's answers may be newer than the server: keys that it does not know are left out.
#[test]
fn strictness() {
    let lenient = Api { strict: false, ..API };
    for (subject, body) in [
        ("STREAM.CREATE.s", r#"{"name":"s","unheard_of":1}"#),
        ("STREAM.NAMES", r#"{"unheard_of":1}"#),
        ("CONSUMER.CREATE.s.c", r#"{"stream_name":"s","config":{"unheard_of":1}}"#),
    ] {
        assert!(parse(&lenient, subject, body).is_ok(), "{subject} {body}");
        let Err(Refusal::Failed(_, error)) = parse(&API, subject, body) else { panic!("{subject} {body}") };
        assert_eq!(error.err_code, 10025, "{subject} {body}");
    }
}

#[test]
fn levels() {
    let level = Refusal::Failed(Kind::StreamNames, ErrorCode::RequiredApiLevel.error());
    let status = Refusal::Status(Status::RequiredApiLevel);
    for required in ["2", "x", ""] {
        for (subject, expected) in [
            ("STREAM.NAMES", &level),
            ("DIRECT.GET.s.a", &status),
            ("DIRECT.GET.s", &status),
            ("CONSUMER.MSG.NEXT.s.c", &status),
        ] {
            let subject = &format!("$JS.API.{subject}");
            let call = Call { subject, required_level: Some(required), body: b"" };
            assert_eq!(API.parse(&call), Some(Err(expected.clone())), "{subject} {required}");
        }
    }
    for required in ["0", "1"] {
        let call = Call { subject: "$JS.API.STREAM.NAMES", required_level: Some(required), body: b"" };
        assert!(API.parse(&call).is_some_and(|read| read.is_ok()), "{required}");
    }
}

/// As they were recorded, of nats-py 2.16.0, of the client for JavaScript 3.3.1 and of async-nats 0.51.0; a strict server takes
/// them all.
#[test]
fn what_clients_send() {
    for (subject, body) in [
        (
            "STREAM.CREATE.KV_b",
            r#"{"name": "KV_b", "subjects": ["$KV.b.>"], "max_consumers": -1, "max_msgs": -1, "discard": "new",
            "discard_new_per_subject": false, "max_msgs_per_subject": 3, "num_replicas": 1, "no_ack": false,
            "duplicate_window": 120000000000, "sealed": false, "deny_delete": true, "deny_purge": false,
            "allow_rollup_hdrs": true, "allow_msg_ttl": true, "max_age": 0}"#,
        ),
        (
            "STREAM.CREATE.OBJ_b",
            r#"{"max_age":0,"name":"OBJ_b","allow_direct":true,"allow_rollup_hdrs":true,"num_replicas":1,
            "discard":"new","subjects":["$O.b.C.>","$O.b.M.>"]}"#,
        ),
        (
            "CONSUMER.CREATE.KV_b",
            r#"{"stream_name": "KV_b", "config": {"deliver_policy": "last_per_subject", "ack_policy": "none",
            "ack_wait": 79200000000000, "max_deliver": 1, "filter_subject": "$KV.b.>", "replay_policy": "instant",
            "flow_control": true, "idle_heartbeat": 5000000000, "headers_only": false,
            "deliver_subject": "_INBOX.YqWr", "inactive_threshold": 300000000000, "num_replicas": 1,
            "mem_storage": true}}"#,
        ),
        (
            "CONSUMER.DURABLE.CREATE.s.workers",
            r#"{"stream_name": "s", "config": {"durable_name": "workers", "deliver_policy": "all",
            "ack_policy": "explicit", "filter_subject": "s.>", "replay_policy": "instant", "flow_control": false,
            "deliver_subject": "_INBOX.l4SO", "deliver_group": "workers", "ack_wait": 0, "idle_heartbeat": 0,
            "inactive_threshold": 0}}"#,
        ),
        (
            "CONSUMER.CREATE.KV_b.oc_W1.$KV.b.>",
            r#"{"config":{"deliver_policy":"last_per_subject","ack_policy":"none","filter_subject":"$KV.b.>",
            "flow_control":true,"idle_heartbeat":30000000000,"headers_only":true,
            "inactive_threshold":300000000000,"num_replicas":1,"max_deliver":1,"name":"oc_W1",
            "deliver_subject":"_INBOX.WBL5.1"},"stream_name":"KV_b","action":"create","pedantic":false}"#,
        ),
        (
            "CONSUMER.CREATE.s",
            r#"{"config":{"name":"W_1","deliver_policy":"by_start_sequence","opt_start_seq":1,"ack_policy":"none",
            "inactive_threshold":300000000000,"num_replicas":1,"max_deliver":1,"mem_storage":true,
            "filter_subjects":["s.>"]},"stream_name":"s","action":"create","pedantic":false}"#,
        ),
        ("CONSUMER.MSG.NEXT.s.worker", r#"{"batch": 2, "expires": 4999900000, "no_wait": true}"#),
        (
            "CONSUMER.MSG.NEXT.s.worker",
            r#"{"batch":2,"max_bytes":0,"idle_heartbeat":15000000000,"expires":30000000000}"#,
        ),
        (
            "CONSUMER.MSG.NEXT.events.pull",
            r#"{"batch":200,"expires":30000000000,"max_bytes":0,"idle_heartbeat":15000000000,"min_pending":null,
            "min_ack_pending":null,"group":null,"priority":null}"#,
        ),
        (
            "STREAM.CREATE.events",
            r#"{"name":"events","max_bytes":0,"max_msgs":0,"max_msgs_per_subject":0,"discard":"old",
            "subjects":["events"],"retention":"limits","max_consumers":0,"max_age":0,"storage":"file",
            "num_replicas":0,"consumer_limits":null}"#,
        ),
        (
            "CONSUMER.CREATE.events.pull",
            r#"{"action":"","config":{"ack_policy":"explicit","deliver_policy":"all","durable_name":"pull",
            "replay_policy":"instant"},"stream_name":"events"}"#,
        ),
        ("STREAM.INFO.events", "null"),
        ("STREAM.PURGE.OBJ_b", r#"{"filter": "$O.b.C.jIOP"}"#),
        ("STREAM.LIST", r#"{"offset":0}"#),
    ] {
        let read = parse(&API, subject, body);
        assert!(read.is_ok(), "{subject} {body}: {read:?}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(tokens in prop::collection::vec(token(), 0..6), body in body(), strict: bool, level in prop::option::of("[0-9]{0,2}")) {
        let subject = format!("$JS.API.{}", tokens.join("."));
        let call = Call { subject: &subject, required_level: level.as_deref(), body: &body };
        let api = Api { strict, ..API };
        prop_assert!(api.parse(&call).is_some());
    }
}

fn token() -> impl Strategy<Value = String> {
    let verbs =
        ["STREAM", "CONSUMER", "DIRECT", "MSG", "GET", "NEXT", "CREATE", "DURABLE", "INFO", "PAUSE", "PURGE", "LIST"];
    prop_oneof![prop::sample::select(verbs.to_vec()).prop_map(str::to_owned), "[a-z*>/]{0,3}"]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let keys =
        ["name", "stream_name", "config", "seq", "batch", "expires", "pedantic", "pause_until", "max_age", "action"];
    let value = prop_oneof!["-?[0-9]{1,20}", "\"[a-z]{0,3}\"", Just("null".to_owned()), Just("{}".to_owned())];
    let field = (prop::sample::select(keys.to_vec()), value).prop_map(|(key, value)| format!("\"{key}\":{value}"));
    let object = prop::collection::vec(field, 0..4).prop_map(|fields| format!("{{{}}}", fields.join(",")).into_bytes());
    prop_oneof![object, prop::collection::vec(any::<u8>(), 0..20)]
}
