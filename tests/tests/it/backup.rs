//! A copy of `.isles/` as `docs/operations.md` says, given back: what its table promises is there again.

use std::fs;

use model::api::TopicStatus;
use serde_json::{Value, json};
use tests::{binary, process, sandbox::Sandbox, wait};

const MANIFEST: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/shop" = { to = "shop", strip = true } }

[services.shop]
dir = "shop"
build = "cat version > made"
run = "export V=$(cat made); exec python3 service.py"
store = "sqlite"
secrets = ["TOKEN"]
publishes = ["orders"]
subscribes = ["orders"]
buckets = ["sent"]
objects = ["photos"]
"#;

/// A system in its second release that has something of all that is kept.
fn lived() -> Sandbox {
    let sandbox = Sandbox::new(MANIFEST);
    sandbox.write("shop/service.py", &sandbox.read("service.py"));
    give_secret(&sandbox);
    for version in ["one", "two"] {
        sandbox.write("shop/version", version);
        let verb: &[&str] = if version == "one" { &["up", "-d"] } else { &["deploy"] };
        sandbox.isles(verb).ok();
    }
    for statement in ["CREATE TABLE orders (text TEXT)", "INSERT INTO orders VALUES ('a pump')"] {
        assert_eq!(sandbox.post("/shop/sql", statement).text(), "[]");
    }
    sandbox.isles(&["kv", "put", "sent", "order.1", "by post"]).ok();
    sandbox.publish("shop", "$O.photos.C.1", "a photo", "seq");
    let consumer = r#"{"stream_name":"orders","config":{"durable_name":"shop","ack_policy":"explicit"}}"#;
    sandbox.publish("shop", "$JS.API.CONSUMER.DURABLE.CREATE.orders.shop", consumer, "created");
    for text in ["first", "second"] {
        sandbox.isles(&["topic", "pub", "orders", text]).ok();
    }
    let pulled = sandbox.publish("shop", "$JS.API.CONSUMER.MSG.NEXT.orders.shop", r#"{"batch":1}"#, "first");
    let ack = pulled.split_whitespace().find(|word| word.starts_with("$JS.ACK.")).expect("it can be acknowledged");
    assert!(sandbox.publish("shop", ack, "+ACK", "MSG").contains("MSG"), "it is acknowledged");
    sandbox.isles(&["scale", "shop=2"]).ok();
    wait::until_is("both instances", &2, || sandbox.pids("shop").len());
    sandbox
}

fn give_secret(sandbox: &Sandbox) {
    fs::create_dir_all(sandbox.path(".isles")).expect("the folder is there");
    sandbox.shell("umask 077; echo TOKEN=hush > .isles/secrets").ok();
}

/// What of it there is to find again.
fn found(sandbox: &Sandbox) -> Value {
    let mut instances: Vec<_> = sandbox.pids("shop").into_iter().map(|pid| own(sandbox, pid)).collect();
    instances.sort();
    let object = r#"{"last_by_subj":"$O.photos.C.1"}"#;
    let photo = sandbox.publish("shop", "$JS.API.STREAM.MSG.GET.OBJ_photos", object, "data");
    json!({
        "store": sandbox.post("/shop/sql", "SELECT * FROM orders").text(),
        "instances": instances,
        "releases": sandbox.releases(),
        "messages": sandbox.isles(&["topic", "tail", "orders", "--from", "first", "--once"]).ok().out,
        "consumers": sandbox.typed::<TopicStatus>("/v1/topics/orders").consumers,
        "key": sandbox.isles(&["kv", "get", "sent", "order.1"]).ok().out,
        "object": photo.split_once("MSG _INBOX.t").expect("it is answered").1,
    })
}

/// What an instance sees of all that, wherever the folder is.
fn own(sandbox: &Sandbox, pid: u32) -> Vec<String> {
    let names = ["V=", "TOKEN=", "NATS_URL=", "DATABASE_PATH="];
    let folder = sandbox.folder().display().to_string();
    let variables = process::environment(pid).into_iter().map(|variable| variable.replace(&folder, ""));
    variables.filter(|variable| names.iter().any(|name| variable.starts_with(name))).collect()
}

/// The rows of the table: what stands in the first column of each.
fn rows() -> Vec<Vec<String>> {
    let page = fs::read_to_string(binary::repository().join("docs/operations.md")).expect("it is there");
    let (_, table) = page.split_once("| in `.isles/` |").expect("the table is there");
    let rows = table.lines().skip(2).take_while(|row| row.starts_with('|'));
    let names = |row: &str| {
        let first = row.split('|').nth(1).unwrap_or_default();
        first.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    rows.map(names).collect()
}

/// The folder as it is after a restore of these rows, and of nothing else; all of it is in `copy`. Only after an upgrade is there a `bin/`.
fn restore(sandbox: &Sandbox, rows: &[Vec<String>]) {
    sandbox.shell("rm -rf .isles && mkdir -m 700 .isles").ok();
    for name in rows.iter().flatten().filter(|name| *name != "bin/" || sandbox.path("copy/bin").exists()) {
        sandbox.shell(&format!("cp -a copy/{name} .isles/")).ok();
    }
}

/// Copies all of it, and says which rows are kept: not the last one, which is made again.
fn copied(sandbox: &Sandbox) -> Vec<Vec<String>> {
    sandbox.isles(&["down"]).ok();
    sandbox.shell("cp -a .isles copy").ok();
    let mut rows = rows();
    let made_again = rows.pop().expect("there are rows");
    assert_eq!((made_again[0].as_str(), rows.len()), ("builds/", 5));
    rows
}

#[test]
fn what_is_copied_is_there_again() {
    let sandbox = lived();
    let before = found(&sandbox);
    assert_eq!((&before["consumers"][0]["pending"], &before["consumers"][0]["unacknowledged"]), (&json!(1), &json!(0)));
    let rows = copied(&sandbox);
    let mut elsewhere = Sandbox::empty();
    elsewhere.gateway = sandbox.gateway;
    elsewhere.manifest(MANIFEST);
    elsewhere.shell(&format!("cp -a {} .", sandbox.path("copy").display())).ok();
    restore(&elsewhere, &rows);
    elsewhere.isles(&["up", "-d", "--resume"]).ok();
    assert_eq!(found(&elsewhere), before);
    elsewhere.isles(&["rollback"]).ok();
    assert_eq!(elsewhere.get("/shop/env").json()["V"], "one", "its files were only in the copy");
    elsewhere.isles(&["rollback", "--to", "2"]).ok();
    elsewhere.shell(&format!("cp -a {} .", sandbox.path("shop").display())).ok();
    elsewhere.isles(&["deploy"]).ok().says(&["nothing differs from release 2"]);
}

#[test]
fn what_is_not_copied_is_missed_as_the_table_says() {
    let sandbox = lived();
    let before = found(&sandbox);
    let rows = copied(&sandbox);
    for row in &rows {
        let others: Vec<_> = rows.iter().filter(|other| *other != row).cloned().collect();
        restore(&sandbox, &others);
        let resume: &[&str] = &["up", "-d", "--resume"];
        match row[0].as_str() {
            "stores/" => {
                sandbox.isles(resume).ok();
                assert_eq!(sandbox.post("/shop/sql", "SELECT count(*) FROM sqlite_master").text(), "[[0]]");
            }
            "state/" => {
                sandbox.isles(resume).code(1).says(&["no release has run yet"]);
                sandbox.up();
                assert_eq!((sandbox.releases().len(), sandbox.pids("shop").len()), (1, 1));
                assert_eq!(sandbox.typed::<TopicStatus>("/v1/topics/orders").messages, 0);
                sandbox.isles(&["kv", "get", "sent", "order.1"]).code(1);
                assert_eq!(sandbox.post("/shop/sql", "SELECT * FROM orders").text(), "[[\"a pump\"]]");
            }
            "store/" => {
                sandbox.isles(resume).code(1).says(&["no release has run yet"]);
                sandbox.up();
                assert_eq!(found(&sandbox), before);
                sandbox.isles(&["rollback"]).code(1).says(&["restore it from a copy"]);
            }
            "secrets" => {
                sandbox.isles(resume).code(1).says(&["the secret `TOKEN` of `shop` is not given"]);
                give_secret(&sandbox);
                sandbox.isles(resume).ok();
                assert_eq!(found(&sandbox), before);
                sandbox.isles(&["deploy", "--dry-run"]).ok().says(&["secret"]);
            }
            "bin/" => {
                sandbox.isles(resume).ok();
                assert_eq!(found(&sandbox), before);
            }
            other => panic!("a row of the table is not tried: {other}"),
        }
        sandbox.isles(&["down"]).ok();
    }
}
