//! Whole commands: the command line, what the API was asked, what was printed and how it ended.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    io::{self, ErrorKind, Write},
    time::Duration,
};

use cli::exit::ExitCode;
use serde_json::{Value, json};
use support::{Folder, SHOP, Written, answer, broken, lines, ok};

/// A process id that no process has (`pid_max` is at most 2^22).
const NOBODY: u32 = 1 << 30;

fn service(phase: &str, healthy: u32) -> Value {
    json!({ "name": "users", "phase": phase, "healthy": healthy, "replicas": 2, "inbound": "open", "calls": [], "instances": [] })
}

fn system(phase: &str, service: Value) -> Value {
    json!({
        "name": "shop", "version": "0.1.0", "phase": phase, "keeper_pid": NOBODY, "platform_pid": NOBODY,
        "started_at": 8_000_000, "gateway": "127.0.0.1:8080", "services": [service],
    })
}

fn log(at: u64, text: &str) -> Value {
    json!({ "at": at, "service": "users", "instance": "users/1#1", "text": text })
}

fn problem(status: u16, detail: &str) -> String {
    let body = json!({ "title": "no such service", "status": status, "reason": "a-reason", "detail": detail, "hint": "a hint" });
    answer(
        &format!("{status} No"),
        "content-type: application/problem+json\r\nx-isles-reason: a-reason\r\n",
        &body.to_string(),
    )
}

#[tokio::test]
async fn nothing_runs() {
    let folder = Folder::new(SHOP);
    let text = "error: the system `shop` is not running\nhint: start it with `isles up`\n";
    for line in [
        &["ps"] as &[&str],
        &["status"],
        &["down"],
        &["logs", "-f"],
        &["restart", "users"],
        &["scale", "users=1"],
        &["call", "users", "/"],
        &["why", "users"],
        &["top"],
        &["metrics"],
        &["topic", "ls"],
        &["topic", "tail", "orders.placed"],
        &["kv", "watch", "sessions"],
    ] {
        assert_eq!(folder.run(line).await, (ExitCode::NotRunning, String::new(), text.into()), "{line:?}");
    }
    let (_, _, err) = folder.run(&["ps", "--json"]).await;
    let json: Value = serde_json::from_str(&err).unwrap();
    assert_eq!(json, json!({ "error": "the system `shop` is not running", "hint": "start it with `isles up`" }));
}

