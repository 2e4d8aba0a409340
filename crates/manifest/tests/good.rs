//! A manifest that uses everything, and the system that it means.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use manifest::{Memory, parse};
use model::{
    ByteSize,
    spec::{Balance, Gateway, Health, Limits, Listen, Policy, Route, Service, Store, StoreEngine, System},
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn plain(run: &str) -> Service {
    Service {
        dir: None,
        inputs: Vec::new(),
        build: None,
        artifact: Vec::new(),
        cache: Vec::new(),
        run: run.into(),
        env: [].into(),
        env_file: None,
        secrets: Vec::new(),
        replicas: 1,
        health: Health::default(),
        after: Vec::new(),
        stop_grace: seconds(10),
        drain_timeout: seconds(30),
        limits: Limits::default(),
        listen: Listen::Port,
        calls: [].into(),
        store: None,
    }
}

fn check(text: &str, expected: System) {
    let folder = Memory::new("shop", &[("users/app.py", ""), ("config/users.env", "A=1\n")]);
    let parsed = parse(text, &folder);
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(parsed.system, Some(expected));
}

#[test]
fn the_least_that_works() {
    let text = "[system]\nname = \"shop\"\n[services.users]\nrun = \"./users\"\n";
    let services = [("users".parse().unwrap(), plain("./users"))].into();
    check(text, System { name: "shop".parse().unwrap(), gateway: None, services });
}

const EVERYTHING: &str = r#"
[system]
name = "shop"

[gateway]
listen = "127.0.0.1:8080"
timeout = "1m30s"

[gateway.routes]
"/users"  = "users"
"/orders/" = "orders"
"Api.Example.com/v1" = { to = "orders", strip = true }
"/" = "users"

[services.users]
dir      = "./users"
build    = "python3 -m venv .venv && .venv/bin/pip install -q flask"
run      = ".venv/bin/flask --app app run --port $PORT"
replicas = 2
health   = "/healthz"
store    = "sqlite"
env_file = "config/users.env"
secrets  = ["API_KEY"]
env      = { FLASK_DEBUG = "1" }

[services.orders]
build    = "cargo build --release -p orders"
artifact = ["target/release/orders"]
cache    = ["target"]
inputs   = ["proto/**/*.proto"]
run      = "./target/release/orders"
calls    = ["users", "orders"]
after    = ["users"]
listen   = "unix"
store    = { engine = "sqlite", path = "data/./orders.db" }
stop_grace    = "1s"
drain_timeout = "500ms"
limits   = { memory = "64MiB", cpu = 0.5 }

[services.orders.health]
path     = "/ready?full=1"
interval = "10s"
interval_starting = "100ms"
timeout  = "2s"
grace    = "2m"

[services.orders.connections.users]
timeout = "2s"
connect_timeout = "250ms"
retries = 2
balance = "peak-ewma"
queue = 10
"#;

#[test]
fn everything() {
    let route = |host: Option<&str>, prefix: &str, to: &str, strip| Route {
        host: host.map(Into::into),
        prefix: prefix.into(),
        to: to.parse().unwrap(),
        strip,
    };
    let gateway = Gateway {
        listen: "127.0.0.1:8080".parse().unwrap(),
        routes: vec![
            route(None, "/users", "users", false),
            route(None, "/orders", "orders", false),
            route(Some("api.example.com"), "/v1", "orders", true),
            route(None, "/", "users", false),
        ],
        policy: Policy { timeout: seconds(90), ..Policy::default() },
    };
    let services = [("users".parse().unwrap(), users()), ("orders".parse().unwrap(), orders())].into();
    check(EVERYTHING, System { name: "shop".parse().unwrap(), gateway: Some(gateway), services });
}

fn users() -> Service {
    Service {
        dir: Some("users".into()),
        build: Some("python3 -m venv .venv && .venv/bin/pip install -q flask".into()),
        env: [("FLASK_DEBUG".into(), "1".into())].into(),
        env_file: Some("config/users.env".into()),
        secrets: vec!["API_KEY".into()],
        replicas: 2,
        health: Health { path: Some("/healthz".into()), ..Health::default() },
        store: Some(Store { engine: StoreEngine::Sqlite, path: None }),
        ..plain(".venv/bin/flask --app app run --port $PORT")
    }
}

fn orders() -> Service {
    let to_users = Policy {
        timeout: seconds(2),
        connect_timeout: Duration::from_millis(250),
        retries: 2,
        balance: Balance::PeakEwma,
        queue: 10,
    };
    Service {
        inputs: vec!["proto/**/*.proto".into()],
        build: Some("cargo build --release -p orders".into()),
        artifact: vec!["target/release/orders".into()],
        cache: vec!["target".into()],
        health: Health {
            path: Some("/ready?full=1".into()),
            interval: seconds(10),
            interval_starting: Duration::from_millis(100),
            timeout: seconds(2),
            grace: seconds(120),
        },
        after: vec!["users".parse().unwrap()],
        stop_grace: seconds(1),
        drain_timeout: Duration::from_millis(500),
        limits: Limits { memory: Some(ByteSize(64 << 20)), cpu_millis: Some(500) },
        listen: Listen::Unix,
        calls: [("users".parse().unwrap(), to_users), ("orders".parse().unwrap(), Policy::default())].into(),
        store: Some(Store { engine: StoreEngine::Sqlite, path: Some("data/orders.db".into()) }),
        ..plain("./target/release/orders")
    }
}

#[test]
fn a_warning_does_not_prevent_the_system() {
    let text = "[system]\nname = \"shop\"\n[services.users]\nrun = \"./users $SOCKET\"\n";
    let parsed = parse(text, &Memory::default());
    assert_eq!((parsed.diagnostics.len(), parsed.has_errors(), parsed.system.is_some()), (1, false, true));
}

#[test]
fn diagnostics_as_data() {
    let text = "[system]\nname = \"é\"; x\n";
    let parsed = parse(text, &Memory::default());
    assert_eq!(
        serde_json::to_value(&parsed.diagnostics[0]).unwrap(),
        serde_json::json!({
            "severity": "error",
            "message": "unexpected key or value, expected newline, `#`",
            "hint": "see https://toml.io for how TOML is written",
            "span": { "start": 20, "end": 20 },
            "line": 2,
            "column": 11,
        })
    );
}
