//! Deploys and rollouts as whole commands: what the API was asked, what was printed and how it ended.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use cli::exit::ExitCode;
use serde_json::{Value, json};
use support::{Folder, SHOP, answer, broken, lines, ok};

fn rollout(phase: &str, healthy: u32) -> Value {
    let side = |side: &str, healthy: u32| json!({ "side": side, "wanted": 2, "instances": 2, "healthy": healthy, "requests": 0, "failures": 0 });
    let mut rollout = json!({
        "number": 7, "from": 11, "to": 12, "strategy": "rolling", "phase": phase, "what": "goes on", "paused": false,
        "began_at": 190_000_000, "queued": 0,
        "services": [{ "service": "users", "sides": [side("old", 2), side("new", healthy)] }],
    });
    if matches!(phase, "promoted" | "rolled-back") {
        rollout["ended_at"] = json!(195_000_000);
    }
    rollout
}

fn taken_back() -> Value {
    let mut rollout = rollout("rolled-back", 0);
    rollout["problem"] =
        json!({ "cause": "users/3 ended with exit code 1", "hint": "see its log", "log": ["no flask"] });
    rollout
}

fn accepted(rollout: &Value) -> String {
    answer("202 Accepted", "content-type: application/json\r\n", &rollout.to_string())
}

fn problem(status: u16, reason: &str, detail: &str) -> String {
    let body = json!({ "title": "no", "status": status, "reason": reason, "detail": detail, "hint": "a hint" });
    answer(&format!("{status} No"), "content-type: application/problem+json\r\n", &body.to_string())
}

fn no_rollout() -> (&'static str, String) {
    ("GET /v1/rollout ", problem(404, "no-rollout", "there was none"))
}

fn system() -> (&'static str, String) {
    let status = json!({
        "name": "shop", "version": "0.1.0", "phase": "running", "keeper_pid": 1, "platform_pid": 2, "started_at": 0, "services": [],
    });
    ("GET /v1/system ", ok(status))
}

fn build() -> (&'static str, String) {
    let line = |instance: Value, text: &str| json!({ "at": 1, "service": "users", "instance": instance, "text": text });
    (
        "GET /v1/logs?since=200000000&follow=true ",
        broken(&[line(Value::Null, "compiling"), line(json!("users/1#1"), "hi")]),
    )
}

const PROGRESS: &str = "\
release 12  rolling, preparing: goes on
  users  old 2/2, new 0/2
release 12  rolling, advancing: goes on
  users  old 2/2, new 1/2
release 12  rolling, promoted: goes on
  users  old 2/2, new 2/2
";

#[tokio::test]
async fn a_deploy_shows_its_rollout_through_a_restart_of_the_platform() {
    let folder = Folder::new(SHOP);
    let server = folder.serve(&[
        no_rollout(),
        system(),
        ("POST /v1/deploys ", accepted(&rollout("preparing", 0))),
        build(),
        ("GET /v1/rollout/watch?number=7 ", broken(&[rollout("advancing", 1)])),
        ("GET /v1/rollout/watch?number=7 ", lines(&[rollout("advancing", 1), rollout("promoted", 2)])),
    ]);
    let (code, out, err) = folder.run(&["deploy", "users", "--if-match", "42"]).await;
    assert_eq!((code, out.as_str()), (ExitCode::Ok, "release 12 runs, after 5.0s\n"));
    assert_eq!(err.replace("users build  | compiling\n", ""), PROGRESS);
    let body = r#"{"services":["users"],"dry_run":false,"if_match":42,"conflict":"queue"}"#;
    assert!(server.requests()[2].ends_with(body), "{:?}", server.requests()[2]);
}

#[tokio::test]
async fn a_rollout_that_has_ended_unseen() {
    let folder = Folder::new(SHOP);
    let release = json!({ "number": 12, "at": 1, "state": "retired", "bundles": {}, "changed": [] });
    let _server = folder.serve(&[
        ("POST /v1/rollbacks ", accepted(&rollout("preparing", 0))),
        ("GET /v1/rollout/watch?number=7 ", broken(&[rollout("advancing", 1)])),
        ("GET /v1/rollout/watch?number=7 ", problem(404, "no-rollout", "it is not kept any more")),
        ("GET /v1/releases ", ok(json!([release]))),
    ]);
    let (code, out, _) = folder.run(&["rollback"]).await;
    assert_eq!((code, out.as_str()), (ExitCode::Ok, "release 12 runs, and another rollout has begun\n"));
}

#[tokio::test]
async fn a_deploy_that_is_taken_back() {
    let folder = Folder::new(SHOP);
    let mut before = rollout("advancing", 1);
    before["to"] = json!(10);
    let _server = folder.serve(&[
        ("GET /v1/rollout ", ok(before)),
        system(),
        ("POST /v1/deploys ", accepted(&rollout("preparing", 0))),
        build(),
        ("GET /v1/rollout/watch?number=7 ", lines(&[taken_back()])),
    ]);
    let (code, out, err) = folder.run(&["deploy"]).await;
    assert_eq!((code, out.as_str()), (ExitCode::RolledBack, ""));
    assert!(err.starts_with("release 10 is being rolled out: this deploy waits for its end\n"), "{err}");
    let end = "  | no flask\nerror: release 12 was taken back, release 11 runs: users/3 ended with exit code 1\nhint: see its log\n";
    assert!(err.ends_with(end), "{err}");
}

