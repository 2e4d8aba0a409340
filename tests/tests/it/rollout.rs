//! From one release to the next and back, under load: rolling, blue-green and canary.

mod abort;
mod back;
mod crash;
mod messages;
mod pinned;
mod policy;
mod reboot;
mod supersede;

use std::{net::SocketAddr, thread};

use model::api::{ReleaseState, RolloutPhase, RolloutStatus};
use tests::{http, load::Load, sandbox::Sandbox, wait};

const UPGRADE: &str = "min_healthy_time = \"200ms\"\nhealthy_deadline = \"5s\"\nprogress_deadline = \"20s\"\n";

/// One service `a` of two instances at the gateway's `/`; what it was built from is in its environment as `$V`.
pub(crate) fn one(upgrade: &str, more: &str) -> Sandbox {
    let sandbox = Sandbox::new(&format!(
        "[gateway]\nlisten = \"GATEWAY\"\n[gateway.routes]\n\"/\" = \"a\"\n[services.a]\nreplicas = 2\nhealth = \"/healthz\"\n{}{more}\
         [services.a.upgrade]\n{UPGRADE}{upgrade}",
        program("a")
    ));
    give(&sandbox, "a", "one");
    sandbox
}

/// The build and the start of a service.
fn program(name: &str) -> String {
    format!(
        "dir = \"{name}\"\nbuild = \"cat version > made\"\nrun = \"export V=$(cat made); sh before && exec python3 service.py\"\n"
    )
}

pub(crate) fn give(sandbox: &Sandbox, name: &str, version: &str) {
    sandbox.write(&format!("{name}/service.py"), &sandbox.read("service.py"));
    sandbox.write(&format!("{name}/version"), version);
    sandbox.write(&format!("{name}/before"), "true");
}

