//! What the monitoring shows of streams, and what bounds them all together.

use std::sync::Arc;

use ports::clock::HostClock;
use serde_json::{Value, json};
use streams::{
    engine::{self, Limits},
    server::Config,
};
use tempfile::TempDir;

use crate::{
    monitor::get,
    rig::{Raw, Server},
};

fn start(limits: Limits) -> (Server, Raw, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (mut engine, courier) = engine::open(folder.path(), Arc::new(HostClock::start())).unwrap();
    engine.limit(limits);
    let server = Server::with_services(Config { jetstream: true, ..Config::default() }, vec![Box::new(engine)]);
    courier.start(&server.handle).unwrap();
    let mut raw = server.raw();
    raw.say_and_wait("CONNECT {\"verbose\":false}\r\nSUB r 1\r\n");
    (server, raw, folder)
}

/// The answer to a request.
fn ask(raw: &mut Raw, subject: &str, payload: &str) -> Value {
    raw.say(&format!("PUB {subject} r {}\r\n{payload}\r\n", payload.len()));
    assert!(raw.line().starts_with("MSG r 1 "));
    serde_json::from_str(&raw.line()).unwrap()
}

fn create(raw: &mut Raw, config: &Value) -> Value {
    let name = config["name"].as_str().unwrap();
    ask(raw, &format!("$JS.API.STREAM.CREATE.{name}"), &config.to_string())["error"]["err_code"].take()
}

#[test]
fn pages_tell_of_streams() {
    let (server, mut raw, _folder) = start(Limits { file_bytes_max: Some(1 << 20), ..Limits::default() });
    for name in ["one", "two"] {
        assert_eq!(create(&mut raw, &json!({ "name": name, "subjects": [name] })), Value::Null);
    }
    assert_eq!(ask(&mut raw, "one", "hi")["seq"], 1);
    for (path, pointer, expected) in [
        ("/jsz", "/streams", json!(2)),
        ("/jsz", "/messages", json!(1)),
        ("/jsz", "/consumers", json!(0)),
        ("/jsz", "/config/max_storage", json!(1 << 20)),
        ("/jsz", "/config/max_memory", json!(null)),
        ("/jsz", "/config/sync_always", json!(true)),
        ("/jsz", "/api/total", json!(2)),
        ("/jsz?streams=true", "/account_details/0/stream_detail/0/name", json!("one")),
        ("/jsz?streams=true", "/account_details/0/stream_detail/0/state/messages", json!(1)),
        ("/jsz?streams=true&offset=1&limit=1", "/account_details/0/stream_detail/0/name", json!("two")),
        ("/jsz?streams=1&config=1", "/account_details/0/stream_detail/1/config/subjects/0", json!("two")),
        ("/healthz?js-enabled-only=true", "/status", json!("ok")),
    ] {
        assert_eq!(get(&server, path).pointer(pointer), Some(&expected), "{path} {pointer}");
    }
    assert_eq!(get(&server, "/jsz").get("account_details"), None);
    let config = json!({ "name": "three", "metadata": { "isles.durability": "interval:10ms" } });
    assert_eq!(create(&mut raw, &config), Value::Null);
    assert_eq!(get(&server, "/jsz").pointer("/config/sync_always"), Some(&json!(false)));
}

#[test]
fn all_streams_together_are_bounded() {
    let limits = Limits { file_bytes_max: Some(1000), memory_bytes_max: Some(500), ..Limits::default() };
    let (_server, mut raw, _folder) = start(limits);
    for (config, code) in [
        (json!({ "name": "a", "subjects": ["a"], "max_bytes": 600 }), Value::Null),
        (json!({ "name": "b", "subjects": ["b"], "max_bytes": 600 }), 10047.into()),
        (json!({ "name": "m", "subjects": ["m"], "max_bytes": 600, "storage": "memory" }), 10028.into()),
        (json!({ "name": "c", "subjects": ["c"] }), Value::Null),
    ] {
        assert_eq!(create(&mut raw, &config), code, "{config}");
    }
    let payload = "x".repeat(300);
    let publish = |raw: &mut Raw| ask(raw, "c", &payload)["error"]["err_code"].take();
    let codes: Vec<_> = (0..4).map(|_| publish(&mut raw)).collect();
    assert_eq!(codes, [Value::Null, Value::Null, Value::Null, 10023.into()], "a message counts more than its payload");
    assert_eq!(ask(&mut raw, "$JS.API.STREAM.PURGE.c", "")["purged"], 3);
    assert_eq!(publish(&mut raw), Value::Null);
}

#[test]
fn keys_that_nobody_knows_are_refused_unless_leniency_is_asked_for() {
    for (limits, code) in
        [(Limits::default(), 10025.into()), (Limits { is_strict: false, ..Limits::default() }, Value::Null)]
    {
        let (_server, mut raw, _folder) = start(limits);
        assert_eq!(create(&mut raw, &json!({ "name": "a", "subjects": ["a"], "what": 1 })), code, "{limits:?}");
    }
}
