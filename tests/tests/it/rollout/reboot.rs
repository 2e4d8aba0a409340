//! The keeper is killed in the midst of a rollout, as by a host that loses its power, and the system comes up again.

use std::{io, net::SocketAddr, thread};

use model::{
    api::{ReleaseState, RolloutPhase, RolloutStatus},
    status::SystemPhase,
};
use rustix::process::Signal;
use tests::{
    http::{self, Answer},
    isles::Done,
    process,
    sandbox::Sandbox,
    wait,
};

use super::{deploy, give, one, say, states, version};

/// A rollout in one of its phases.
struct Case {
    upgrade: &'static str,
    /// What a new instance does before it starts.
    before: &'static str,
    /// Brings it into the phase.
    reach: fn(&Sandbox),
    phase: RolloutPhase,
    /// What must be done after the reboot, so that it ends.
    go_on: fn(&Sandbox, &RolloutStatus),
    end: RolloutPhase,
}

const UNTIL_GO: &str = "until test -e ../../../../../go; do sleep 0.05; done";
const BY_HAND: &str = "strategy = \"blue-green\"\npreview = \"manual\"\nkeep = \"0s\"\n";
const KEPT: &str = "strategy = \"blue-green\"\nkeep = \"1h\"\n";
const STEP: &str =
    "strategy = \"canary\"\njudge = false\nkeep = \"0s\"\nsteps = [{ weight = 20, wait = \"manual\" }]\n";
const MIGRATED: &str =
    "[services.a.migrate]\ncommand = \"until test -e ../../../../../go; do sleep 0.05; done\"\ndeadline = \"4m\"\n";

const CASES: [Case; 7] = [
    Case {
        upgrade: MIGRATED,
        before: "true",
        reach: |sandbox| drop(sandbox.rollout_when("the migration", |it| it.what == "the migration runs")),
        phase: RolloutPhase::Preparing,
        go_on: |_, _| {},
        end: RolloutPhase::Promoted,
    },
    Case {
        upgrade: "strategy = \"rolling\"\n",
        before: UNTIL_GO,
        reach: |sandbox| drop(sandbox.rollout_when("a new instance", |it| it.services[0].sides[1].instances == 1)),
        phase: RolloutPhase::Advancing,
        go_on: |_, _| {},
        end: RolloutPhase::Promoted,
    },
    Case {
        upgrade: BY_HAND,
        before: "true",
        reach: |sandbox| drop(sandbox.rollout_when("the preview", |it| it.paused)),
        phase: RolloutPhase::Advancing,
        go_on: |sandbox, after| {
            assert!(after.paused && after.weight_percent == Some(0.0), "{after:#?}");
            say(sandbox, "promote");
        },
        end: RolloutPhase::Promoted,
    },
    Case {
        upgrade: STEP,
        before: "true",
        reach: |sandbox| drop(sandbox.rollout_when("the step", |it| it.paused && it.weight_percent == Some(20.0))),
        phase: RolloutPhase::Advancing,
        go_on: |sandbox, after| {
            assert!(after.paused && after.weight_percent == Some(20.0), "{after:#?}");
            say(sandbox, "abort");
        },
        end: RolloutPhase::RolledBack,
    },
    Case {
        upgrade: KEPT,
        before: "true",
        reach: |sandbox| drop(sandbox.rollout_when("the old set to be kept", |it| it.phase == RolloutPhase::Keeping)),
        phase: RolloutPhase::Keeping,
        go_on: |sandbox, after| {
            assert_eq!((after.phase, version(sandbox)), (RolloutPhase::Keeping, after.to.to_string()));
            assert_eq!(sandbox.api("POST", "/v1/rollbacks", "{}").status, 202);
        },
        end: RolloutPhase::RolledBack,
    },
    Case {
        upgrade: BY_HAND,
        before: "true",
        reach: |sandbox| {
            sandbox.rollout_when("the preview", |it| it.paused);
            hold_up(sandbox, sandbox.gateway);
            say(sandbox, "promote");
            sandbox.rollout_when("the end of the old set", |it| it.phase == RolloutPhase::Retiring);
        },
        phase: RolloutPhase::Retiring,
        go_on: |_, _| {},
        end: RolloutPhase::Promoted,
    },
    Case {
        upgrade: BY_HAND,
        before: "true",
        reach: |sandbox| {
            let waits = sandbox.rollout_when("the preview", |it| it.paused);
            hold_up(sandbox, *waits.preview.values().next().expect("there is an address"));
            say(sandbox, "abort");
            sandbox.rollout_when("the way back", |it| it.phase == RolloutPhase::Restoring);
        },
        phase: RolloutPhase::Restoring,
        go_on: |_, _| {},
        end: RolloutPhase::RolledBack,
    },
];

/// Sends a request to `a` that is not answered before everything ends.
fn hold_up(sandbox: &Sandbox, address: SocketAddr) {
    thread::spawn(move || -> io::Result<Answer> { http::request(address, "GET", "/sleep/600", b"") });
    let in_flight = || sandbox.service("a").instances.iter().map(|instance| instance.in_flight).sum::<u32>();
    wait::until("the request to be in flight", || (in_flight() > 0).then_some(()));
}

