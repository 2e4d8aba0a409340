//! A manifest that uses everything, and the system that it means.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, time::Duration};

use manifest::{Memory, parse};
use model::{
    BucketName, ByteSize, TopicName,
    spec::{
        AccessLog, AdaptiveConcurrency, Balance, Breaker, Bucket, ConnectionLimits, Gateway, HashKey, Health,
        Http2Limits, Kept, Limits, Listen, MessageLimits, Objects, Outlier, Policy, Protocol, Rate, RetryBudget, Route,
        Service, Store, StoreEngine, System, Tls, Topic,
    },
    streams::{Discard, Durability, Redelivery, Retention},
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn check(text: &str, expected: System) {
    let folder = Memory::new(
        "shop",
        &[("users/app.py", ""), ("config/users.env", "A=1\n"), ("tls/cert.pem", ""), ("tls/key.pem", "")],
    );
    let parsed = parse(text, &folder);
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(parsed.system, Some(expected));
}

#[test]
fn the_least_that_works() {
    let text = "[system]\nname = \"shop\"\n[services.users]\nrun = \"./users\"\n";
    let services = [("users".parse().unwrap(), Service::new("./users"))].into();
    check(text, System { services, ..System::new("shop".parse().unwrap()) });
}

const EVERYTHING: &str = r#"
[system]
name = "shop"
releases_max = 3
releases_age = "1h"

[gateway]
listen = "127.0.0.1:8080"
tls = { cert = "tls/cert.pem", key = "./tls/key.pem" }
trusted = ["10.0.0.0/8", "::1"]
connections = { total = 1000, per_peer = 100 }
timeout = "1m30s"
rate = { limit = "100/s", burst = 20 }
breaker = false
access_log = "all"
limits = { client_idle = "30s" }

[gateway.routes]
"/users"  = "users"
"/orders/" = "orders"
"Api.Example.com/v1" = { to = "orders", strip = true }
"/files" = { to = "orders", timeout = "5m", rate = "30/m", limits = { body = "1GiB" } }
"/chat" = "chat"
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
build_deadline = "1h"
artifact = ["target/release/orders"]
cache    = ["target"]
inputs   = ["proto/**/*.proto"]
run      = "./target/release/orders"
calls    = ["users", "orders"]
after    = ["users"]
listen   = "unix"
adaptive_concurrency = { max = 300 }
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
idle_timeout = "10s"
retries = 2
retry_budget = { percent = 10, per_second_min = 1 }
hedge = true
balance = { hash = { header = "X-User", load_percent_max = 150 } }
slow_start = "20s"
panic_percent = 0
upgrades = false
queue = 10
in_flight_max = 100
rate = "6000/m"
breaker = { consecutive = 3, success_percent_min = 90, requests_min = 5, window = "20s", open_min = "2s", open_max = "30s" }
outlier = { consecutive = 2, ejection = "5s", ejection_max = "50s", percent_max = 100 }
access_log = { sample = 0.01 }

[services.orders.connections.users.limits]
head = "16KiB"
target = "4KiB"
fields = 50
escaped_slashes = true
body = "1MiB"
response_head = "32KiB"
head_timeout = "1s"
progress = "1KiB"
progress_grace = "3s"
buffer = "64KiB"
client_idle = "1m"
client_age = "2h"
upstream_idle = "2s"
upstream_connections = 8
client_connections = 9
http2 = { streams = 10, window = "65535B", connection_window = "2147483647B", resets = 5, local_resets = 6, control_frames = 70, empty_frames = 8 }

[services.chat]
run = "./chat"
protocol = "http2"
adaptive_concurrency = false
calls = ["queue", "users"]

[services.chat.connections.users]
protocol = "tcp"
balance = "least-request"
limits = { upstream_connections = 4, client_connections = 5 }

[services.queue]
run = "./queue"
protocol = "tcp"
publishes = ["queue.full", "queue.empty", "other"]
subscribes = ["queue.*"]
buckets = ["sessions"]
objects = ["invoices"]

[topics."queue.full"]
retention = "workqueue"
max_bytes = "10MiB"
max_age = "none"
max_msgs = 1000
discard = "new"
duplicate_window = "10m"
durability = { interval = "10ms" }
max_deliver = 5
backoff = ["1s", "1m"]
dead_letter = false

[buckets.sessions]
history = 5
ttl = "1h"
max_bytes = "10MiB"
max_value = "64KiB"

[objects.invoices]
ttl = "none"
max_bytes = "1GiB"

[streams]
engine = "embedded"
"#;

#[test]
fn everything() {
    let route = |host: Option<&str>, prefix: &str, to: &str, strip, policy: Option<Policy>| {
        let route = Route::new(prefix, to.parse().unwrap());
        Route { host: host.map(Into::into), strip, policy: policy.map(Box::new), ..route }
    };
    let policy = gateway_policy();
    let files = Policy {
        timeout: seconds(300),
        rate: Some(Rate { requests: 30, per: seconds(60), burst: 1 }),
        limits: MessageLimits { body: Some(ByteSize(1 << 30)), ..policy.limits },
        ..policy.clone()
    };
    let chat = Policy { protocol: Protocol::Http2, ..policy.clone() };
    let gateway = Gateway {
        listen: "127.0.0.1:8080".parse().unwrap(),
        tls: Some(Tls::Files { cert: "tls/cert.pem".into(), key: "tls/key.pem".into() }),
        trusted: vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        connections: ConnectionLimits { total: 1000, per_peer: 100 },
        routes: vec![
            route(None, "/users", "users", false, None),
            route(None, "/orders", "orders", false, None),
            route(Some("api.example.com"), "/v1", "orders", true, None),
            route(None, "/files", "orders", false, Some(files)),
            route(None, "/chat", "chat", false, Some(chat)),
            route(None, "/", "users", false, None),
        ],
        policy,
    };
    let services = [("users", users()), ("orders", orders()), ("chat", chat_service()), ("queue", queue())];
    let services = services.map(|(name, service)| (name.parse().unwrap(), service)).into();
    check(
        EVERYTHING,
        System {
            gateway: Some(gateway),
            services,
            topics: topics(),
            buckets: buckets(),
            objects: objects(),
            kept: Kept { releases_max: 3, releases_age: seconds(3600) },
            ..System::new("shop".parse().unwrap())
        },
    );
}

fn gateway_policy() -> Policy {
    let edge = Policy::edge();
    Policy {
        timeout: seconds(90),
        rate: Some(Rate { requests: 100, per: seconds(1), burst: 20 }),
        breaker: None,
        access_log: AccessLog::Sampled(1000),
        limits: MessageLimits { client_idle: seconds(30), ..edge.limits },
        ..edge
    }
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
        ..Service::new(".venv/bin/flask --app app run --port $PORT")
    }
}

