//! The example `shop`, through its gateway.

use std::sync::{Mutex, MutexGuard, PoisonError};

use model::status::SystemPhase;
use rustix::process::Signal;
use serde_json::json;
use tests::{load::Load, process, sandbox::Sandbox, wait};

/// The shop's builds are shared by the tests: one at a time.
static BUILDS: Mutex<()> = Mutex::new(());

/// The shop, up.
pub(crate) fn shop() -> Sandbox {
    let shop = Sandbox::example("shop");
    let _guard: MutexGuard<()> = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    shop.up();
    shop
}

#[test]
fn an_order_crosses_all_four_services() {
    let shop = shop();
    let ada = shop.post("/users", r#"{"name": "Ada"}"#);
    assert_eq!((ada.status, ada.header("location")), (201, Some("/users/1")), "{}", ada.text());
    assert_eq!(shop.get("/users/1").json(), json!({"id": 1, "name": "Ada"}));
    let tea = || shop.get("/stock/tea").json()["available"].as_i64();
    let before = tea();

    let order = shop.post("/orders", r#"{"user": 1, "sku": "tea", "quantity": 2}"#);
    assert_eq!(order.status, 201, "{}", order.text());
    let place = order.header("location").expect("an order has a place").to_owned();
    assert_eq!(shop.get(&place).json()["sku"], "tea");
    assert_eq!(tea(), before.map(|count| count - 2));

    for (body, status) in [
        (r#"{"user": 7, "sku": "tea", "quantity": 1}"#, 404),
        (r#"{"user": 1, "sku": "gold", "quantity": 1}"#, 404),
        (r#"{"user": 1, "sku": "samovar", "quantity": 3}"#, 402),
        (r#"{"user": 1, "sku": "samovar", "quantity": 1000}"#, 409),
        (r#"{"user": 1, "sku": "tea", "quantity": 0}"#, 422),
        ("nonsense", 400),
    ] {
        let refused = shop.post("/orders", body);
        assert_eq!((refused.status, refused.header("x-isles-reason")), (status, None), "{body}: {}", refused.text());
        assert!(refused.json()["error"].is_string(), "{body}: {}", refused.text());
    }
    assert_eq!(tea(), before.map(|count| count - 2), "a refused order gives back what it reserved");
}

#[test]
fn each_order_has_one_mail_whatever_dies() {
    let shop = shop();
    shop.post("/users", r#"{"name": "Ada"}"#);
    let order = || {
        let placed = shop.post("/orders", r#"{"user": 1, "sku": "tea", "quantity": 1}"#);
        assert_eq!(placed.status, 201, "{}", placed.text());
        placed.json()["id"].clone()
    };
    let mails = || {
        let mails = shop.isles(&["call", "mailer", "/mails"]).ok().json();
        let orders = mails.as_array().expect("a list").iter().rev().map(|mail| mail["order"].clone());
        orders.collect::<Vec<_>>()
    };
    let mut placed = vec![order()];
    wait::until_is("a mail", &placed, mails);
    process::signal(shop.pid("mailer"), Signal::KILL);
    placed.push(order());
    let platform = shop.status().platform_pid;
    process::signal(platform, Signal::KILL);
    placed.push(order());
    placed.extend((0..5).map(|_| order()));
    wait::until_is("a mail for each order", &placed.len(), || mails().len());
    let (mut sent, mut expected) = (mails(), placed);
    for orders in [&mut sent, &mut expected] {
        orders.sort_by_key(ToString::to_string);
    }
    assert_eq!(sent, expected);
}

#[test]
fn payments_cannot_be_reached_from_outside() {
    let shop = shop();
    for path in ["/payments", "/payments/1", "/", "/usersx", "/orders/../payments", "/orders/%2e%2e/payments"] {
        assert_eq!(shop.get(path).refusal(), (404, Some("no-route")), "{path}");
    }
    let called = shop.isles(&["call", "payments", "/healthz"]);
    assert_eq!(called.code, Some(0), "the operator may call what has no route: {called:?}");
}

#[test]
fn status_ps_and_graph_say_what_runs() {
    let shop = shop();
    let status = shop.isles(&["status", "--json"]).ok().json();
    assert_eq!((&status["name"], &status["phase"]), (&json!("shop"), &json!("running")));
    let services: Vec<_> = status["services"].as_array().expect("a list").iter().collect();
    let names: Vec<_> = services.iter().map(|service| service["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mailer", "orders", "payments", "stock", "users"]);
    assert_eq!(services[1]["calls"], json!(["payments", "stock", "users"]));

    let instances = shop.isles(&["ps", "--json"]).ok().json();
    let instances = instances["instances"].as_array().expect("a list").clone();
    assert_eq!(instances.len(), 8, "{instances:#?}");
    for instance in &instances {
        assert_eq!(instance["phase"], "healthy", "{instance:#?}");
        assert!(instance["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 100_000), "{instance:#?}");
        let pid = u32::try_from(instance["pid"].as_u64().expect("it runs")).expect("a process id");
        assert!(process::is_alive(pid));
    }
    let table = shop.isles(&["ps"]).ok();
    assert_eq!(table.out.lines().take_while(|line| !line.is_empty()).count(), 9, "{table:#?}");

    shop.isles(&["graph"]).ok().says(&["s_orders --> s_users", "s_orders --> s_payments"]);
    shop.isles(&["graph", "--json"]).ok().says(&["payments"]);
    shop.isles(&["check"]).ok();
}

#[test]
fn orders_is_restarted_under_load_without_a_failed_request() {
    let shop = shop();
    shop.post("/users", r#"{"name": "Ada"}"#);
    let before = shop.pids("orders");
    let load = Load::start(3, shop.gateway, "/orders");
    load.wait_for(20);
    shop.isles(&["restart", "orders"]).ok();
    load.wait_for(20);
    load.assert_no_failure();
    let after = shop.pids("orders");
    assert!(after.len() == 2 && after.iter().all(|pid| !before.contains(pid)), "{before:?} {after:?}");
}

#[test]
fn a_killed_instance_comes_back() {
    let shop = shop();
    shop.post("/users", r#"{"name": "Ada"}"#);
    let victim = shop.pids("users")[0];
    process::signal(victim, Signal::KILL);
    let user = shop.get("/users/1");
    assert_eq!(user.status, 200, "the other instance answers: {}", user.text());
    wait::until_is("two healthy instances of users", &2, || {
        shop.pids("users").iter().filter(|pid| **pid != victim).count()
    });
    assert_eq!(shop.post("/orders", r#"{"user": 1, "sku": "tea", "quantity": 1}"#).status, 201);
    let crashes: Vec<_> = shop.service("users").instances.iter().map(|instance| instance.crashes).collect();
    assert_eq!(crashes.iter().sum::<u32>(), 1, "{crashes:?}");
    assert_eq!(shop.status().phase, SystemPhase::Running);
}

#[test]
fn what_was_stored_outlives_down() {
    let shop = shop();
    shop.post("/users", r#"{"name": "Ada"}"#);
    shop.isles(&["down"]).ok().says(&["shop is down"]);
    shop.assert_nothing_left();
    shop.up();
    assert_eq!(shop.get("/users/1").json(), json!({"id": 1, "name": "Ada"}));
}