#[tokio::test]
async fn ps_and_status() {
    let folder = Folder::new(SHOP);
    let status = system("running", service("healthy", 2));
    for (line, out) in [
        (&["ps"] as &[&str], "INSTANCE  PHASE  RELEASE  PID  ADDRESS  UPTIME  MEMORY  CRASHES\n".into()),
        (&["ps", "--json"], "{\"instances\":[]}\n".into()),
        (&["status", "--json"], format!("{}\n", serde_json::to_string(&status).unwrap())),
    ] {
        let server = folder.serve(&[("GET /v1/system ", ok(&status)), ("GET /v1/topics ", ok("[]"))]);
        let (code, printed, err) = folder.run(line).await;
        let same = if line == ["status", "--json"] {
            serde_json::from_str::<Value>(&printed).unwrap() == serde_json::from_str::<Value>(&out).unwrap()
        } else {
            printed == out
        };
        assert!(same, "{line:?} printed {printed}");
        assert_eq!((code, err.as_str()), (ExitCode::Ok, ""));
        drop(server);
        std::fs::remove_file(folder.socket()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn down_waits_for_the_end() {
    let folder = Folder::new(SHOP);
    let _server = folder.serve(&[
        ("GET /v1/system ", ok(system("running", service("healthy", 2)))),
        ("POST /v1/system/down ", ok("{}")),
        ("GET /v1/system/watch ", broken(&[system("stopping", service("stopping", 2))])),
        ("GET /v1/system/watch ", lines(&[system("stopping", service("stopped", 0))])),
    ]);
    let (code, out, err) = folder.run(&["down"]).await;
    let progress = "users  stopping\nusers  stopped\n";
    assert_eq!((code, out.as_str(), err.as_str()), (ExitCode::Ok, "shop is down\n", progress));
}

#[tokio::test]
async fn down_ends_well_whenever_the_system_is_gone() {
    let asked = [("GET /v1/system ", ok(system("running", service("healthy", 2))))];
    let answered = [&asked[..], &[("POST /v1/system/down ", ok("{}"))]].concat();
    for scripts in [&asked[..], &answered] {
        let folder = Folder::new(SHOP);
        let _server = folder.serve(scripts);
        assert_eq!(folder.run(&["down"]).await, (ExitCode::Ok, "shop is down\n".into(), String::new()));
    }
}

#[tokio::test]
async fn logs() {
    let folder = Folder::new(SHOP);
    let server = folder.serve(&[
        ("GET /v1/system ", ok(system("running", service("healthy", 2)))),
        ("GET /v1/logs?services=users&since=140000000&tail=2 ", lines(&[log(150_000_000, "a"), log(160_000_000, "b")])),
    ]);
    let (code, out, err) = folder.run(&["logs", "users", "--since", "1m", "--tail", "2", "--timestamps"]).await;
    let text = "1970-01-01T00:02:30.000Z users/1  | a\n1970-01-01T00:02:40.000Z users/1  | b\n";
    assert_eq!((code, out.as_str(), err.as_str()), (ExitCode::Ok, text, ""), "{:?}", server.request_lines());
}

#[tokio::test(start_paused = true)]
async fn followed_logs_survive_a_restart_of_the_platform() {
    let folder = Folder::new(SHOP);
    let server = folder.serve(&[
        ("GET /v1/logs?tail=5&follow=true ", broken(&[log(7, "a")])),
        ("GET /v1/logs?since=8&follow=true ", lines(&[log(9, "b")])),
    ]);
    let (code, out, _) = folder.run(&["logs", "-f", "--tail", "5", "--json"]).await;
    assert_eq!((code, out), (ExitCode::Ok, format!("{}\n{}\n", text(&log(7, "a")), text(&log(9, "b")))));
    assert_eq!(server.request_lines().len(), 2);
}

/// A log line as the API orders its fields.
fn text(line: &Value) -> String {
    serde_json::to_string(&serde_json::from_value::<model::api::LogLine>(line.clone()).unwrap()).unwrap()
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn output_that_cannot_be_written() {
    let folder = Folder::new(SHOP);
    let (err, full) = (Written::default(), Written::default());
    assert_eq!(folder.run_into(&["graph"], Closed, err.clone()).await, ExitCode::Ok);
    assert_eq!(err.text(), "");
    assert_eq!(folder.run_into(&["graph"], Full, full.clone()).await, ExitCode::Failed);
    assert!(full.text().starts_with("error: standard output cannot be written: "), "{}", full.text());
}

/// One of `users` that is under way.
fn rollout() -> Value {
    let side =
        |side: &str| json!({ "side": side, "wanted": 2, "instances": 2, "healthy": 2, "requests": 0, "failures": 0 });
    json!({
        "number": 1, "from": 2, "to": 3, "strategy": "rolling", "phase": "advancing", "what": "", "paused": false,
        "began_at": 1, "queued": 0,
        "services": [{ "service": "users", "sides": [side("old"), side("new")] }],
    })
}

#[tokio::test]
async fn restart_and_scale() {
    let folder = Folder::new(SHOP);
    let server = folder.serve(&[
        ("GET /v1/services/users ", ok(service("healthy", 2))),
        ("GET /v1/rollout ", problem(404, "there was none")),
        ("POST /v1/services/users/restart ", ok(service("healthy", 2))),
        ("GET /v1/services/users ", ok(service("healthy", 2))),
        ("GET /v1/rollout ", ok(rollout())),
        ("POST /v1/services/users/scale ", ok(service("healthy", 2))),
        ("GET /v1/services/users ", ok(service("healthy", 2))),
        ("GET /v1/services/userz ", problem(404, "there is no service `userz`")),
    ]);
    let waits = "users  waits for the end of the rollout of release 3\n";
    let done = |progress: &str| (ExitCode::Ok, "users  healthy 2/2\n".to_owned(), progress.to_owned());
    assert_eq!(folder.run(&["restart", "users"]).await, done("users  restarting\n"));
    assert_eq!(folder.run(&["scale", "users=2"]).await, done(&format!("users  scaling to 2\n{waits}")));
    let refused = "error: there is no service `userz`\nhint: a hint\n";
    assert_eq!(folder.run(&["restart", "users", "userz"]).await, (ExitCode::Failed, String::new(), refused.into()));
    assert!(server.requests()[5].ends_with("\r\n\r\n{\"replicas\":2}"), "{:?}", server.requests()[5]);
}

#[tokio::test]
async fn nothing_is_said_to_follow_the_load_that_may_not() {
    let folder = Folder::new(SHOP);
    let _server = folder.serve(&[
        ("GET /v1/services/users ", ok(service("healthy", 2))),
        ("GET /v1/rollout ", problem(404, "there was none")),
        ("POST /v1/services/users/scale ", problem(409, "its number of instances does not follow the load")),
        ("GET /v1/services/users ", ok(service("healthy", 2))),
        ("GET /v1/rollout ", problem(404, "there was none")),
        ("POST /v1/services/users/scale ", ok(service("healthy", 2))),
    ]);
    let refused = "error: its number of instances does not follow the load\nhint: a hint\n";
    let scale = ["scale", "users", "--auto"];
    assert_eq!(folder.run(&scale).await, (ExitCode::Failed, String::new(), refused.into()));
    let done = (ExitCode::Ok, "users  healthy 2/2\n".to_owned(), "users  follows the load again\n".to_owned());
    assert_eq!(folder.run(&scale).await, done);
}

fn connections(requests: u64) -> String {
    ok(json!([{
        "connection": "gateway -> users", "caller": "gateway", "callee": "users", "requests": requests,
        "outcomes": { "success": requests, "client_error": 0, "server_error": 0, "failed": 0, "cancelled": 0 },
        "reasons": {}, "bytes_received": 0, "bytes_sent": 0, "retries": 0, "hedges": 0, "in_flight": 1, "queued": 0,
        "breaker": "closed", "requests_by_worker": [requests],
        "latency": {
            "count": requests, "sum_micros": 0, "p50_micros": 0, "p90_micros": 0, "p99_micros": 0, "max_micros": 1_000,
            "buckets": [[1_000, requests]],
        },
    }]))
}

#[tokio::test(start_paused = true)]
async fn top_shows_a_second_or_every_second_until_the_system_ends() {
    let head = "CONNECTION        REQ/S  P50    P99    ERRORS  RETRY/S  IN FLIGHT  QUEUED  BREAKER  EJECTED\n";
    let row = "gateway -> users  100    500us  990us  0%      0        1          0       closed   -\n";
    let json = "{\"seconds\":1.0,\"connections\":[{\"connection\":\"gateway -> users\",\"requests_per_second\":100.0,\
                \"p50_micros\":500,\"p99_micros\":990,\"errors_percent\":0.0,\"retries_per_second\":0.0,\"in_flight\":1,\
                \"queued\":0,\"breaker\":\"closed\",\"ejected\":[]}]}\n";
    for (line, asked, out) in [
        (&["top", "--once"] as &[&str], 2, format!("{head}{row}")),
        (&["top", "--once", "--json"], 2, json.into()),
        (&["top"], 3, format!("{head}{row}\n{head}{row}")),
        (&["top", "--json"], 3, json.repeat(2)),
    ] {
        let folder = Folder::new(SHOP);
        let mut scripts: Vec<_> = (0..asked).map(|i| ("GET /v1/connections ", connections(10 + 100 * i))).collect();
        scripts.extend((1..asked).map(|_| ("GET /v1/topics ", ok("[]"))));
        let server = folder.serve(&scripts);
        assert_eq!(folder.run(line).await, (ExitCode::Ok, out, String::new()), "{line:?}");
        assert_eq!(server.requests().len() as u64, 2 * asked - 1);
    }
}

#[tokio::test]
async fn metrics_are_written_as_they_come() {
    let folder = Folder::new(SHOP);
    let text = "# HELP a b\n# TYPE a gauge\na{b=\"c\"} 1\n";
    let _server = folder.serve(&[("GET /metrics ", answer("200 OK", "content-type: text/plain\r\n", text))]);
    assert_eq!(folder.run(&["metrics"]).await, (ExitCode::Ok, text.into(), String::new()));
    assert_eq!(folder.run(&["metrics", "--json"]).await.0, ExitCode::Usage);
}

#[tokio::test]
async fn problems_have_exit_codes() {
    for (status, code) in [(400, ExitCode::Failed), (403, ExitCode::Denied), (504, ExitCode::TimedOut)] {
        let folder = Folder::new(SHOP);
        let _server = folder.serve(&[("GET ", problem(status, ""))]);
        let (ended, _, err) = folder.run(&["why", "users", "--json"]).await;
        let json: Value = serde_json::from_str(&err).unwrap();
        assert_eq!(
            (ended, json),
            (code, json!({ "error": "no such service", "hint": "a hint", "reason": "a-reason" }))
        );
    }
}

#[tokio::test]
async fn calls() {
    let head = "content-type: text/plain\r\n";
    for (line, request, answered, code, out, err) in [
        (
            &["call", "users", "/a?b=c"] as &[&str],
            "GET /v1/services/users/call/a?b=c HTTP/1.1\r\nhost: isles\r\n\r\n",
            answer("200 OK", head, "hello"),
            ExitCode::Ok,
            "hello",
            "",
        ),
        (
            &["call", "users", "/a", "-d", "{}", "-H", "X-Kind: test", "-i"],
            "POST /v1/services/users/call/a HTTP/1.1\r\nx-kind: test\r\ncontent-type: application/json\r\nhost: isles\r\n\
             content-length: 2\r\n\r\n{}",
            answer("409 Conflict", head, "no\n"),
            ExitCode::Failed,
            "HTTP/1.1 409 Conflict\ncontent-type: text/plain\ncontent-length: 3\n\nno\n",
            "status 409 Conflict\n",
        ),
        (
            &["call", "users", "/a", "-X", "PUT", "-d", "@body", "--json"],
            "PUT /v1/services/users/call/a HTTP/1.1\r\ncontent-type: application/json\r\nhost: isles\r\n\
             content-length: 9\r\n\r\nfrom file",
            answer("200 OK", head, "hello"),
            ExitCode::Ok,
            "{\"status\":200,\"headers\":[[\"content-type\",\"text/plain\"],[\"content-length\",\"5\"]],\"body\":\"hello\"}\n",
            "",
        ),
        (
            &["call", "users", "/"],
            "GET /v1/services/users/call/ HTTP/1.1\r\nhost: isles\r\n\r\n",
            problem(504, "no answer in 30s"),
            ExitCode::TimedOut,
            "",
            "error: no answer in 30s\nhint: a hint\n",
        ),
    ] {
        let folder = Folder::new(SHOP);
        std::fs::write(folder.path().join("body"), "from file").unwrap();
        let server = folder.serve(&[("", answered)]);
        assert_eq!(folder.run(line).await, (code, out.to_owned(), err.to_owned()), "{line:?}");
        assert_eq!(server.requests(), [request]);
    }
}

#[tokio::test]
async fn check() {
    let good = Folder::new(SHOP);
    let counted = "isles.toml: 1 service, 0 connections, 0 stores\n";
    assert_eq!(good.run(&["check"]).await, (ExitCode::Ok, String::new(), counted.into()));

    let bad = Folder::new(&SHOP.replace("= \"users\"", "= \"userz\""));
    let (code, out, err) = bad.run(&["check"]).await;
    assert_eq!((code, err.as_str()), (ExitCode::Failed, "isles.toml: 1 error\n"));
    assert!(out.contains("isles.toml:8:12") && out.contains("userz"), "{out}");

    let (code, out, err) = bad.run(&["check", "--json"]).await;
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, err.as_str(), &json["ok"], &json["manifest"]),
        (ExitCode::Failed, "", &json!(false), &json!("isles.toml"))
    );
    assert_eq!((&json["diagnostics"][0]["line"], &json["diagnostics"][0]["column"]), (&json!(8), &json!(12)));

    let (code, _, err) = bad.run(&["graph"]).await;
    assert_eq!(code, ExitCode::Usage);
    assert!(err.ends_with("error: isles.toml has errors\nhint: correct what is shown above\n"), "{err}");
}

#[tokio::test]
async fn graph() {
    let folder = Folder::new(SHOP);
    for (line, start) in [
        (&["graph"] as &[&str], "flowchart"),
        (&["graph", "--mermaid"], "flowchart"),
        (&["graph", "--dot"], "digraph"),
        (&["graph", "--svg"], "<svg"),
        (&["graph", "--json"], "{\"name\":\"shop\""),
    ] {
        let (code, out, err) = folder.run(line).await;
        assert_eq!((code, err.as_str()), (ExitCode::Ok, ""));
        assert!(out.starts_with(start), "{line:?}: {out}");
        let to_file: Vec<_> = line.iter().copied().chain(["-o", "out"]).collect();
        assert_eq!(folder.run(&to_file).await, (ExitCode::Ok, String::new(), String::new()));
        assert_eq!(std::fs::read_to_string(folder.path().join("out")).unwrap(), out);
    }
    assert_eq!(folder.run(&["graph", "--json", "--svg"]).await.0, ExitCode::Usage);
    assert_eq!(folder.run(&["graph", "-o", "no/folder"]).await.0, ExitCode::Failed);
}

#[tokio::test]
async fn init_writes_once_what_check_accepts() {
    let folder = Folder::empty();
    assert_eq!(folder.run(&["check"]).await.0, ExitCode::Usage);
    let (code, out, _) = folder.run(&["init"]).await;
    assert_eq!((code, out.as_str()), (ExitCode::Ok, "wrote isles.toml\n"));
    let written = std::fs::read_to_string(folder.path().join("isles.toml")).unwrap();
    assert!(!written.is_empty());

    let (code, out, err) = folder.run(&["init"]).await;
    let refusal = "error: isles.toml exists already\nhint: edit it, or remove it first\n";
    assert_eq!((code, out.as_str(), err.as_str()), (ExitCode::Failed, "", refusal));
    assert_eq!(std::fs::read_to_string(folder.path().join("isles.toml")).unwrap(), written);

    std::fs::create_dir(folder.path().join("a")).unwrap();
    let (code, out, err) = folder.run(&["init", "a", "--json"]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (ExitCode::Ok, "{\"manifest\":\"a/isles.toml\"}\n", ""));
    assert_eq!(folder.run(&["init", "nowhere"]).await.0, ExitCode::Failed);
}

#[tokio::test]
async fn completions() {
    let folder = Folder::empty();
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = folder.run(&["completions", shell]).await;
        assert!(code == ExitCode::Ok && out.contains("restart"), "{shell}: {out}");
    }
    assert_eq!(folder.run(&["completions", "bash", "--json"]).await.0, ExitCode::Usage);
}

#[tokio::test(start_paused = true)]
async fn patience_ends() {
    let settings = Folder::empty().settings(&["ps", "--timeout", "2s"]);
    let forever = cli::in_time(&settings, std::future::pending::<anyhow::Result<()>>());
    let error = tokio::time::timeout(Duration::from_secs(3), forever).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "not done after 2s");
}
