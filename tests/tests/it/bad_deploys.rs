//! What bad deploys come to: the rows of the table in `docs/upgrades.md`.

use std::{collections::BTreeSet, fs};

use model::api::ReleaseState;
use rustix::process::Signal;
use serde_json::Value;
use tests::{
    binary,
    foreground::Foreground,
    load::Load,
    mounted::Mounted,
    sandbox::{Sandbox, skipped},
};

const WEB: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/" = "web" }

[services.web]
dir      = "web"
build    = "true"
run      = "exec python3 service.py"
replicas = 2
health   = "/healthz"
"#;

const CANARY: &str = "upgrade = { strategy = \"canary\", steps = [{ weight = 50, wait = \"60s\" }] }\n";
const BY_HAND: &str = "upgrade = { strategy = \"blue-green\", preview = \"manual\", keep = \"0s\" }\n";

/// A system of one service with these keys beside the usual ones, up.
fn web(keys: &str) -> Sandbox {
    let sandbox = Sandbox::new(&format!("{WEB}{keys}")).with_variable("TOKEN", "s3cr3t-token");
    sandbox.write("web/service.py", &sandbox.read("service.py"));
    sandbox.up();
    sandbox
}

/// Writes a program of the service that does this first.
fn change(sandbox: &Sandbox, line: &str) {
    sandbox.write("web/service.py", &format!("{line}\n{}", sandbox.read("service.py")));
}

/// Writes a program of the service that answers `/version` with this.
fn version(sandbox: &Sandbox, version: &str) {
    let handler = format!("    def on_version(self, _):\n        self.answer({version:?})\n\n    def on_env");
    sandbox.write("web/service.py", &sandbox.read("service.py").replacen("    def on_env", &handler, 1));
}

/// Waits until the rollout to this release waits for a person.
fn waits_for_a_person(sandbox: &Sandbox, to: u64) {
    sandbox.rollout_when("the rollout to wait for a person", |it| it.to == to && it.paused);
}

/// A deploy that runs beside the test.
pub(crate) fn deploy(sandbox: &Sandbox, name: &str, arguments: &[&str]) -> Foreground {
    fs::create_dir(sandbox.path(name)).expect("the name is new");
    Foreground::start(sandbox.command(&[&["deploy"], arguments].concat()), &sandbox.path(name))
}

/// Deploys what must be taken back for this reason, while nobody who asks `/pid` notices.
#[track_caller]
fn is_taken_back(sandbox: &Sandbox, reasons: &[&str]) {
    let load = Load::start(2, sandbox.gateway, "/pid");
    load.wait_for(20);
    let before = sandbox.pids("web");
    sandbox.isles(&["deploy"]).code(3).says(&["release 2 was taken back, release 1 runs"]).says(reasons);
    load.wait_for(20);
    load.assert_no_failure();
    assert_eq!(sandbox.pids("web"), before, "the old instances serve as before");
    assert_eq!(sandbox.releases(), [(1, ReleaseState::Running), (2, ReleaseState::RolledBack)]);
}

#[test]
fn an_artifact_that_does_not_start() {
    let sandbox = web("");
    change(&sandbox, "import no_such_module");
    is_taken_back(&sandbox, &["exited with code 1", "No module named 'no_such_module'"]);
}

#[test]
fn an_artifact_that_is_never_healthy() {
    let sandbox = web("secrets = [\"TOKEN\"]\nupgrade = { healthy_deadline = \"10s\" }\n");
    let ill = "    def on_healthz(self, _):\n        self.answer(\"no database for \" + os.environ[\"TOKEN\"], 503)\n\n    def on_env";
    sandbox.write("web/service.py", &sandbox.read("service.py").replacen("    def on_env", ill, 1));
    let asked = ["check after ", "GET http://127.0.0.1:", "/healthz", "HTTP/1.1 503", "no database for ***"];
    is_taken_back(&sandbox, &asked);
    let status = sandbox.rollout();
    let checks = status.problem.expect("it says why").checks;
    let last = checks.last().expect("there were some");
    assert!(last.count > 1 && last.first_ms < last.last_ms, "alike ones are one entry: {checks:?}");
    sandbox.isles(&["rollout", "--json"]).ok().says(&["no database for ***"]).never_says("s3cr3t-token");
}

#[test]
fn an_artifact_that_dies_later() {
    let sandbox = web("upgrade = { min_healthy_time = \"20s\" }\n");
    let dies = "import os, threading; threading.Timer(2, lambda: (print('no more', flush=True), os._exit(7))).start()";
    change(&sandbox, dies);
    is_taken_back(&sandbox, &["exited with code 7", "no more"]);
}

