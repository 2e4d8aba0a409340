//! What the verbs render, by exact expectation.

use model::spec::{Service, System};
use serde_json::json;

use super::*;
use crate::{
    fixture::{NOW, from, manifest, service, system, with},
    paint::Paint,
    table::Cell,
};

const PLAIN: Paint = Paint { on: false };

fn trouble(cause: &str) -> serde_json::Value {
    json!({ "cause": cause, "hint": "see its log", "log": ["Traceback:", "  no module named \u{1b}[31mflask"] })
}

#[test]
fn ps() {
    let users = with(
        service("users", "degraded", 1, 2),
        json!({ "instances": [
            {
                "id": "users/1#3", "phase": "healthy", "pid": 101, "address": "127.0.0.1:20001",
                "started_at": 8_000_000, "crashes": 0, "in_flight": 0, "memory_bytes": 12_900_352,
                "release": 12, "side": "new",
            },
            { "id": "users/2#12", "phase": "backoff", "crashes": 3, "in_flight": 0, "release": 11 },
        ]}),
    );
    let expected = "\
INSTANCE    PHASE    RELEASE  PID  ADDRESS          UPTIME  MEMORY   CRASHES
users/1#3   healthy  12 new   101  127.0.0.1:20001  3m12s   12.3MiB  0
users/2#12  backoff  11       -    -                -       -        3
";
    let system = system("running", json!([users]));
    assert_eq!(ps::render(&system, None, NOW, PLAIN), expected);
    let topics = Some(Cell::plain("1 topic, 7 messages; mailer is 2 behind in orders.placed"));
    let expected = format!("{expected}\ntopics  1 topic, 7 messages; mailer is 2 behind in orders.placed\n");
    assert_eq!(ps::render(&system, topics, NOW, PLAIN), expected);
}

#[test]
fn status() {
    let orders = with(
        service("orders", "healthy", 2, 2),
        json!({ "fixed": true, "inbound": "mesh-only", "calls": ["stock", "users"] }),
    );
    let users = with(service("users", "crash-loop", 0, 1), json!({ "problem": trouble("exited with code 1, again") }));
    let mut status = system("starting", json!([orders, users]));
    status.notices = vec!["memory limits need a writable cgroup".into()];
    let expected = "\
system   shop starting, up 3m12s, isles 0.1.0, pid 4242
gateway  http://127.0.0.1:8080
notice   memory limits need a writable cgroup

SERVICE  PHASE       REPLICAS   INBOUND    CALLS        PROBLEM
orders   healthy     2/2 fixed  mesh-only  stock,users  -
users    crash-loop  0/1        open       -            exited with code 1, again
";
    assert_eq!(status::render(&status, (None, None), NOW, None, PLAIN), expected);
    let unknown = model::status::SystemStatus { up_since: None, ..status.clone() };
    let first = status::render(&unknown, (None, None), NOW, None, PLAIN);
    assert!(first.starts_with("system   shop starting, isles 0.1.0, pid 4242\n"), "{first}");
    status.problem = Some(from(trouble("port 8080 is in use")));
    let expected = "\
system   shop starting, up 3m12s, isles 0.1.0, pid 4242
gateway  http://127.0.0.1:8080
problem  port 8080 is in use
hint     see its log
notice   memory limits need a writable cgroup

SERVICE  PHASE       REPLICAS   INBOUND    CALLS        PROBLEM
orders   healthy     2/2 fixed  mesh-only  stock,users  -
users    crash-loop  0/1        open       -            exited with\u{2026}
";
    assert_eq!(status::render(&status, (None, None), NOW, Some(68), PLAIN), expected);
}