fn orders() -> Service {
    Service {
        inputs: vec!["proto/**/*.proto".into()],
        build: Some("cargo build --release -p orders".into()),
        build_deadline: seconds(3600),
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
        adaptive_concurrency: AdaptiveConcurrency::Within { min: 20, max: 300 },
        calls: [("users".parse().unwrap(), to_users()), ("orders".parse().unwrap(), Policy::default())].into(),
        store: Some(Store { engine: StoreEngine::Sqlite, path: Some("data/orders.db".into()) }),
        ..Service::new("./target/release/orders")
    }
}

fn to_users() -> Policy {
    Policy {
        protocol: Protocol::Http,
        timeout: seconds(2),
        connect_timeout: Duration::from_millis(250),
        idle_timeout: seconds(10),
        retries: 2,
        retry_budget: RetryBudget { percent: 10, per_second_min: 1 },
        hedge: true,
        balance: Balance::Hash { key: HashKey::Header("x-user".into()), load_percent_max: 150 },
        slow_start: Some(seconds(20)),
        panic_percent: 0,
        upgrades: false,
        in_flight_max: 100,
        queue: 10,
        rate: Some(Rate { requests: 6000, per: seconds(60), burst: 100 }),
        breaker: Some(Breaker {
            consecutive: 3,
            success_percent_min: 90,
            requests_min: 5,
            window: seconds(20),
            open_min: seconds(2),
            open_max: seconds(30),
        }),
        outlier: Some(Outlier { consecutive: 2, ejection: seconds(5), ejection_max: seconds(50), percent_max: 100 }),
        limits: limits_of_users(),
        access_log: AccessLog::Sampled(10),
    }
}

