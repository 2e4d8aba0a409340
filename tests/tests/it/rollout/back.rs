//! Rollbacks and deploys that cannot be done.

use std::{fs, os::unix::fs::PermissionsExt};

use model::api::{ReleaseState, RolloutPhase};
use rustix::process::Signal;
use tests::{foreground::Foreground, wait};

use super::{deploy, ends, load, one, states, version};

#[test]
fn a_rollback_that_stands_still_is_given_up() {
    let sandbox = one("", "");
    sandbox.write("isles.toml", &sandbox.read("isles.toml").replace("\"20s\"", "\"6s\""));
    sandbox.write("a/before", "test ! -e ../../../../../broken");
    sandbox.up();
    sandbox.write("a/before", "true");
    sandbox.write("a/version", "two");
    deploy(&sandbox);
    sandbox.rollout_when("the end", |status| status.phase == RolloutPhase::Promoted);
    let (running, before) = (load(&sandbox), sandbox.pids("a"));
    sandbox.write("broken", "");
    fs::create_dir(sandbox.path("back")).expect("the name is new");
    let mut back = Foreground::start(sandbox.command(&["rollback"]), &sandbox.path("back"));
    sandbox.rollout_when("the rollback", |status| status.number == 2);
    sandbox.write("a/version", "three");
    let queued = deploy(&sandbox);
    assert_eq!((queued.number, sandbox.rollout().from), (3, 2), "it waited for the end and not for a person");
    assert_eq!(back.wait(), Some(3), "{}", back.said());
    let why = "release 1 was taken back, release 2 runs: nothing went on for longer than the progress deadline: a/";
    assert!(back.said().contains(why), "{}", back.said());
    ends(&sandbox, running, RolloutPhase::Promoted, "three");
    assert!(sandbox.pids("a").iter().all(|pid| !before.contains(pid)));
    assert_eq!(states(&sandbox), [ReleaseState::Retired, ReleaseState::Retired, ReleaseState::Running]);
}

#[test]
fn a_deploy_that_is_given_up_leaves_the_secrets_as_they_were() {
    let sandbox = one("", "secrets = [\"TOKEN\"]\n");
    let token = |value: &str| {
        sandbox.write(".isles/secrets", &format!("TOKEN={value}\n"));
        fs::set_permissions(sandbox.path(".isles/secrets"), fs::Permissions::from_mode(0o600)).expect("it is there");
    };
    let serves = |value: &str| {
        sandbox.isles(&["restart", "a"]).ok();
        assert_eq!((sandbox.get("/env").json()["TOKEN"].as_str(), version(&sandbox).as_str()), (Some(value), "one"));
    };
    token("old");
    sandbox.up();
    token("new");
    let manifest = sandbox.read("isles.toml");
    let waits = "made; touch ../../../../../building; sleep 600";
    sandbox.write("isles.toml", &manifest.replace("made\"", &format!("{waits}\"")));
    fs::create_dir(sandbox.path("left")).expect("the name is new");
    let mut left = Foreground::start(sandbox.command(&["deploy"]), &sandbox.path("left"));
    wait::until("the build", || sandbox.path("building").exists().then_some(()));
    left.signal(Signal::INT);
    assert_eq!(left.wait(), Some(130), "{}", left.said());
    // Its turn comes when the other one has been looked at.
    assert_eq!(sandbox.api("POST", "/v1/rollbacks", r#"{"to": 9}"#).refusal(), (404, Some("unknown-release")));
    assert_eq!(states(&sandbox), [ReleaseState::Running], "its build was ended");
    serves("old");
    sandbox.write("isles.toml", &manifest);
    deploy(&sandbox);
    sandbox.rollout_when("the end", |status| status.phase == RolloutPhase::Promoted);
    serves("new");
}
