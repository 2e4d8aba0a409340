//! Exact drain, proven: a program that is gone the moment SIGTERM reaches it, and clients of every kind that notice nothing. No
//! request is retried here.

use model::api::{RolloutPhase, RolloutStatus};
use tests::{
    load::{Load, Slowness},
    sandbox::Sandbox,
};

const MANIFEST: &str = r#"
[gateway]
listen = "GATEWAY"
retries = 0

[gateway.routes]
"/" = "front"
"/direct" = { to = "back", strip = true }

[services.front]
dir = "front"
build = "cat version > made"
run = "exec ABRUPT"
replicas = 2
calls = ["back"]

[services.front.connections.back]
retries = 0

[services.back]
dir = "back"
build = "cat version > made"
run = "exec ABRUPT"
replicas = 4
"#;

const QUICK: &str = "[upgrade]\nmin_healthy_time = \"100ms\"\n";

fn up(upgrade: &str) -> Sandbox {
    let sandbox = Sandbox::new(&(MANIFEST.replace("ABRUPT", env!("CARGO_BIN_EXE_abrupt")) + QUICK + upgrade));
    write(&sandbox, "one");
    sandbox.up();
    sandbox
}

fn write(sandbox: &Sandbox, version: &str) {
    for service in ["back", "front"] {
        sandbox.write(&format!("{service}/version"), version);
    }
}

/// Through the gateway alone, and through the connection of another service.
fn load(sandbox: &Sandbox, slowness: Slowness) -> Load {
    Load::default().mixed(sandbox.gateway, "/direct", slowness).mixed(sandbox.gateway, "/call/back", slowness)
}

#[test]
fn two_hundred_restarts_under_load_fail_no_request() {
    let sandbox = up("");
    let load = load(&sandbox, Slowness(50));
    let mut restarted = 0;
    while restarted < 200 {
        for service in ["back", "front"] {
            load.wait_for(20);
            let before = sandbox.pids(service);
            sandbox.isles(&["restart", service]).ok();
            assert!(sandbox.pids(service).iter().all(|pid| !before.contains(pid)), "{service} was not restarted");
            restarted += before.len();
        }
    }
    load.assert_no_failure();
}

#[test]
fn requests_of_two_seconds_are_awaited() {
    let sandbox = up("max_surge = 4\n");
    let load = load(&sandbox, Slowness(2_000));
    load.wait_for(100);
    for service in ["back", "front"] {
        sandbox.isles(&["restart", service]).ok();
    }
    write(&sandbox, "two");
    begin(&sandbox, "/v1/deploys");
    assert_eq!(sandbox.rollout_ended().phase, RolloutPhase::Promoted);
    for scale in ["back=1", "front=1"] {
        sandbox.isles(&["scale", scale]).ok();
    }
    load.assert_no_failure();
}

#[test]
fn scaling_down_and_up_fails_no_request() {
    let sandbox = up("");
    let load = load(&sandbox, Slowness(200));
    for scale in ["back=1", "front=1", "back=4", "front=3", "back=2", "back=1", "front=1"] {
        load.wait_for(50);
        sandbox.isles(&["scale", scale]).ok();
    }
    load.wait_for(50);
    load.assert_no_failure();
}

/// Asks for a deploy or a rollback.
#[track_caller]
fn begin(sandbox: &Sandbox, what: &str) {
    let answer = sandbox.api("POST", what, "{}");
    assert_eq!(answer.status, 202, "{}", answer.text());
}

/// To the next release of both services and back from it, and to it and back while it is not yet over.
fn no_upgrade_fails_a_request(upgrade: &str, is_midway: impl Fn(&RolloutStatus) -> bool) {
    let sandbox = up(upgrade);
    let pids = || [sandbox.pids("back"), sandbox.pids("front")].concat();
    let (before, load) = (pids(), load(&sandbox, Slowness(200)));
    load.wait_for(50);
    write(&sandbox, "two");
    begin(&sandbox, "/v1/deploys");
    assert_eq!(sandbox.rollout_ended().phase, RolloutPhase::Promoted);
    let after = pids();
    assert!(after.len() == 6 && after.iter().all(|pid| !before.contains(pid)), "{before:?} {after:?}");
    load.wait_for(50);
    begin(&sandbox, "/v1/rollbacks");
    assert_eq!(sandbox.rollout_ended().phase, RolloutPhase::Promoted);
    load.wait_for(50);
    write(&sandbox, "three");
    begin(&sandbox, "/v1/deploys");
    sandbox.rollout_when("the middle of the rollout", is_midway);
    load.wait_for(50);
    begin(&sandbox, "/v1/rollbacks");
    assert_eq!(sandbox.rollout_ended().phase, RolloutPhase::RolledBack);
    assert_eq!(pids().len(), 6);
    load.wait_for(50);
    load.assert_no_failure();
}

#[test]
fn rolling_and_back_fails_no_request() {
    no_upgrade_fails_a_request("max_surge = 2\n", |status| status.services.iter().any(|one| one.sides[1].healthy > 1));
}

#[test]
fn blue_green_and_back_fails_no_request() {
    let upgrade = "strategy = \"blue-green\"\nkeep = \"1s\"\n";
    no_upgrade_fails_a_request(upgrade, |status| status.phase == RolloutPhase::Keeping);
}

#[test]
fn a_canary_and_back_fails_no_request() {
    let steps = "steps = [{ weight = 20, wait = \"300ms\" }, { weight = 50, wait = \"500ms\" }]\n";
    let upgrade = format!("strategy = \"canary\"\njudge = false\nkeep = \"500ms\"\n{steps}");
    no_upgrade_fails_a_request(&upgrade, |status| status.step == Some((2, 2)));
}