/// Deploys what a canary must find to be worse, under load. Says how it ended and what clients saw.
fn is_judged_worse(sandbox: &Sandbox, path: &'static str) -> Vec<String> {
    let load = Load::start(4, sandbox.gateway, path);
    load.wait_for(100);
    sandbox.isles(&["deploy"]).code(3).says(&["release 2 was taken back, release 1 runs", "worse"]);
    let status = sandbox.rollout();
    assert!(status.to == 2 && status.problem.is_some(), "it says why: {status:?}");
    assert_eq!(sandbox.releases(), [(1, ReleaseState::Running), (2, ReleaseState::RolledBack)]);
    let failures = load.end();
    let load = Load::start(2, sandbox.gateway, path);
    load.wait_for(100);
    load.assert_no_failure();
    failures
}

#[test]
fn an_artifact_that_answers_500() {
    let sandbox = web(CANARY);
    let program = sandbox.read("service.py").replacen("self.answer(os.getpid())", "self.answer(\"broken\", 500)", 2);
    sandbox.write("web/service.py", &program);
    let failures = is_judged_worse(&sandbox, "/pid");
    assert!(!failures.is_empty() && failures.iter().all(|failure| failure.starts_with("500 broken")), "{failures:?}");
}

#[test]
fn an_artifact_that_is_slow() {
    let sandbox = web(CANARY);
    let slow = "    def on_pid(self, _):\n        time.sleep(0.1)\n";
    sandbox.write("web/service.py", &sandbox.read("service.py").replacen("    def on_pid(self, _):\n", slow, 1));
    assert_eq!(is_judged_worse(&sandbox, "/pid"), Vec::<String>::new());
}

#[test]
fn an_artifact_that_eats_its_memory() {
    let sandbox = web("limits = { memory = \"64MiB\" }\nupgrade = { min_healthy_time = \"20s\" }\n");
    if !sandbox.status().notices.iter().all(|notice| !notice.contains("memory")) {
        return skipped("bad_deploys::an_artifact_that_eats_its_memory", "this host cannot limit memory by cgroup");
    }
    change(&sandbox, "import threading; threading.Timer(1, lambda: kept.append(b'm' * (200 << 20))).start()");
    is_taken_back(&sandbox, &["more memory than its limit"]);
}

#[test]
fn a_deploy_during_a_deploy_waits() {
    let sandbox = web(BY_HAND);
    version(&sandbox, "two");
    let mut first = deploy(&sandbox, "first", &[]);
    waits_for_a_person(&sandbox, 2);
    version(&sandbox, "three");
    let mut second = deploy(&sandbox, "second", &[]);
    sandbox.rollout_when("the second one to wait for the first", |it| it.queued == 1);
    assert_eq!(sandbox.get("/version").text(), "/version", "the first release answers with the path");
    sandbox.isles(&["promote"]).ok();
    assert_eq!(first.wait(), Some(0), "{}", first.said());
    assert_eq!(sandbox.get("/version").text(), "two");
    waits_for_a_person(&sandbox, 3);
    sandbox.isles(&["promote"]).ok();
    assert_eq!(second.wait(), Some(0), "{}", second.said());
    assert_eq!(sandbox.get("/version").text(), "three");
}

#[test]
fn a_deploy_that_supersedes() {
    let sandbox = web(BY_HAND);
    version(&sandbox, "two");
    let mut first = deploy(&sandbox, "first", &[]);
    waits_for_a_person(&sandbox, 2);
    version(&sandbox, "three");
    let mut second = deploy(&sandbox, "second", &["--supersede"]);
    assert_eq!(first.wait(), Some(3), "{}", first.said());
    waits_for_a_person(&sandbox, 3);
    assert_eq!(sandbox.get("/version").text(), "/version", "the first release answers with the path");
    sandbox.isles(&["promote"]).ok();
    assert_eq!(second.wait(), Some(0), "{}", second.said());
    assert_eq!(sandbox.get("/version").text(), "three");
    assert_eq!(sandbox.releases()[1].1, ReleaseState::RolledBack);
}