fn limits_of_users() -> MessageLimits {
    MessageLimits {
        head: ByteSize(16 << 10),
        target: ByteSize(4 << 10),
        fields: 50,
        escaped_slashes: true,
        body: Some(ByteSize(1 << 20)),
        response_head: ByteSize(32 << 10),
        head_timeout: seconds(1),
        progress: ByteSize(1 << 10),
        progress_grace: seconds(3),
        buffer: ByteSize(64 << 10),
        client_idle: seconds(60),
        client_age: Some(seconds(7200)),
        upstream_idle: seconds(2),
        upstream_connections: 8,
        client_connections: 9,
        http2: Http2Limits {
            streams: 10,
            window: ByteSize(65_535),
            connection_window: ByteSize((1 << 31) - 1),
            resets: 5,
            local_resets: 6,
            control_frames: 70,
            empty_frames: 8,
        },
    }
}

fn chat_service() -> Service {
    let default = Policy { protocol: Protocol::Tcp, ..Policy::default() };
    let limits = MessageLimits { upstream_connections: 4, client_connections: 5, ..MessageLimits::inside() };
    let to_users = Policy { balance: Balance::LeastRequest, limits, ..default.clone() };
    Service {
        protocol: Protocol::Http2,
        adaptive_concurrency: AdaptiveConcurrency::Switch(false),
        calls: [("queue".parse().unwrap(), default), ("users".parse().unwrap(), to_users)].into(),
        ..Service::new("./chat")
    }
}

fn queue() -> Service {
    let topics = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    Service {
        protocol: Protocol::Tcp,
        adaptive_concurrency: AdaptiveConcurrency::Switch(false),
        publishes: topics(&["queue.full", "queue.empty", "other"]),
        subscribes: topics(&["queue.full", "queue.empty"]),
        buckets: ["sessions".parse().unwrap()].into(),
        objects: ["invoices".parse().unwrap()].into(),
        ..Service::new("./queue")
    }
}

fn topics() -> BTreeMap<TopicName, Topic> {
    let full = Topic {
        retention: Retention::WorkQueue,
        max_bytes: Some(ByteSize(10 << 20)),
        max_age: None,
        max_msgs: Some(1000),
        discard: Discard::New,
        duplicate_window: seconds(600),
        durability: Durability::Interval(Duration::from_millis(10)),
        redelivery: Redelivery { max_deliver: Some(5), backoff: vec![seconds(1), seconds(60)], dead_letter: false },
    };
    let all = [("queue.full", full), ("queue.empty", Topic::default()), ("other", Topic::default())];
    all.map(|(name, topic)| (name.parse().unwrap(), topic)).into()
}

fn buckets() -> BTreeMap<BucketName, Bucket> {
    let (max_bytes, max_value) = (Some(ByteSize(10 << 20)), Some(ByteSize(64 << 10)));
    let sessions = Bucket { history: 5, ttl: Some(seconds(3600)), max_bytes, max_value };
    [("sessions".parse().unwrap(), sessions)].into()
}

fn objects() -> BTreeMap<BucketName, Objects> {
    [("invoices".parse().unwrap(), Objects { ttl: None, max_bytes: Some(ByteSize(1 << 30)) })].into()
}

type Change = fn(&mut Policy);