#[test]
fn why() {
    let why = json!({
        "service": with(
            service("users", "crash-loop", 0, 1),
            json!({
                "problem": trouble("exited with code 1, again"),
                "instances": [{
                    "id": "users/1#7", "phase": "backoff", "crashes": 6, "in_flight": 0,
                    "problem": trouble("exited with code 1, again"),
                }],
            }),
        ),
        "summary": "users does not run: its program exits again and again.",
        "findings": [
            {
                "connection": "orders -> users", "now": true, "what": "the breaker is open: requests are refused",
                "hint": "it closes by itself",
            },
            {
                "connection": "orders -> users", "now": false,
                "what": "40 of 90 requests: refused, the instance refused the connection", "hint": "see its log",
            },
        ],
        "events": [
            { "at": 100_000_000, "what": "build done" },
            { "at": 195_000_000, "instance": "users/1#7", "what": "exited with code 1" },
        ],
        "failures": [{
            "at": 199_500_000, "connection": "orders/1 -> users", "service": "users", "request": "GET /users/1",
            "reason": "refused", "detail": "connection refused", "instances": ["users/1#7"],
        }],
    });
    let expected = "\
users does not run: its program exits again and again.

error: users: exited with code 1, again
  | Traceback:
  |   no module named flask
hint: see its log

warning: orders -> users: the breaker is open: requests are refused
hint: it closes by itself

failed requests
  0.5s ago  orders/1 -> users  GET /users/1  refused  connection refused (tried users/1#7)

since Isles started
  orders -> users  40 of 90 requests: refused, the instance refused the connection
                   hint: see its log

events
  1m40s ago  -          build done
  5.0s ago   users/1#7  exited with code 1
";
    assert_eq!(why::render(&from(why), NOW, None, PLAIN), expected);
}

#[test]
fn what_is_the_same_is_said_once() {
    let log = ["listening", "no such table", "no such table", "no such table", "listening"];
    let failure = |seconds: u64, request: &str, instance: &str, detail: &str| {
        json!({
            "at": NOW.0 - seconds * 1_000_000, "connection": "orders/1 -> users", "service": "users", "request": request,
            "reason": "refused", "detail": detail, "instances": [instance],
        })
    };
    let answered = |seconds: u64, status: u16| {
        json!({
            "at": NOW.0 - seconds * 1_000_000, "connection": "orders/1 -> users", "service": "users", "request": "GET /a",
            "status": status, "detail": "", "instances": ["users/1#1"],
        })
    };
    let why = json!({
        "service": with(
            service("users", "unhealthy", 0, 1),
            json!({ "problem": { "cause": "its health check fails", "hint": "see its log", "log": log } }),
        ),
        "summary": "users is unhealthy.", "findings": [], "events": [],
        "failures": [
            failure(1, "GET /a", "users/1#1", "nobody listens there any more"), failure(2, "GET /b", "users/1#1", "no"),
            failure(3, "GET /a", "users/1#1", "no"), failure(4, "GET /a", "users/2#1", ""), failure(5, "GET /a", "users/1#1", "no"),
            answered(6, 500), answered(7, 503), answered(8, 500),
        ],
    });
    let expected = "\
users is unhealthy.

error: users: its health check fails
  | listening
  | no such table (3 times)
  | listening
hint: see its log

failed requests
  1.0s ago  orders/1 -> users  GET /a  refused  nobody listens there any more (tried users/1#1; 3 times)
  2.0s ago  orders/1 -> users  GET /b  refused  no (tried users/1#1)
  4.0s ago  orders/1 -> users  GET /a  refused  (tried users/2#1)
  6.0s ago  orders/1 -> users  GET /a  500      (tried users/1#1; 2 times)
  7.0s ago  orders/1 -> users  GET /a  503      (tried users/1#1)
";
    assert_eq!(why::render(&from(why), NOW, None, PLAIN), expected);
}

#[test]
fn why_fits_one_screen() {
    let events: Vec<_> = (0..50).map(|i| json!({ "at": 0, "what": format!("event {i}") })).collect();
    let failure = json!({
        "at": 0, "connection": "orders/1 -> users", "service": "users", "request": "GET /", "reason": "timeout",
        "detail": "no answer in 30s", "instances": [],
    });
    let finding = |i| json!({ "connection": "orders -> users", "now": i < 50, "what": "bad", "hint": "do good" });
    let findings: Vec<_> = (0..100).map(finding).collect();
    let why = json!({
        "service": service("users", "healthy", 1, 1), "summary": "users is healthy.", "events": events,
        "failures": vec![failure; 50], "findings": findings,
    });
    let text = why::render(&from(why), NOW, None, PLAIN);
    assert!(text.lines().count() <= 50, "{text}");
    assert!(text.contains("event 40\n") && text.ends_with("event 49\n") && !text.contains("event 39"), "{text}");
}

#[test]
fn a_long_request_leaves_room_for_its_reason() {
    let failure = |request: String| {
        json!({
            "at": 199_500_000, "connection": "orders/1 -> users", "service": "users", "request": request, "reason": "timeout",
            "detail": "no answer in 30s", "instances": [],
        })
    };
    let why = json!({
        "service": service("users", "healthy", 1, 1), "summary": "users is healthy.", "events": [], "findings": [],
        "failures": [failure("GET /".into()), failure(format!("GET /{}", "a".repeat(115)))],
    });
    let expected = "\
users is healthy.

failed requests
  0.5s ago  orders/1 -> users  GET /                 timeout  no answer in 30s
  0.5s ago  orders/1 -> users  GET /aaaaaaaaaaaaaa\u{2026}  timeout  no answer in 30s
";
    assert_eq!(why::render(&from(why), NOW, Some(60), PLAIN), expected);
}

#[test]
fn check_summary() {
    let text = "[system]\nname = \"shop\"\n[services.users]\nrun = \"./users\"\nstore = \"sqlite\"\n\
                [services.orders]\nrun = \"./orders\"\ncalls = [\"users\"]\n";
    let good = manifest(text);
    assert_eq!(check::summary(Some(&good), &[]), "2 services, 1 connection, 1 store");
    let messages = manifest(
        "[system]\nname = \"shop\"\n[services.users]\nrun = \"./users\"\npublishes = [\"a.b\", \"c\"]\nbuckets = [\"x\"]\n",
    );
    assert_eq!(check::summary(Some(&messages), &[]), "1 service, 0 connections, 0 stores, 2 topics, 1 bucket");
    let parsed = ::manifest::parse("[system]\nnam = 1\n", &::manifest::Memory::default());
    let errors = parsed.diagnostics.len();
    assert_eq!(check::summary(None, &parsed.diagnostics), format!("{errors} errors"));
}

fn planned(service: &str, change: &str, fields: serde_json::Value) -> serde_json::Value {
    with(json!({ "service": service, "change": change, "old": 2, "new": 2, "most": 2 }), fields)
}

#[test]
fn plans() {
    let services = json!([
        planned("users", "replaced", json!({ "parts": ["artifact", "env.COLOUR"], "most": 3 })),
        planned("orders", "second", json!({ "most": 4 })),
        planned("payments", "added", json!({ "old": 0, "new": 1, "most": 1 })),
        planned("stock", "adjusted", json!({ "parts": ["drain_timeout"] })),
        planned("mailer", "removed", json!({ "new": 0 })),
    ]);
    let others = json!(["the routes of the gateway change"]);
    let plan = json!({ "index": 42, "from": 11, "strategy": "canary", "services": services, "others": others });
    let table = "\
SERVICE   CHANGE    INSTANCES  AT MOST  WHAT
users     replaced  2          3        artifact, env.COLOUR
orders    second    2          4        a second set, for it lies between services that change
payments  added     0 -> 1     1        -
stock     adjusted  2          2        drain_timeout
mailer    removed   2 -> 0     2        -
the routes of the gateway change
";
    let expected = format!("from release 11, index 42: canary\n{table}at most 4 more instances meanwhile\n");
    assert_eq!(deploy::render(&from(plan), None, PLAIN), expected);
    let diff = json!({ "from": 11, "to": 12, "services": services, "others": others });
    let differs = "\
SERVICE   CHANGE    INSTANCES  WHAT
users     replaced  2          artifact, env.COLOUR
orders    second    2          a second set, for it lies between services that change
payments  added     0 -> 1     -
stock     adjusted  2          drain_timeout
mailer    removed   2 -> 0     -
the routes of the gateway change
";
    assert_eq!(diff::render(&from(diff), None, PLAIN), differs, "nothing is rolled out");
    let adjusted = json!({ "index": 42, "from": 11, "services": [planned("stock", "adjusted", json!({}))] });
    let text = deploy::render(&from(adjusted), None, PLAIN);
    assert!(text.starts_with("from release 11, index 42: no instance is replaced\n"), "{text}");
    assert!(text.ends_with("-\n"), "it costs nothing: {text}");
}

#[test]
fn strategies_that_do_not_apply() {
    let plan = json!({
        "index": 42, "from": 11, "strategy": "rolling", "overruled": { "web": "canary" },
        "services": [planned("web", "replaced", json!({})), planned("clock", "replaced", json!({}))],
    });
    let text = deploy::render(&from(plan), None, PLAIN);
    let said = "\nthe canary of web does not apply: services that change have different strategies; \
                give them the same `[services.NAME.upgrade]`, or set `[upgrade]`\n";
    assert!(text.contains(said), "{text}");
}

#[test]
fn what_runs_in_place_is_not_compared() {
    let mut system = System::new("shop".parse().unwrap());
    let mut add = |name: &str, edit: fn(&mut Service)| {
        let mut service = Service::new("./run");
        edit(&mut service);
        system.services.insert(name.parse().unwrap(), service);
    };
    add("built", |service| service.build = Some("make".into()));
    add("kept", |service| service.artifact = vec!["run".into()]);
    assert_eq!(deploy::in_place(&system, "isles restart"), "");
    ["web", "clock"].into_iter().for_each(|name| {
        system.services.insert(name.parse().unwrap(), Service::new("./run"));
    });
    let expected =
        "not compared, for it runs in place: clock, web; `isles restart clock web` takes up what was edited\n";
    assert_eq!(deploy::in_place(&system, "isles restart"), expected);
}

#[test]
fn where_nothing_differs() {
    let plan = json!({ "index": 42, "from": 11, "services": [] });
    assert_eq!(deploy::render(&from(plan), None, PLAIN), "nothing differs from release 11, which runs\n");
    let diff = json!({ "from": 11, "to": 12, "services": [] });
    assert_eq!(diff::render(&from(diff), None, PLAIN), "nothing differs between 11 and 12\n");
}

#[test]
fn a_service_that_is_named_twice_is_restarted_once() {
    let services: Vec<ServiceName> = from(json!(["web", "app", "web"]));
    assert_eq!(restart::once(&services), [&services[0], &services[1]]);
}

#[test]
fn releases() {
    let release = |number: u64, state: &str, fields| {
        let at = NOW.0 - (20 - number) * 10_000_000;
        with(json!({ "number": number, "at": at, "state": state, "bundles": {}, "changed": [] }), fields)
    };
    let all: Vec<model::api::Release> = from(json!([
        release(10, "retired", json!({ "changed": null })),
        release(11, "retired", json!({ "changed": ["orders", "users"] })),
        release(12, "rolled-back", json!({ "changed": ["users"], "reason": "users/5 answered 500" })),
        release(13, "running", json!({ "changed": ["users"] })),
    ]));
    let expected = "\
RELEASE  STATE        MADE       CHANGED       REASON
13       running      1m10s ago  users         -
12       rolled-back  1m20s ago  users         users/5 answered 500
11       retired      1m30s ago  orders,users  -
10       retired      1m40s ago  unknown       -
";
    assert_eq!(releases::render(&all, NOW, None, PLAIN), expected);
}