#[tokio::test]
async fn a_deploy_that_is_refused_has_changed_nothing() {
    let folder = Folder::new(SHOP);
    let refused = problem(422, "build-failed", "`users`: the build failed\nno such crate");
    let _server = folder.serve(&[no_rollout(), system(), ("POST /v1/deploys ", refused), build()]);
    let (code, out, err) = folder.run(&["deploy"]).await;
    assert_eq!((code, out.as_str()), (ExitCode::Failed, ""));
    assert!(err.ends_with("  | no such crate\nerror: `users`: the build failed\nhint: a hint\n"), "{err}");
}

#[tokio::test]
async fn a_deploy_that_a_person_has_aborted_ends_as_one_that_was_taken_back() {
    let folder = Folder::new(SHOP);
    let aborted = problem(409, "aborted", "a person has aborted it");
    let _server = folder.serve(&[no_rollout(), system(), ("POST /v1/deploys ", aborted), build()]);
    let (code, out, err) = folder.run(&["deploy"]).await;
    assert_eq!((code, out.as_str()), (ExitCode::RolledBack, ""));
    assert!(err.ends_with("error: a person has aborted it\nhint: a hint\n"), "{err}");
}

#[tokio::test]
async fn a_manifest_with_errors_is_not_deployed() {
    let folder = Folder::new(&SHOP.replace("run =", "runs ="));
    let (code, out, err) = folder.run(&["deploy"]).await;
    assert_eq!((code, out.as_str()), (ExitCode::Usage, ""));
    assert!(err.contains("isles.toml:10:1") && err.contains("did you mean `run`?"), "{err}");
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen() {
    let folder = Folder::new(SHOP);
    let service = json!({ "service": "users", "change": "replaced", "parts": ["run"], "old": 2, "new": 2, "most": 3 });
    let plan = json!({ "index": 42, "from": 11, "strategy": "rolling", "services": [service] });
    let _server = folder.serve(&[system(), ("POST /v1/deploys ", ok(plan)), build()]);
    let (code, out, err) = folder.run(&["deploy", "users", "--dry-run"]).await;
    let expected = "\
from release 11, index 42: rolling
SERVICE  CHANGE    INSTANCES  AT MOST  WHAT
users    replaced  2          3        run
at most 1 more instance meanwhile
";
    assert_eq!((code, out.as_str()), (ExitCode::Ok, expected));
    assert!(
        err.contains(
            "`isles deploy users --if-match 42` does this, unless another release or number of instances is there"
        ),
        "{err}"
    );
}

#[tokio::test]
async fn detached_it_is_only_begun() {
    let folder = Folder::new(SHOP);
    let _server = folder.serve(&[("POST /v1/rollbacks ", accepted(&rollout("restoring", 0)))]);
    let (code, out, err) = folder.run(&["rollback", "users", "--to", "9", "-d"]).await;
    assert!(code == ExitCode::Ok && out.starts_with("rollout  release 12 for 11, rolling\n"), "{out}");
    assert_eq!(err, "it goes on: `isles rollout --watch` shows it, `isles abort` takes it back\n");
}

#[tokio::test]
async fn a_word_in_a_rollout() {
    for verb in ["promote", "pause", "resume", "abort"] {
        let folder = Folder::new(SHOP);
        let server = folder.serve(&[("POST /v1/rollout/", ok(rollout("advancing", 1)))]);
        let (code, out, _) = folder.run(&[verb]).await;
        assert!(code == ExitCode::Ok && out.contains("phase    advancing: goes on\n"), "{out}");
        assert_eq!(server.request_lines(), [format!("POST /v1/rollout/{verb}")]);
    }
    for (json, expected) in
        [(&[][..], "it is given up: its rollout had not begun\n"), (&["--json"], "{\"given_up\":true}\n")]
    {
        let folder = Folder::new(SHOP);
        let server = folder.serve(&[("POST /v1/rollout/", answer("204 No Content", "", ""))]);
        let (code, out, _) = folder.run(&[&["abort", "--queued", "2"], json].concat()).await;
        assert_eq!((code, out.as_str()), (ExitCode::Ok, expected));
        assert_eq!(server.request_lines(), ["POST /v1/rollout/abort?queued=2"]);
    }
    let folder = Folder::new(SHOP);
    let _server = folder.serve(&[no_rollout()]);
    let (code, _, err) = folder.run(&["rollout"]).await;
    assert_eq!((code, err.as_str()), (ExitCode::Failed, "error: there was none\nhint: a hint\n"));
}

#[tokio::test]
async fn the_last_rollout_says_why_it_went_back() {
    let folder = Folder::new(SHOP);
    let _server = folder.serve(&[("GET /v1/rollout ", ok(taken_back()))]);
    let (code, out, _) = folder.run(&["rollout"]).await;
    let why = "\nerror: release 12: users/3 ended with exit code 1\n  | no flask\nhint: see its log\n";
    assert!(code == ExitCode::Ok && out.ends_with(why), "{out}");
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_over_the_rollout_goes_on() {
    let folder = Folder::new(SHOP);
    let endless = || ("GET /v1/rollout/watch?number=7 ", lines(&[rollout("advancing", 1)]));
    let first = ("GET /v1/rollout ", ok(rollout("advancing", 1)));
    let _server = folder.serve(&[vec![first], (0..100).map(|_| endless()).collect()].concat());
    let (code, _, err) = folder.run(&["rollout", "--watch", "--timeout", "1s"]).await;
    assert_eq!(code, ExitCode::TimedOut);
    let end =
        "error: not done after 1s\nhint: it goes on: `isles rollout --watch` shows it, `isles abort` takes it back\n";
    assert!(err.ends_with(end), "{err}");
}
