//! Whole commands about topics and buckets: what the API was asked, what was printed and how it ended.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use cli::exit::ExitCode;
use serde_json::{Value, json};
use support::{Folder, SHOP, answer, broken, lines, ok};

fn topic(last: u64) -> Value {
    json!({
        "name": "orders.placed", "stream": "orders_placed", "publishers": [], "subscribers": [], "messages": last, "bytes": 0,
        "first_sequence": 1, "last_sequence": last, "retention": "limits", "dead": 1, "consumers": [],
    })
}

fn message(sequence: u64, payload: &str) -> Value {
    json!({ "sequence": sequence, "at": 150_000_000, "payload": payload })
}

fn shown(sequence: u64, payload: &str) -> String {
    format!("{sequence}  1970-01-01T00:02:30.000Z  {payload}\n")
}

/// Runs a command against scripts, and gives what it ended with, printed and asked.
async fn run(line: &[&str], scripts: &[(&'static str, String)]) -> (ExitCode, String, String, Vec<String>) {
    let folder = Folder::new(SHOP);
    let server = folder.serve(scripts);
    let (code, out, err) = folder.run(line).await;
    (code, out, err, server.requests())
}

#[tokio::test]
async fn what_is_asked_and_printed() {
    for (line, request, body, answered, out) in [
        (
            &["topic", "pub", "orders.placed", "{}", "-H", "trace: 7", "--id", "a"] as &[&str],
            "POST /v1/topics/orders.placed/messages ",
            r#"{"payload":"{}","headers":[["trace","7"]],"id":"a"}"#,
            json!({ "sequence": 3 }),
            "orders.placed  3\n",
        ),
        (
            &["topic", "pub", "orders.placed", "{}"],
            "POST /v1/topics/orders.placed/messages ",
            r#"{"payload":"{}"}"#,
            json!({ "sequence": 3, "duplicate": true }),
            "orders.placed  3  was kept before, under the same id\n",
        ),
        (
            &["topic", "replay", "orders.placed", "mailer", "--from", "10m"],
            "POST /v1/topics/orders.placed/consumers/mailer/replay ",
            r#"{"from":"10m"}"#,
            json!({ "sequence": 1180, "messages": 25 }),
            "mailer  gets orders.placed from 1180 on: 25 messages\n",
        ),
        (
            &["kv", "put", "sessions", "a/b?c", "v", "--revision", "0"],
            "PUT /v1/buckets/sessions/keys/a/b%3Fc ",
            r#"{"value":"v","revision":0}"#,
            json!({ "revision": 5 }),
            "a/b?c  revision 5\n",
        ),
        (
            &["kv", "del", "sessions", "a"],
            "DELETE /v1/buckets/sessions/keys/a ",
            "",
            json!({ "revision": 6 }),
            "a  deleted, revision 6\n",
        ),
        (
            &["kv", "get", "sessions", "a"],
            "GET /v1/buckets/sessions/keys/a ",
            "",
            json!({ "key": "a", "revision": 5, "at": 1, "operation": "put", "value": { "base64": "aGk=" } }),
            "hi",
        ),
        (
            &["kv", "history", "sessions", "a", "--json"],
            "GET /v1/buckets/sessions/history/a ",
            "",
            json!([{ "key": "a", "revision": 5, "at": 1, "operation": "put", "value": "v" }]),
            "{\"key\":\"a\",\"revision\":5,\"at\":1,\"operation\":\"put\",\"value\":\"v\"}\n",
        ),
    ] {
        check(line, request, body, answered, out).await;
    }
}

#[tokio::test]
async fn messages_and_consumers_are_taken_away() {
    for (line, request, answered, out, err) in [
        (
            &["topic", "rm", "orders.placed", "7"] as &[&str],
            "DELETE /v1/topics/orders.placed/messages/7 ",
            json!({ "sequence": 7 }),
            "orders.placed  7  removed\n",
            "",
        ),
        (
            &["topic", "rm", "orders.placed", "7", "--json"],
            "DELETE /v1/topics/orders.placed/messages/7 ",
            json!({ "sequence": 7 }),
            "{\"sequence\":7}\n",
            "",
        ),
        (
            &["topic", "consumer", "rm", "orders.placed", "old"],
            "DELETE /v1/topics/orders.placed/consumers/old ",
            json!({ "name": "old" }),
            "old  removed from orders.placed\n",
            "",
        ),
        (
            &["topic", "consumer", "rm", "orders.placed", "mailer"],
            "DELETE /v1/topics/orders.placed/consumers/mailer ",
            json!({ "name": "mailer", "made_again_by": "mailer" }),
            "mailer  removed from orders.placed\n",
            "mailer subscribes to orders.placed: its program makes a new one when it runs again, which begins where the program \
             says, at the first message if it says nothing\n",
        ),
    ] {
        let (code, printed, said, _) = run(line, &[(request, ok(answered))]).await;
        assert_eq!((code, printed.as_str(), said.as_str()), (ExitCode::Ok, out, err), "{line:?}");
    }
}

#[tokio::test]
async fn what_becomes_of_dead_letters() {
    for (line, request, body, answered, out) in [
        (
            &["topic", "dead", "replay", "orders.placed", "mailer/3"] as &[&str],
            "POST /v1/topics/orders.placed/dead/replay ",
            r#"{"ids":["mailer/3"]}"#,
            json!(["mailer/3"]),
            "mailer/3  published again\n",
        ),
        (
            &["topic", "dead", "rm", "orders.placed", "mailer/3", "mailer/4"],
            "POST /v1/topics/orders.placed/dead/remove ",
            r#"{"ids":["mailer/3","mailer/4"]}"#,
            json!(["mailer/3", "mailer/4"]),
            "mailer/3  removed\nmailer/4  removed\n",
        ),
        (
            &["topic", "dead", "rm", "orders.placed", "--consumer", "mailer"],
            "POST /v1/topics/orders.placed/dead/remove ",
            r#"{"consumer":"mailer"}"#,
            json!(["mailer/3"]),
            "mailer/3  removed\n",
        ),
        (
            &["topic", "dead", "replay", "orders.placed", "--all", "--json"],
            "POST /v1/topics/orders.placed/dead/replay ",
            "{}",
            json!(["mailer/3", "mailer/4"]),
            "\"mailer/3\"\n\"mailer/4\"\n",
        ),
    ] {
        check(line, request, body, answered, out).await;
    }
}

async fn check(line: &[&str], request: &'static str, body: &str, answered: Value, out: &str) {
    let (code, printed, err, asked) = run(line, &[(request, ok(answered))]).await;
    assert_eq!((code, printed.as_str(), err.as_str()), (ExitCode::Ok, out, ""), "{line:?}: {asked:?}");
    assert_eq!(asked[0].split_once("\r\n\r\n").unwrap().1, body, "{line:?}");
}

#[tokio::test]
async fn wrong_lines_are_refused_before_anything_is_asked() {
    let folder = Folder::new(SHOP);
    for line in [
        &["topic", "info", "orders.*"] as &[&str],
        &["topic", "info", "a b"],
        &["topic", "replay", "orders.placed", "mailer"],
        &["topic", "replay", "orders.placed", "a/b", "--from", "first"],
        &["topic", "tail", "orders.placed", "--from", "yesterday"],
        &["topic", "tail", "orders.placed", "-n", "0"],
        &["topic", "dead", "replay", "orders.placed"],
        &["topic", "dead", "replay", "orders.placed", "mailer/3", "--all"],
        &["topic", "dead", "replay", "orders.placed", "3"],
        &["topic", "dead", "rm", "orders.placed"],
        &["topic", "dead", "rm", "orders.placed", "mailer/3", "--consumer", "mailer"],
        &["topic", "dead", "rm", "orders.placed", "--all", "--consumer", "mailer"],
        &["kv", "get", "a.b", "c"],
    ] {
        let environment =
            cli::settings::Environment { variables: Default::default(), current_dir: folder.path().into() };
        let all = std::iter::once("isles").chain(line.iter().copied()).map(Into::into);
        assert!(cli::settings::from_env(all, &environment).is_err(), "{line:?}");
    }
}

#[tokio::test]
async fn nothing_there() {
    for (line, request, answered, said) in [
        (&["topic", "ls"] as &[&str], "GET /v1/topics ", ok("[]"), "the system has no topics: a service that says"),
        (&["topic", "dead", "ls"], "GET /v1/topics ", ok("[]"), "there are no dead letters\n"),
        (&["kv", "ls"], "GET /v1/buckets ", ok("[]"), "the system has no buckets: a service that says"),
        (
            &["kv", "ls", "sessions", "users.>"],
            "GET /v1/buckets/sessions/keys?keys=users.%3E ",
            ok(""),
            "there are no such keys",
        ),
    ] {
        let (code, out, err, asked) = run(line, &[(request, answered)]).await;
        assert_eq!((code, out.as_str()), (ExitCode::Ok, ""), "{line:?}: {asked:?}");
        assert!(err.starts_with(said), "{line:?}: {err}");
    }
    let problem = json!({ "title": "there is no such topic", "status": 404, "reason": "unknown-topic",
        "detail": "there is no topic `orders.place`", "hint": "did you mean `orders.placed`?" });
    let refused = answer("404 No", "content-type: application/problem+json\r\n", &problem.to_string());
    let (code, _, err, _) = run(&["topic", "info", "orders.place"], &[("GET ", refused)]).await;
    let said = "error: there is no topic `orders.place`\nhint: did you mean `orders.placed`?\n";
    assert_eq!((code, err.as_str()), (ExitCode::Failed, said));
}

#[tokio::test(start_paused = true)]
async fn a_tail_misses_nothing_when_the_platform_starts_again() {
    let (code, out, err, asked) = run(
        &["topic", "tail", "orders.placed"],
        &[
            ("GET /v1/topics/orders.placed ", ok(topic(4))),
            ("GET /v1/topics/orders.placed/messages?from=5&follow=true ", broken(&[message(5, "a"), message(6, "b")])),
            ("GET /v1/topics/orders.placed/messages?from=7&follow=true ", lines(&[message(7, "c")])),
        ],
    )
    .await;
    let waiting = "waiting for messages on orders.placed; Ctrl-C ends it\n";
    assert_eq!((code, err.as_str()), (ExitCode::Ok, waiting), "{asked:?}");
    assert_eq!(out, [shown(5, "a"), shown(6, "b"), shown(7, "c")].concat());
}

#[tokio::test]
async fn where_a_tail_begins_and_ends() {
    let all = lines(&[message(1, "a"), message(2, "b")]);
    for (line, status, request, out, said) in [
        (&["--once"] as &[&str], None, "messages ", [shown(1, "a"), shown(2, "b")].concat(), ""),
        (&["--once", "-n", "1", "--from", "10m"], None, "messages?from=10m ", shown(1, "a"), ""),
        (
            &["--from", "first", "-n", "2"],
            Some(2),
            "messages?from=first&follow=true ",
            [shown(1, "a"), shown(2, "b")].concat(),
            "",
        ),
        (&["--from", "last", "-n", "1"], Some(1), "messages?from=1&follow=true ", shown(1, "a"), ""),
        (
            &["-n", "1"],
            Some(0),
            "messages?from=1&follow=true ",
            shown(1, "a"),
            "waiting for messages on orders.placed: nothing was published yet; Ctrl-C ends it\n",
        ),
        (&["-n", "1", "--json"], Some(0), "messages?from=1&follow=true ", format!("{}\n", text(&message(1, "a"))), ""),
    ] {
        let line: Vec<_> = ["topic", "tail", "orders.placed"].iter().chain(line).copied().collect();
        let request: &'static str = Box::leak(format!("GET /v1/topics/orders.placed/{request}").into_boxed_str());
        let status = status.map(|last| ("GET /v1/topics/orders.placed ", ok(topic(last))));
        let scripts: Vec<_> = status.into_iter().chain([(request, all.clone())]).collect();
        let (code, printed, err, asked) = run(&line, &scripts).await;
        assert_eq!((code, printed, err.as_str()), (ExitCode::Ok, out, said), "{line:?}: {asked:?}");
    }
}

/// A message as the API orders its fields.
fn text(message: &Value) -> String {
    serde_json::to_string(&serde_json::from_value::<model::api::Message>(message.clone()).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_watch_shows_each_change_once() {
    let entry = |revision: u64, operation: &str| json!({ "key": "a", "revision": revision, "at": 150_000_000, "operation": operation, "value": "v" });
    let (code, out, _, asked) = run(
        &["kv", "watch", "sessions"],
        &[
            ("GET /v1/buckets/sessions/keys?follow=true ", broken(&[entry(1, "put")])),
            ("GET /v1/buckets/sessions/keys?follow=true ", lines(&[entry(1, "put"), entry(2, "delete")])),
        ],
    )
    .await;
    let expected = "1  1970-01-01T00:02:30.000Z  a  v\n2  1970-01-01T00:02:30.000Z  a  deleted\n";
    assert_eq!((code, out.as_str()), (ExitCode::Ok, expected), "{asked:?}");
}

#[tokio::test]
async fn dead_letters_of_all_topics() {
    let letter = json!({
        "id": "mailer/3", "sequence": 2, "deliveries": 5, "stored_at": 8_000_000, "reason": "max-deliveries", "payload": "{}",
    });
    let (code, out, err, _) = run(
        &["topic", "dead", "ls"],
        &[
            ("GET /v1/topics ", ok(json!([topic(4)]))),
            ("GET /v1/topics/orders.placed/dead?limit=1000 ", lines(&[letter])),
        ],
    )
    .await;
    assert_eq!((code, err.as_str()), (ExitCode::Ok, ""));
    assert!(
        out.ends_with("orders.placed  mailer/3  2         3m12s ago  5      -          -         max-deliveries  {}\n"),
        "{out}"
    );
}
