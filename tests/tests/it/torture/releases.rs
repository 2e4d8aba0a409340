//! The platform is killed again and again while releases come and go.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    thread,
};

use model::{
    api::{Release, ReleaseState},
    status::SystemPhase,
};
use ports::clock::HostClock;
use tests::{http, sandbox::Sandbox, wait};

use super::{Clients, PAUSE, SYSTEM, kill, kills};

/// What is deployed one after the other: how, what the new program does first, and what becomes of the release.
const DEPLOYS: [(&str, &str, ReleaseState); 4] = [
    ("strategy = \"rolling\"", "true", ReleaseState::Running),
    (
        "strategy = \"canary\"\njudge = false\nkeep = \"200ms\"\n\
         steps = [{ weight = 20, wait = \"400ms\" }, { weight = 50, wait = \"400ms\" }]",
        "true",
        ReleaseState::Running,
    ),
    ("strategy = \"rolling\"", "exit 3", ReleaseState::RolledBack),
    ("strategy = \"blue-green\"\nkeep = \"500ms\"", "true", ReleaseState::Running),
];

const BUILT: &str = r#"dir = "front"
build = "cat version > made"
run = "export V=$(cat made); sh before && exec python3 service.py"
"#;

#[test]
fn the_platform_is_killed_every_second_while_releases_come_and_go() {
    let (sandbox, clock) = (Sandbox::new(&system(DEPLOYS[0].0)), HostClock::start());
    for (name, text) in [("service.py", sandbox.read("service.py").as_str()), ("version", "0"), ("before", "true")] {
        sandbox.write(&format!("front/{name}"), text);
    }
    sandbox.up();
    sandbox.isles(&["call", "back", "/sql", "-d", "CREATE TABLE kept (n)"]).ok();
    let (keeper, back) = (sandbox.status().keeper_pid, sandbox.pid("back"));
    let (clients, killed) = (Clients::start(sandbox.gateway), AtomicU32::new(0));
    let deploys = thread::scope(|scope| {
        let series = scope.spawn(|| series(&sandbox, || killed.load(SeqCst) >= kills()));
        while !series.is_finished() {
            kill(&sandbox, &clock, &clients.era);
            killed.fetch_add(1, SeqCst);
            thread::sleep(PAUSE);
        }
        series.join().expect("every rollout ends as it should")
    });
    let (answered, killed) = (clients.finish(), killed.into_inner());
    println!("{killed} kills, {deploys} deploys, {answered} requests answered");
    assert!(answered > u64::from(killed), "{answered} requests were answered");
    wait::until_is("two instances", &2, || sandbox.pids("front").len());
    assert_eq!(
        (sandbox.status().keeper_pid, sandbox.pid("back")),
        (keeper, back),
        "what is untouched was not restarted"
    );
    sandbox.isles(&["call", "back", "/sql", "-d", "SELECT count(*) FROM kept"]).ok().says(&["[[0]]"]);
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

/// The releases of a system that runs; `None` while none does.
fn releases(sandbox: &Sandbox) -> Option<BTreeMap<u64, ReleaseState>> {
    sandbox.running().filter(|status| status.phase == SystemPhase::Running)?;
    let answer = http::request_unix(&sandbox.path(".isles/api.sock"), "GET", "/v1/releases", b"").ok()?;
    let all: Vec<Release> = serde_json::from_slice(&answer.body).ok()?;
    Some(all.into_iter().map(|release| (release.number, release.state)).collect())
}

/// Deploys, again if the platform is killed before it has taken it up; the number of the release.
fn deploy(sandbox: &Sandbox, after: u64) -> u64 {
    wait::until("the deploy to be taken up", || {
        let last = releases(sandbox)?.into_iter().rev().find(|(_, state)| *state != ReleaseState::Stored)?.0;
        if last == after {
            // Whether it was taken up is seen in the next turn.
            let _ = http::request_unix(&sandbox.path(".isles/api.sock"), "POST", "/v1/deploys", b"{}");
        }
        (last > after).then_some(last)
    })
}

/// Deploys one release after the other until it is enough, and each kind once at the least. Each ends as it should, and none is lost.
fn series(sandbox: &Sandbox, is_enough: impl Fn() -> bool) -> u32 {
    let (mut expected, mut last, mut deploys) = (BTreeMap::from([(1, ReleaseState::Running)]), 1, 0);
    while deploys < DEPLOYS.len() || !is_enough() {
        let (upgrade, before, end) = DEPLOYS[deploys % DEPLOYS.len()];
        deploys += 1;
        sandbox.manifest(&system(upgrade));
        sandbox.write("front/before", before);
        sandbox.write("front/version", &deploys.to_string());
        last = deploy(sandbox, last);
        if end == ReleaseState::Running {
            let running = expected.values_mut().find(|state| **state == end);
            *running.expect("one runs") = ReleaseState::Retired;
        }
        expected.insert(last, end);
        wait::until_is("the end of the rollout", &Some(end), || releases(sandbox)?.get(&last).copied().filter(is_end));
        let kept = wait::until("the releases", || releases(sandbox));
        assert!(kept.len() >= expected.len().min(10), "{kept:?} {expected:?}");
        // One whose deploy was cut short before its rollout began stays as it is.
        let found: BTreeMap<_, _> = kept.into_iter().filter(|(_, state)| *state != ReleaseState::Stored).collect();
        assert!(found.iter().all(|(number, state)| expected.get(number) == Some(state)), "{found:?} {expected:?}");
        if end == ReleaseState::Running {
            wait::until_is("the version", &Some(deploys.to_string()), || version(sandbox));
        }
    }
    deploys.try_into().expect("they are few")
}

fn is_end(state: &ReleaseState) -> bool {
    matches!(state, ReleaseState::Running | ReleaseState::RolledBack)
}

/// Which version of `front` answers; `None` if it was cut off.
fn version(sandbox: &Sandbox) -> Option<String> {
    let answer = http::request(sandbox.gateway, "GET", "/env", b"").ok()?;
    answer.json()["V"].as_str().map(str::to_owned)
}

/// The system with a `front` that is built, and is upgraded in this way.
fn system(upgrade: &str) -> String {
    let built = SYSTEM.replacen("run = \"python3 service.py\"\n", BUILT, 1);
    let times = "min_healthy_time = \"200ms\"\nhealthy_deadline = \"10s\"\nprogress_deadline = \"20s\"";
    format!("{built}[services.front.upgrade]\n{times}\n{upgrade}\n")
}
