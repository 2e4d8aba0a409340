//! The platform, or the keeper with everything, is killed again and again while releases come and go.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    thread,
    time::Duration,
};

use model::{
    api::{Release, ReleaseState},
    status::SystemPhase,
};
use ports::clock::HostClock;
use rustix::process::Signal;
use tests::{
    http, process,
    sandbox::{FRONT_AND_BACK, Sandbox},
    wait,
};

use super::{Clients, PAUSE, kill, kills};

/// What is deployed one after the other, before the last one is rolled back: how, what the new program does first, and what becomes of
/// the release.
const DEPLOYS: [(&str, &str, ReleaseState); 5] = [
    ("strategy = \"rolling\"", "true", ReleaseState::Running),
    (
        "strategy = \"canary\"\njudge = false\nkeep = \"200ms\"\n\
         steps = [{ weight = 20, wait = \"400ms\" }, { weight = 50, wait = \"400ms\" }]",
        "true",
        ReleaseState::Running,
    ),
    ("strategy = \"rolling\"", "exit 3", ReleaseState::RolledBack),
    ("[services.front.migrate]\ncommand = \"sleep 0.3\"", "true", ReleaseState::Running),
    ("strategy = \"blue-green\"\nkeep = \"500ms\"", "true", ReleaseState::Running),
];
/// So often the keeper is killed, each time in a rollout, later and later in it.
const REBOOTS: u32 = 6;
const REBOOT_PAUSE: Duration = Duration::from_millis(150);

const BUILT: &str = r#"dir = "front"
build = "cat version > made"
run = "export V=$(cat made); sh before && exec python3 service.py"
"#;

fn up() -> Sandbox {
    let sandbox = Sandbox::new(&system(DEPLOYS[0].0));
    for (name, text) in [("service.py", sandbox.read("service.py").as_str()), ("version", "0"), ("before", "true")] {
        sandbox.write(&format!("front/{name}"), text);
    }
    sandbox.up();
    sandbox.isles(&["call", "back", "/sql", "-d", "CREATE TABLE kept (n)"]).ok();
    sandbox
}