pub(crate) fn version(sandbox: &Sandbox) -> String {
    sandbox.get("/env").json()["V"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
pub(crate) fn deploy(sandbox: &Sandbox) -> RolloutStatus {
    let answer = sandbox.api("POST", "/v1/deploys", "{}");
    assert_eq!(answer.status, 202, "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("it is a rollout")
}

#[track_caller]
fn say(sandbox: &Sandbox, word: &str) {
    let answer = sandbox.api("POST", &format!("/v1/rollout/{word}"), "");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn states(sandbox: &Sandbox) -> Vec<ReleaseState> {
    sandbox.releases().into_iter().map(|(_, state)| state).collect()
}

/// The rollout ends so, without one failed request, and only this version answers.
#[track_caller]
pub(crate) fn ends(sandbox: &Sandbox, load: Load, phase: RolloutPhase, serves: &str) -> RolloutStatus {
    let status = sandbox.rollout_ended();
    load.wait_for(50);
    load.assert_no_failure();
    assert_eq!(status.phase, phase, "{status:#?}");
    for _ in 0..10 {
        assert_eq!(version(sandbox), serves);
    }
    assert_eq!(sandbox.pids("a").len(), 2);
    status
}

/// So many rollouts have ended so under this platform process, once their ends are remembered.
fn counted(sandbox: &Sandbox, outcome: &str, times: u32) {
    let says = format!("\nisles_rollouts_total{{outcome=\"{outcome}\"}} {times}\n");
    wait::until(&says, || sandbox.isles(&["metrics"]).ok().out.contains(&says).then_some(()));
}

pub(crate) fn load(sandbox: &Sandbox) -> Load {
    Load::start(4, sandbox.gateway, "/pid")
}

#[test]
fn rolling_and_back() {
    let sandbox = one("", "");
    sandbox.up();
    let before = sandbox.pids("a");
    let running = load(&sandbox);
    sandbox.write("a/version", "two");
    assert_eq!(deploy(&sandbox).strategy, "rolling");
    ends(&sandbox, running, RolloutPhase::Promoted, "two");
    assert!(sandbox.pids("a").iter().all(|pid| !before.contains(pid)));
    assert_eq!(states(&sandbox), [ReleaseState::Retired, ReleaseState::Running]);
    let slots: Vec<_> = sandbox.service("a").instances.iter().map(|instance| instance.id.slot.index).collect();
    assert_eq!(slots, [3, 4]);

    let running = load(&sandbox);
    assert_eq!(sandbox.api("POST", "/v1/rollbacks", "{}").status, 202);
    ends(&sandbox, running, RolloutPhase::Promoted, "one");
    assert_eq!(states(&sandbox), [ReleaseState::Running, ReleaseState::RolledBack]);
    counted(&sandbox, "promoted", 2);
    sandbox.isles(&["metrics"]).ok().says(&["\nisles_release_number 1\n"]);
    // What it became is durable, and ordinary: it can be scaled and restarted.
    sandbox.isles(&["restart", "a"]).ok();
    sandbox.isles(&["scale", "a=3"]).ok();
    sandbox.isles(&["down"]).ok();
    sandbox.isles(&["up", "-d", "--resume"]).ok();
    assert_eq!((version(&sandbox), sandbox.pids("a").len()), ("one".into(), 3));
}

#[test]
fn what_does_not_start_goes_back_with_its_log() {
    let sandbox = one("", "");
    sandbox.up();
    let before = sandbox.pids("a");
    for (program, says) in [("echo it is broken; exit 3", "it is broken"), ("sleep 60", "")] {
        let running = load(&sandbox);
        sandbox.write("a/before", program);
        deploy(&sandbox);
        let status = ends(&sandbox, running, RolloutPhase::RolledBack, "one");
        let problem = status.problem.expect("it is said why");
        assert!(problem.cause.starts_with("a/1 (new) "), "{problem:?}");
        assert!(problem.log.iter().any(|line| line.contains(says)) || says.is_empty(), "{problem:?}");
        assert_eq!(sandbox.pids("a"), before, "nobody touched the old ones");
        // Of those that ended under this platform process.
        counted(&sandbox, "rolled_back", 1);
        sandbox.kill_platform();
        assert_eq!(sandbox.rollout().problem, Some(problem.clone()), "it is known to the next platform process");
        sandbox.isles(&["rollout"]).ok().says(&[&problem.cause, says]);
        sandbox.isles(&["why", "a"]).ok().says(&[&format!("release 1 serves again: {}", problem.cause)]);
    }
    assert_eq!(states(&sandbox), [ReleaseState::Running, ReleaseState::RolledBack, ReleaseState::RolledBack]);
}

#[test]
fn blue_green_with_a_preview() {
    let sandbox = one("strategy = \"blue-green\"\npreview = \"manual\"\nkeep = \"1m\"\n", "");
    sandbox.up();
    let before = sandbox.pids("a");
    let running = load(&sandbox);
    sandbox.write("a/version", "two");
    deploy(&sandbox);
    let waits = sandbox.rollout_when("a preview", |status| status.paused);
    assert_eq!((version(&sandbox).as_str(), waits.weight_percent), ("one", Some(0.0)));
    sandbox
        .isles(&["metrics"])
        .ok()
        .says(&["\nisles_rollout_phase{phase=\"advancing\"} 1\n", "\nisles_rollout_paused 1\n"]);
    let address: SocketAddr = *waits.preview.values().next().expect("there is an address");
    let seen = http::request(address, "GET", "/env", b"").expect("it listens").json();
    assert_eq!(seen["V"], "two", "the new set can be looked at");
    say(&sandbox, "promote");
    sandbox.rollout_when("the old set to be kept", |status| status.phase == RolloutPhase::Keeping);
    for (word, code) in [("promote", "nothing-waits"), ("resume", "not-paused")] {
        assert_eq!(sandbox.api("POST", &format!("/v1/rollout/{word}"), "").refusal(), (409, Some(code)));
    }
    assert_eq!(version(&sandbox), "two");
    assert_eq!(sandbox.pids("a").len(), 4);

    // The way back is as short as it can be: the old set is warm.
    assert_eq!(sandbox.api("POST", "/v1/rollbacks", "{}").status, 202);
    let status = ends(&sandbox, running, RolloutPhase::RolledBack, "one");
    assert_eq!(status.problem.map(|problem| problem.cause).as_deref(), Some("a rollback took it back"));
    counted(&sandbox, "aborted", 1);
    assert_eq!(sandbox.pids("a"), before);
    assert_eq!(sandbox.api("POST", "/v1/rollout/promote", "").refusal(), (404, Some("no-rollout")));
}

const CANARY: &str = "strategy = \"canary\"\nsteps = [{ weight = 20, wait = \"1s\" }, { weight = 50, wait = \"1s\" }]\n\
                      keep = \"1s\"\ntolerance = { requests = 50 }\n";

#[test]
fn a_canary_is_judged() {
    let sandbox =
        one(CANARY, &format!("[services.worker]\n{}[services.worker.upgrade]\n{UPGRADE}{CANARY}", program("worker")));
    give(&sandbox, "worker", "one");
    sandbox.up();
    let running = load(&sandbox);
    sandbox.write("a/version", "two");
    // Nobody calls it: it is no reason to wait for its traffic.
    sandbox.write("worker/version", "two");
    deploy(&sandbox);
    let step = sandbox.rollout_when("the second step", |status| status.step == Some((2, 2)));
    let requests: Vec<_> = step.services[0].sides.iter().map(|side| side.requests).collect();
    assert!(requests[0] > requests[1] && requests[1] > 0, "{step:?}");
    ends(&sandbox, running, RolloutPhase::Promoted, "two");

    let running = load(&sandbox);
    sandbox.write("a/version", "three");
    sandbox
        .write("a/service.py", &sandbox.read("service.py").replace("self.answer(os.getpid())", "self.answer(1, 500)"));
    deploy(&sandbox);
    let status = sandbox.rollout_ended();
    assert!(!running.end().is_empty(), "some of the requests were answered with 500");
    assert_eq!(status.phase, RolloutPhase::RolledBack);
    let cause = status.problem.expect("it is said why").cause;
    assert!(cause.starts_with("the new release does worse than the old one in step 1: `a`: "), "{cause}");
    assert!(cause.contains(" requests failed; of the old release 0 of "), "{cause}");
    assert_eq!(version(&sandbox), "two");
}

#[test]
fn services_come_and_go_with_a_release() {
    let sandbox = one("", "");
    sandbox.up();
    let with_b =
        sandbox.read("isles.toml").replace("\"/\" = \"a\"\n", "\"/\" = \"a\"\n\"/b\" = { to = \"b\", strip = true }\n")
            + "[services.b]\nrun = \"python3 service.py\"\n[services.b.upgrade]\nmin_healthy_time = \"200ms\"\n";
    let without_b = sandbox.read("isles.toml");
    let running = load(&sandbox);
    sandbox.write("isles.toml", &with_b);
    sandbox.write("isles.toml", &with_b.replace("run = \"python3", "dir = \"b\"\nbuild = \"true\"\nrun = \"python3"));
    give(&sandbox, "b", "one");
    deploy(&sandbox);
    assert_eq!(sandbox.rollout_ended().phase, RolloutPhase::Promoted);
    assert_eq!(sandbox.get("/b/status/200").text(), "status 200");
    sandbox.write("isles.toml", &without_b);
    deploy(&sandbox);
    ends(&sandbox, running, RolloutPhase::Promoted, "one");
    assert_eq!(sandbox.api("GET", "/v1/services/b", "").refusal(), (404, Some("unknown-service")));
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn what_changes_a_service_waits_for_the_end() {
    let sandbox = one("strategy = \"blue-green\"\npreview = \"manual\"\nkeep = \"0s\"\n", "");
    sandbox.up();
    sandbox.write("a/version", "two");
    deploy(&sandbox);
    sandbox.rollout_when("a preview", |status| status.paused);
    thread::scope(|scope| {
        let scaled = scope.spawn(|| sandbox.isles(&["scale", "a=3"]));
        let queued = scope.spawn(|| {
            sandbox.write("a/version", "three");
            sandbox.api("POST", "/v1/deploys", "{}")
        });
        sandbox.rollout_when("a deploy that waits", |status| status.queued == 1);
        assert_eq!((sandbox.service("a").replicas, sandbox.pids("a").len()), (2, 4), "nothing is mixed");
        say(&sandbox, "promote");
        scaled.join().expect("it ran").ok();
        let answer = queued.join().expect("it ran");
        assert_eq!(answer.status, 202, "{}", answer.text());
    });
    sandbox.rollout_when("the next preview", |status| status.paused && status.to == 3);
    // A deploy may take its place instead.
    sandbox.write("a/version", "four");
    let answer = sandbox.api("POST", "/v1/deploys", r#"{"conflict": "supersede"}"#);
    assert_eq!(answer.status, 202, "{}", answer.text());
    sandbox.rollout_when("the preview of the last one", |status| status.paused && status.to == 4);
    assert_eq!(version(&sandbox), "two");
    say(&sandbox, "abort");
    let status = sandbox.rollout_ended();
    assert_eq!(status.problem.map(|problem| problem.cause).as_deref(), Some("it was aborted"));
    assert_eq!((version(&sandbox), sandbox.pids("a").len()), ("two".into(), 3));
}
