//! What else may happen while a release goes back or comes: another deploy takes its place, or the old instances crash.

use std::fs;

use model::api::{ReleaseState, RolloutPhase};
use rustix::process::Signal;
use tests::{foreground::Foreground, http::Connection, process, sandbox::Sandbox, wait};

use super::{deploy, ends, load, one, say, states};
use crate::{bad_deploys::deploy as begin, split::WEBSOCKET};

const BY_HAND: &str = "strategy = \"blue-green\"\npreview = \"manual\"\nkeep = \"0s\"\n";
/// It waits for as long as this file is there.
const WAITS: &str = "while test -e ../../../../../broken; do sleep 0.05; done";

/// The service with time enough for a test on a slow host.
fn patient(upgrade: &str) -> Sandbox {
    let sandbox = one(upgrade, "drain_timeout = \"2m\"\n");
    let slow = sandbox.read("isles.toml").replace("\"20s\"", "\"5m\"").replace("\"5s\"", "\"4m\"");
    sandbox.write("isles.toml", &slow);
    sandbox
}

#[test]
fn a_deploy_that_supersedes_one_that_goes_back_already() {
    let sandbox = patient(BY_HAND);
    sandbox.up();
    let (running, before) = (load(&sandbox), sandbox.pids("a"));
    sandbox.write("a/version", "two");
    let mut first = begin(&sandbox, "first", &[]);
    let waits = sandbox.rollout_when("the preview", |status| status.paused && status.to == 2);
    // As long as this WebSocket is open the new set cannot end.
    let preview = *waits.preview.values().next().expect("there is an address");
    let mut open = Connection::tcp(preview).expect("it listens");
    assert_eq!(open.request("GET", "/websocket", WEBSOCKET, b"").expect("it answers").status, 101);
    say(&sandbox, "abort");
    sandbox.write("a/version", "three");
    let mut second = begin(&sandbox, "second", &["--supersede"]);
    let status = sandbox.rollout_when("the second one to wait", |status| status.queued == 1);
    assert_eq!((status.to, status.phase), (2, RolloutPhase::Restoring));
    drop(open);
    assert_eq!(first.wait(), Some(3), "{}", first.said());
    assert!(first.said().contains("release 1 runs: it was aborted"), "it stays why it went back: {}", first.said());
    sandbox.rollout_when("the next preview", |status| status.paused && status.to == 3);
    assert!(before.iter().all(|pid| sandbox.pids("a").contains(pid)), "the old set serves all the time");
    say(&sandbox, "promote");
    ends(&sandbox, running, RolloutPhase::Promoted, "three");
    assert_eq!(second.wait(), Some(0), "{}", second.said());
    assert_eq!(states(&sandbox), [ReleaseState::Retired, ReleaseState::RolledBack, ReleaseState::Running]);
}

#[test]
fn a_deploy_that_supersedes_a_rollback() {
    let sandbox = patient("");
    sandbox.write("a/before", WAITS);
    sandbox.up();
    sandbox.write("a/before", "true");
    sandbox.write("a/version", "two");
    deploy(&sandbox);
    assert_eq!(sandbox.rollout_ended().phase, RolloutPhase::Promoted);
    let (running, before) = (load(&sandbox), sandbox.pids("a"));
    sandbox.write("broken", "");
    fs::create_dir(sandbox.path("back")).expect("the name is new");
    let mut back = Foreground::start(sandbox.command(&["rollback"]), &sandbox.path("back"));
    sandbox.rollout_when("the rollback to start what does not come up", |status| status.number == 2);
    sandbox.write("a/version", "three");
    let mut next = begin(&sandbox, "next", &["--supersede"]);
    assert_eq!(back.wait(), Some(3), "{}", back.said());
    let why = "release 1 was taken back, release 2 runs: another deploy took its place";
    assert!(back.said().contains(why), "{}", back.said());
    assert_eq!(next.wait(), Some(0), "{}", next.said());
    ends(&sandbox, running, RolloutPhase::Promoted, "three");
    assert!(sandbox.pids("a").iter().all(|pid| !before.contains(pid)));
    assert_eq!(states(&sandbox), [ReleaseState::Retired, ReleaseState::Retired, ReleaseState::Running]);
}

/// Kills what serves, as a crash would.
fn crash(pids: &[u32]) {
    pids.iter().for_each(|pid| process::signal(*pid, Signal::KILL));
}

#[test]
fn old_instances_that_crash_come_back_and_change_nothing() {
    let sandbox = patient(BY_HAND);
    sandbox.up();
    for (to, word, phase, serves) in
        [(2, "abort", RolloutPhase::RolledBack, "one"), (3, "promote", RolloutPhase::Promoted, "three")]
    {
        let old = sandbox.pids("a");
        sandbox.write("a/version", if to == 2 { "two" } else { "three" });
        deploy(&sandbox);
        sandbox.rollout_when("the preview", |status| status.paused && status.to == to);
        crash(&old);
        wait::until("others in their place", || {
            let now = sandbox.pids("a");
            (now.len() == 4 && now.iter().all(|pid| !old.contains(pid))).then_some(())
        });
        let status = sandbox.rollout();
        assert!(status.paused && status.problem.is_none(), "the new release is not to blame: {status:#?}");
        let running = load(&sandbox);
        say(&sandbox, word);
        ends(&sandbox, running, phase, serves);
    }
    assert_eq!(states(&sandbox), [ReleaseState::Retired, ReleaseState::RolledBack, ReleaseState::Running]);
}

#[test]
fn a_release_comes_although_the_old_one_cannot_be_started_any_more() {
    let sandbox = patient("");
    sandbox.write("a/before", "test ! -e ../../../../../broken");
    sandbox.up();
    sandbox.write("a/before", "until test -e ../../../../../mended; do sleep 0.05; done");
    sandbox.write("a/version", "two");
    let mut deploy = begin(&sandbox, "deploy", &[]);
    sandbox.rollout_when("a new instance", |status| status.services.iter().any(|one| one.sides[1].instances > 0));
    sandbox.write("broken", "");
    crash(&sandbox.pids("a"));
    wait::until("the old ones to fail", || {
        (sandbox.service("a").instances.iter().any(|one| one.crashes > 1)).then_some(())
    });
    sandbox.write("mended", "");
    assert_eq!(deploy.wait(), Some(0), "{}", deploy.said());
    ends(&sandbox, load(&sandbox), RolloutPhase::Promoted, "two");
    assert_eq!(states(&sandbox), [ReleaseState::Retired, ReleaseState::Running]);
}