/// A system of the service `a` whose time is not short.
fn patient(upgrade: &str) -> Sandbox {
    let sandbox = one(upgrade, "");
    let manifest = sandbox.read("isles.toml").replace("\"5s\"", "\"1m\"").replace("\"20s\"", "\"5m\"");
    sandbox.write("isles.toml", &manifest);
    sandbox
}

/// Everything ends at once; then what ran last comes up, and nothing waits any more for the file `go`.
fn reboot(sandbox: &Sandbox) -> Done {
    let before = sandbox.status();
    process::signal(before.keeper_pid, Signal::KILL);
    wait::until_is("the end of the platform", &false, || process::is_alive(before.platform_pid));
    sandbox.write("go", "");
    sandbox.isles(&["up", "-d", "--resume"]).ok()
}

#[test]
fn a_rollout_goes_on_in_each_of_its_phases() {
    let sandbox = patient("");
    let plain = sandbox.read("isles.toml");
    sandbox.up();
    let (mut serves, mut expected) = ("one".to_owned(), vec![ReleaseState::Running]);
    for case in CASES {
        let _ = std::fs::remove_file(sandbox.path("go"));
        sandbox.write("isles.toml", &format!("{plain}{}", case.upgrade));
        let next = (expected.len() + 1).to_string();
        sandbox.write("a/version", &next);
        sandbox.write("a/before", case.before);
        let begun = deploy(&sandbox);
        assert_eq!(begun.to.to_string(), next);
        (case.reach)(&sandbox);
        assert_eq!(sandbox.rollout().phase, case.phase);
        reboot(&sandbox).says(&[&format!("the rollout of release {next} ")]);
        assert_eq!(sandbox.status().phase, SystemPhase::Running);
        (case.go_on)(&sandbox, &sandbox.rollout());
        let end = sandbox.rollout_ended();
        assert_eq!((end.number, end.to, end.phase), (begun.number, begun.to, case.end), "{:?}: {end:#?}", case.phase);
        if case.end == RolloutPhase::Promoted {
            serves = next;
            let ran = expected.iter_mut().find(|state| **state == ReleaseState::Running);
            *ran.expect("one runs") = ReleaseState::Retired;
            expected.push(ReleaseState::Running);
        } else {
            expected.push(ReleaseState::RolledBack);
        }
        wait::until_is("two instances", &2, || sandbox.pids("a").len());
        assert_eq!((version(&sandbox), states(&sandbox)), (serves.clone(), expected.clone()), "{:?}", case.phase);
    }
    // What came of it is durable too.
    reboot(&sandbox).never_says("the rollout of");
    assert_eq!((version(&sandbox), states(&sandbox)), (serves, expected));
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_rollback_to_what_cannot_start_any_more_keeps_nothing_down() {
    let sandbox = patient("");
    let small = sandbox.read("isles.toml");
    let b = "[services.b]\ndir = \"b\"\nbuild = \"true\"\nrun = \"sh before && exec python3 service.py\"\n";
    give(&sandbox, "b", "one");
    sandbox.write("b/before", "test ! -e ../../../../../broken");
    sandbox.write("isles.toml", &format!("{small}{b}"));
    sandbox.up();
    sandbox.write("isles.toml", &small);
    sandbox.write("a/version", "two");
    deploy(&sandbox);
    assert_eq!(sandbox.rollout_ended().phase, RolloutPhase::Promoted);
    sandbox.write("broken", "");
    assert_eq!(sandbox.api("POST", "/v1/rollbacks", "{}").status, 202);
    for _ in 0..2 {
        reboot(&sandbox).says(&["the rollout of release 1 goes on"]);
        assert_eq!((version(&sandbox), states(&sandbox)[1]), ("two".into(), ReleaseState::Running));
    }
    sandbox.write("a/version", "three");
    sandbox.isles(&["deploy", "--supersede"]).ok();
    assert_eq!(version(&sandbox), "three");
    assert_eq!(states(&sandbox), [ReleaseState::Retired, ReleaseState::Retired, ReleaseState::Running]);
}

#[test]
fn a_rollout_goes_on_after_down_if_it_is_resumed() {
    let sandbox = patient(BY_HAND);
    sandbox.up();
    sandbox.write("a/version", "two");
    deploy(&sandbox);
    let before = sandbox.rollout_when("the preview", |it| it.paused);
    sandbox.isles(&["down"]).ok();
    sandbox.isles(&["up", "-d", "--resume"]).ok().says(&["the rollout of release 2 goes on: see `isles rollout"]);
    let after = sandbox.rollout();
    assert_eq!((after.number, after.phase, after.paused), (before.number, before.phase, true));
    assert_eq!((version(&sandbox), states(&sandbox)[1]), ("one".into(), ReleaseState::RollingOut));
    sandbox.isles(&["down"]).ok();
    sandbox.isles(&["up", "-d"]).ok().says(&["the rollout of release 2 does not go on: the system was stopped"]);
    assert_eq!(version(&sandbox), "two", "what the manifest says");
    assert_eq!(sandbox.rollout().phase, RolloutPhase::RolledBack);
}