/// The keys of a connection, and what they change in its policy.
fn policies(rows: &[(&str, Change)]) {
    for (keys, change) in rows {
        let text = format!(
            "[system]\nname = \"shop\"\n[services.a]\nrun = \"./a\"\ncalls = [\"a\"]\n[services.a.connections.a]\n{keys}\n"
        );
        let parsed = parse(&text, &Memory::default());
        assert_eq!(parsed.diagnostics, [], "{keys}");
        let system = parsed.system.unwrap();
        let a = "a".parse().unwrap();
        let mut expected = Policy::default();
        change(&mut expected);
        assert_eq!(system.services[&a].calls[&a], expected, "{keys}");
    }
}

#[test]
fn every_way_to_write_a_key() {
    policies(&[
        ("", |_| {}),
        ("balance = \"peak-ewma\"", |p| p.balance = Balance::PeakEwma),
        ("balance = \"round-robin\"", |p| p.balance = Balance::RoundRobin),
        ("balance = { weighted = [3, 0x1] }", |p| p.balance = Balance::Weighted { weights: vec![3, 1] }),
        ("balance = { hash = { cookie = \"SID\" } }", |p| {
            p.balance = Balance::Hash { key: HashKey::Cookie("SID".into()), load_percent_max: 125 };
        }),
        ("balance.hash.path = true", |p| p.balance = Balance::Hash { key: HashKey::Path, load_percent_max: 125 }),
        ("rate = \"1/s\"", |p| p.rate = Some(Rate { requests: 1, per: seconds(1), burst: 1 })),
        ("rate = \" 90 / m \"", |p| p.rate = Some(Rate { requests: 90, per: seconds(60), burst: 2 })),
        ("rate = { limit = \"1000000/s\" }", |p| {
            p.rate = Some(Rate { requests: 1_000_000, per: seconds(1), burst: 1_000_000 });
        }),
        ("rate.limit = \"5/h\"\nrate.burst = 3", |p| {
            p.rate = Some(Rate { requests: 5, per: seconds(3600), burst: 3 });
        }),
        ("rate = false", |p| p.rate = None),
        ("breaker = {}", |p| p.breaker = Some(Breaker::default())),
        ("breaker = false", |p| p.breaker = None),
        ("outlier = { ejection = \"5m\" }", |p| {
            p.outlier = Some(Outlier { ejection: seconds(300), ..Outlier::default() });
        }),
        ("outlier = false", |p| p.outlier = None),
        ("slow_start = \"0s\"", |p| p.slow_start = None),
        ("access_log = \"off\"", |p| p.access_log = AccessLog::Off),
        ("access_log = { sample = 1 }", |p| p.access_log = AccessLog::Sampled(1000)),
        ("access_log = { sample = 0.001 }", |p| p.access_log = AccessLog::Sampled(1)),
        ("limits = { body = \"none\", progress = \"0B\" }", |p| p.limits.progress = ByteSize(0)),
        ("limits = { body = \"0B\" }", |p| p.limits.body = Some(ByteSize(0))),
    ]);
}

#[test]
fn a_route_changes_what_the_gateway_says() {
    let text = "[system]\nname = \"shop\"\n[services.a]\nrun = \"./a\"\n[gateway]\nlisten = \"127.0.0.1:80\"\n\
                tls = \"development\"\nrate = \"9/s\"\nbreaker = { consecutive = 7 }\noutlier = false\nslow_start = \"9s\"\n\
                limits = { body = \"9MiB\", fields = 9 }\n[gateway.routes]\n\"/\" = { to = \"a\", rate = false, \
                breaker = { requests_min = 3 }, outlier = {}, slow_start = \"0s\", limits = { body = \"none\" } }\n";
    let parsed = parse(text, &Memory::default());
    assert_eq!(parsed.diagnostics, []);
    let gateway = parsed.system.unwrap().gateway.unwrap();
    let edge = Policy::edge();
    let expected = Policy {
        breaker: Some(Breaker { consecutive: 7, requests_min: 3, ..Breaker::default() }),
        limits: MessageLimits { body: None, fields: 9, ..edge.limits },
        ..edge
    };
    assert_eq!(gateway.routes[0].policy.as_deref(), Some(&expected));
    assert_eq!(gateway.tls, Some(Tls::Development));
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
