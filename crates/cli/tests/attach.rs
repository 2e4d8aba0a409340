//! The view of `up` against a scripted API.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use cli::{
    terminal::{Size, Terminal},
    view::{Attach, Outcome, attach},
};
use client::Client;
use serde_json::{Value, json};
use support::{Folder, NOW, SHOP, Written, broken, lines};

fn system(phase: &str, word: &str, healthy: u32, problem: Value) -> Value {
    let service = json!({
        "name": "users", "phase": word, "healthy": healthy, "replicas": 1, "inbound": "open", "calls": [], "instances": [], "problem": problem,
    });
    json!({
        "name": "shop", "version": "0.1.0", "phase": phase, "keeper_pid": 1, "platform_pid": 2, "started_at": 199_000_000,
        "gateway": "127.0.0.1:8080", "services": [service],
    })
}

fn log(instance: Value, text: &str) -> Value {
    json!({ "at": 199_500_000, "service": "users", "instance": instance, "text": text })
}

struct Shown {
    outcome: Outcome,
    out: String,
    err: String,
}

async fn show(scripts: &[(&'static str, String)], detach: bool, json: bool, size: Option<Size>) -> Shown {
    let folder = Folder::new(SHOP);
    let _server = folder.serve(scripts);
    let project = folder.settings(&["ps"]).project().unwrap();
    let (system, client) = (project.system(false).unwrap(), Client::new(folder.socket()));
    let begun = NOW - Duration::from_secs(2);
    let view = Attach { client: &client, now: &|| NOW, begun, system: &system, project: &project, detach, json };
    let (out, err) = (Written::default(), Written::default());
    let outcome = attach(&view, &mut Terminal::new(out.clone(), err.clone(), size)).await.unwrap();
    Shown { outcome, out: out.text(), err: err.text() }
}

const UP: &str = "
shop is up: 1 service in 2.0s
  gateway  http://127.0.0.1:8080
  try      isles ps
           isles logs -f
           curl http://127.0.0.1:8080/users
";

#[tokio::test(start_paused = true)]
async fn a_system_lives_through_a_restart_of_its_platform() {
    let (starting, running) =
        (system("starting", "starting", 0, Value::Null), system("running", "healthy", 1, Value::Null));
    let stopping = system("stopping", "stopped", 0, Value::Null);
    let scripts = [
        ("GET /v1/system/watch ", broken(&[starting, running.clone()])),
        ("GET /v1/logs?since=198000000&follow=true ", broken(&[log(json!("users/1#1"), "hello")])),
        ("GET /v1/system/watch ", lines(&[running, stopping])),
        ("GET /v1/logs?since=199500001&follow=true ", lines(&[])),
    ];
    let Shown { outcome, out, err } = show(&scripts, false, false, None).await;
    assert_eq!(outcome, Outcome::Ended { failed: false });
    assert_eq!(err, "users  starting 0/1\nusers  healthy 1/1\nusers  stopped\nshop is down\n");
    let (before, after) = out.split_once(UP).unwrap();
    assert_eq!(format!("{before}{after}"), "users/1  | hello\n");
}

#[tokio::test(start_paused = true)]
async fn detached_it_returns_when_all_is_healthy() {
    let starting = system("starting", "building", 0, Value::Null);
    let scripts = [
        ("GET /v1/system/watch ", broken(&[starting])),
        (
            "GET /v1/logs?since=198000000&follow=true ",
            lines(&[log(Value::Null, "compiling"), log(json!("users/1#1"), "hello")]),
        ),
        ("GET /v1/system/watch ", lines(&[system("running", "healthy", 1, Value::Null)])),
        ("GET /v1/logs", lines(&[])),
        ("GET /never ", String::new()),
    ];
    let Shown { outcome, out, err } = show(&scripts, true, false, None).await;
    assert_eq!((outcome, out.as_str()), (Outcome::Up, UP));
    assert_eq!(err, "users  building\nusers build  | compiling\nusers  healthy 1/1\n");
    assert_eq!(outcome.exit_code(), cli::exit::ExitCode::Ok);
}

#[tokio::test(start_paused = true)]
async fn detached_it_returns_when_a_service_cannot_come_up() {
    let problem = json!({ "cause": "the build failed with exit code 2", "hint": "correct it", "log": ["oops"] });
    let failed = system("starting", "build-failed", 0, problem);
    let scripts = [("GET /v1/system/watch ", lines(std::slice::from_ref(&failed))), ("GET /never ", String::new())];
    let Shown { outcome, out, err } = show(&scripts, true, false, None).await;
    assert_eq!((outcome, out.as_str()), (Outcome::Stuck, ""));
    let trouble = "users  build-failed\nerror: users: the build failed with exit code 2\n  | oops\nhint: correct it\n";
    assert_eq!(err, trouble);
    assert_eq!(outcome.exit_code(), cli::exit::ExitCode::Failed);

    let Shown { out, .. } = show(&scripts, true, true, None).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["services"][0]["phase"], "build-failed");
}

#[tokio::test(start_paused = true)]
async fn detached_it_returns_when_the_system_goes_on_without_a_service() {
    let problem = json!({ "cause": "exited with code 1", "hint": "see its log", "log": [] });
    let degraded = system("running", "crash-loop", 0, problem);
    let scripts = [("GET /v1/system/watch ", lines(&[degraded])), ("GET /never ", String::new())];
    let Shown { outcome, out, .. } = show(&scripts, true, false, None).await;
    assert_eq!((outcome, outcome.exit_code()), (Outcome::Degraded, cli::exit::ExitCode::Failed));
    assert!(out.starts_with("\nshop is up but for users: started again and again\n"), "{out}");
}

#[tokio::test(start_paused = true)]
async fn a_system_that_cannot_come_up_ends_as_failed() {
    let mut stopping = system("stopping", "stopped", 0, Value::Null);
    stopping["problem"] = json!({ "cause": "127.0.0.1:8080 is in use by pid 77", "hint": "stop it" });
    let scripts = [("GET /v1/system/watch ", lines(&[stopping])), ("GET /v1/logs", lines(&[]))];
    let Shown { outcome, err, .. } = show(&scripts, false, false, None).await;
    assert_eq!(outcome, Outcome::Ended { failed: true });
    assert_eq!(err, "users  stopped\nerror: shop: 127.0.0.1:8080 is in use by pid 77\nhint: stop it\nshop is down\n");
}

#[tokio::test(start_paused = true)]
async fn json_is_a_line_an_item() {
    let scripts = [
        ("GET /v1/system/watch ", lines(&[system("running", "healthy", 1, Value::Null)])),
        ("GET /v1/logs", lines(&[log(json!("users/1#1"), "hello")])),
    ];
    let size = Some(Size { columns: 80, rows: 24 });
    let Shown { out, err, .. } = show(&scripts, false, true, size).await;
    let items: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&items[0]["status"]["phase"], &items[1]["log"]["text"]), (&json!("running"), &json!("hello")));
    assert_eq!((items.len(), err.as_str()), (2, "users  healthy 1/1\nshop is down\n"));
}

#[tokio::test(start_paused = true)]
async fn on_a_terminal_lines_are_redrawn() {
    let scripts = [
        (
            "GET /v1/system/watch ",
            lines(&[system("starting", "starting", 0, Value::Null), system("running", "healthy", 1, Value::Null)]),
        ),
        ("GET /never ", String::new()),
    ];
    let Shown { outcome, out, err } = show(&scripts, true, false, Some(Size { columns: 80, rows: 24 })).await;
    assert_eq!((outcome, out.as_str()), (Outcome::Up, UP));
    assert!(err.contains("users  starting  0/1") && err.contains("\u{1b}[1A\r\u{1b}[J"), "{err:?}");
    assert!(err.ends_with("\u{2713}  users  healthy  1/1  2.0s\u{1b}[K\n\u{1b}[J"), "{err:?}");
}