fn check_end(sandbox: &Sandbox) {
    wait::until_is("two instances", &2, || sandbox.pids("front").len());
    sandbox.isles(&["call", "back", "/sql", "-d", "SELECT count(*) FROM kept"]).ok().says(&["[[0]]"]);
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn the_platform_is_killed_every_second_while_releases_come_and_go() {
    let (sandbox, clock) = (up(), HostClock::start());
    let (keeper, back) = (sandbox.status().keeper_pid, sandbox.pid("back"));
    let (clients, killed) = (Clients::start(sandbox.gateway), AtomicU32::new(0));
    let deploys = thread::scope(|scope| {
        let series = scope.spawn(|| Series::new(&sandbox).run(|| killed.load(SeqCst) >= kills()));
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
    wait::until("the system to run", || releases(&sandbox));
    assert_eq!(
        (sandbox.status().keeper_pid, sandbox.pid("back")),
        (keeper, back),
        "what is untouched was not restarted"
    );
    check_end(&sandbox);
}

#[test]
fn the_keeper_is_killed_while_releases_come_and_go() {
    let (sandbox, killed) = (up(), AtomicU32::new(0));
    thread::scope(|scope| {
        let series = scope.spawn(|| Series::new(&sandbox).run(|| killed.load(SeqCst) >= REBOOTS));
        while !series.is_finished() && killed.load(SeqCst) < REBOOTS {
            let is_under_way = |all: &States| all.values().any(|state| *state == ReleaseState::RollingOut);
            wait::until("a rollout", || {
                (series.is_finished() || releases(&sandbox).as_ref().is_some_and(is_under_way)).then_some(())
            });
            thread::sleep(REBOOT_PAUSE * killed.load(SeqCst));
            let before = sandbox.status();
            process::signal(before.keeper_pid, Signal::KILL);
            wait::until_is("the end of the platform", &false, || process::is_alive(before.platform_pid));
            sandbox.isles(&["up", "-d", "--resume"]).ok();
            killed.fetch_add(1, SeqCst);
        }
        series.join().expect("every rollout ends as it should")
    });
    check_end(&sandbox);
}

type States = BTreeMap<u64, ReleaseState>;

/// The releases of a system that runs; `None` while none does.
fn releases(sandbox: &Sandbox) -> Option<States> {
    sandbox.running().filter(|status| status.phase == SystemPhase::Running)?;
    let answer = http::request_unix(&sandbox.path(".isles/api.sock"), "GET", "/v1/releases", b"").ok()?;
    let all: Vec<Release> = serde_json::from_slice(&answer.body).ok()?;
    Some(all.into_iter().map(|release| (release.number, release.state)).collect())
}

/// Asks for something that may be cut short; whether it was taken up is seen in what becomes of the releases.
fn ask(sandbox: &Sandbox, path: &str, body: &str) {
    let _ = http::request_unix(&sandbox.path(".isles/api.sock"), "POST", path, body.as_bytes());
}

/// Which version of `front` answers; `None` if it was cut off.
fn version(sandbox: &Sandbox) -> Option<String> {
    let answer = http::request(sandbox.gateway, "GET", "/env", b"").ok()?;
    answer.json()["V"].as_str().map(str::to_owned)
}

/// Releases that come one after the other. Each ends as it should, and none is lost.
struct Series<'a> {
    sandbox: &'a Sandbox,
    expected: States,
    /// By the number of the release that was built from it.
    versions: BTreeMap<u64, String>,
    deploys: usize,
}

impl<'a> Series<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let (expected, versions) = ([(1, ReleaseState::Running)].into(), [(1, "0".into())].into());
        Self { sandbox, expected, versions, deploys: 0 }
    }

    /// Deploys until it is enough, and each kind once at the least; how often.
    fn run(mut self, is_enough: impl Fn() -> bool) -> usize {
        while self.deploys < DEPLOYS.len() || !is_enough() {
            self.deploy(&DEPLOYS[self.deploys % DEPLOYS.len()]);
            if self.deploys.is_multiple_of(DEPLOYS.len()) {
                self.roll_back();
            }
        }
        self.deploys
    }

    fn deploy(&mut self, (upgrade, before, end): &(&str, &str, ReleaseState)) {
        self.deploys += 1;
        self.sandbox.manifest(&system(upgrade));
        self.sandbox.write("front/before", before);
        self.sandbox.write("front/version", &self.deploys.to_string());
        let number = self.taken_up();
        self.versions.insert(number, self.deploys.to_string());
        if *end == ReleaseState::Running {
            self.now_are(ReleaseState::Running, ReleaseState::Retired);
        }
        self.expected.insert(number, *end);
        self.check(number);
    }

    /// Deploys, again if that is cut short before it is taken up; the number of the release.
    fn taken_up(&self) -> u64 {
        let after = *self.expected.keys().next_back().expect("one runs");
        wait::until("the deploy to be taken up", || {
            let all = releases(self.sandbox)?;
            let last = *all.iter().rev().find(|(_, state)| **state != ReleaseState::Stored)?.0;
            if last == after {
                ask(self.sandbox, "/v1/deploys", "{}");
            }
            (last > after).then_some(last)
        })
    }

    /// Goes back to the release before, again if that is cut short before it is taken up.
    fn roll_back(&mut self) {
        let before = self.expected.iter().rev().find(|(_, state)| **state == ReleaseState::Retired);
        let before = *before.expect("one ran").0;
        wait::until("the rollback", || match releases(self.sandbox)?.get(&before)? {
            ReleaseState::Running => Some(()),
            ReleaseState::Retired => {
                ask(self.sandbox, "/v1/rollbacks", &format!("{{\"to\": {before}}}"));
                None
            }
            _ => None,
        });
        self.now_are(ReleaseState::Running, ReleaseState::RolledBack);
        self.expected.insert(before, ReleaseState::Running);
        self.check(before);
    }

    fn now_are(&mut self, state: ReleaseState, now: ReleaseState) {
        self.expected.values_mut().filter(|is| **is == state).for_each(|is| *is = now);
    }

    /// The rollout of this release ends as it should, and all releases are what they should be.
    fn check(&self, number: u64) {
        let end = self.expected[&number];
        let is_end = |state: &ReleaseState| matches!(state, ReleaseState::Running | ReleaseState::RolledBack);
        wait::until_is("the end of the rollout", &Some(end), || {
            releases(self.sandbox)?.get(&number).copied().filter(is_end)
        });
        let found = wait::until("the releases", || releases(self.sandbox));
        // One whose deploy was cut short before its rollout began stays as it is.
        let found: States = found.into_iter().filter(|(_, state)| *state != ReleaseState::Stored).collect();
        assert_eq!(found, self.expected);
        if end == ReleaseState::Running {
            wait::until_is("the version", &Some(self.versions[&number].clone()), || version(self.sandbox));
        }
    }
}

/// The system with a `front` that is built, and is upgraded in this way.
fn system(upgrade: &str) -> String {
    let built = FRONT_AND_BACK.replacen("run = \"python3 service.py\"\n", BUILT, 1);
    let times = "min_healthy_time = \"200ms\"\nhealthy_deadline = \"1m\"\nprogress_deadline = \"5m\"";
    format!("releases_max = 1000\n{built}[services.front.upgrade]\n{times}\n{upgrade}\n")
}