#[test]
fn a_deploy_that_is_left() {
    let sandbox = web(BY_HAND);
    version(&sandbox, "two");
    let mut left = deploy(&sandbox, "left", &[]);
    waits_for_a_person(&sandbox, 2);
    left.signal(Signal::INT);
    assert_eq!(left.wait(), Some(130), "{}", left.said());
    assert!(left.said().ends_with("it goes on: `isles rollout --watch` shows it, `isles abort` takes it back\n"));
    sandbox.isles(&["promote"]).ok();
    sandbox.isles(&["rollout", "--watch"]).ok().says(&["release 2 runs"]);
    assert_eq!(sandbox.get("/version").text(), "two");
}

#[test]
fn a_deploy_that_is_left_before_it_begins() {
    let sandbox = web(BY_HAND);
    version(&sandbox, "two");
    let mut first = deploy(&sandbox, "first", &[]);
    waits_for_a_person(&sandbox, 2);
    version(&sandbox, "three");
    let mut left = deploy(&sandbox, "left", &[]);
    sandbox.rollout_when("the second one to wait for the first", |it| it.queued == 1);
    left.signal(Signal::INT);
    assert_eq!(left.wait(), Some(130), "{}", left.said());
    assert!(left.said().contains("it is given up unless its rollout has begun"), "{}", left.said());
    sandbox.rollout_when("it to be forgotten", |it| it.queued == 0);
    sandbox.isles(&["promote"]).ok();
    assert_eq!(first.wait(), Some(0), "{}", first.said());
    assert_eq!(sandbox.get("/version").text(), "two");
    assert_eq!(sandbox.releases().len(), 2, "nothing was made of it");
}

/// A command that is refused with this reason, with a hint, before anything has changed.
#[track_caller]
fn is_refused(sandbox: &Sandbox, arguments: &[&str], reason: &str) {
    let before = sandbox.pids("web");
    let refused = sandbox.isles(&[arguments, &["--json"]].concat()).code(1);
    let error: Value = serde_json::from_str(&refused.err).unwrap_or_else(|error| panic!("{error}: {refused:#?}"));
    assert_eq!(error["reason"], reason, "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
    assert_eq!(sandbox.pids("web"), before);
}

#[test]
fn a_rollback_with_nothing_to_go_back_to() {
    let sandbox = web("");
    is_refused(&sandbox, &["rollback"], "nothing-to-roll-back-to");
    is_refused(&sandbox, &["rollback", "--to", "7"], "unknown-release");
}

#[test]
fn a_disk_that_fills() {
    let sandbox = Sandbox::new(WEB);
    sandbox.write("web/service.py", &sandbox.read("service.py"));
    let Some(_mounted) = Mounted::new(&sandbox, "8m") else {
        return skipped("bad_deploys::a_disk_that_fills", "a file system cannot be mounted here (that takes root)");
    };
    sandbox.up();
    version(&sandbox, "two");
    sandbox.shell("cat /dev/zero > .isles/filling; true").ok();
    is_refused(&sandbox, &["deploy"], "disk-full");
    assert_eq!(sandbox.releases().len(), 1, "nothing of the release is left");
    fs::remove_file(sandbox.path(".isles/filling")).expect("it was just made");
    sandbox.isles(&["deploy"]).ok();
    assert_eq!(sandbox.get("/version").text(), "two");
}

#[test]
fn a_service_that_others_call_is_removed() {
    let called = "calls    = [\"users\"]\n";
    let users = "[services.users]\ndir = \"web\"\nbuild = \"true\"\nrun = \"exec python3 service.py\"\n";
    let sandbox = web(&format!("{called}{users}"));
    sandbox.manifest(&format!("{WEB}{called}"));
    sandbox.isles(&["deploy"]).code(2).says(&["there is no service `users`", "isles.toml:"]);
    sandbox.manifest(WEB);
    is_refused(&sandbox, &["deploy", "users"], "callers-left");
    sandbox.isles(&["deploy"]).ok();
    assert_eq!(sandbox.status().services.len(), 1);
}

#[test]
fn every_row_of_the_page_is_a_test() {
    let page = fs::read_to_string(binary::repository().join("docs/upgrades.md")).expect("it is there");
    let (_, table) = page.split_once("## What bad input gets\n").expect("the table is there");
    let named: BTreeSet<_> =
        table.lines().filter_map(|row| row.strip_suffix("` |")?.rsplit_once('`')).map(|row| row.1).collect();
    let source = include_str!("bad_deploys.rs");
    let tests = source.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split_once('(')).map(|rest| rest.0);
    let own = "every_row_of_the_page_is_a_test";
    assert_eq!(named, tests.filter(|test| *test != own).collect());
}
