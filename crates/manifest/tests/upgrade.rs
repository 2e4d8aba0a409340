//! What the keys of upgrades, migrations and scaling mean, and what services inherit.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use manifest::{Memory, parse};
use model::spec::{
    Migration, Scaling, Scarce, Service, Step, Sticky, Strategy, System, Terms, Tolerance, Upgrade, Wait,
};

const DEFAULT_STEPS: [u16; 3] = [500, 2_500, 5_000];

fn system(text: &str) -> System {
    let gateway = "[gateway]\nlisten = \"127.0.0.1:80\"\nroutes = { \"/\" = \"users\" }\n";
    let parsed = parse(&format!("[system]\nname = \"shop\"\n{gateway}{text}"), &Memory::default());
    assert_eq!(parsed.diagnostics, [], "{text}");
    parsed.system.unwrap()
}

fn service(keys: &str) -> Service {
    let mut system = system(&format!("[services.users]\nrun = \"x\"\n{keys}\n"));
    system.services.remove(&"users".parse().unwrap()).unwrap()
}

fn upgrade(of_system: &str, of_service: &str) -> Upgrade {
    let text =
        format!("[upgrade]\n{of_system}\n[services.users]\nrun = \"x\"\n[services.users.upgrade]\n{of_service}\n");
    system(&text).services.remove(&"users".parse().unwrap()).unwrap().upgrade
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn steps(weights: &[u16]) -> Vec<Step> {
    weights.iter().map(|weight| Step { weight: *weight, wait: Wait::For(seconds(60)) }).collect()
}

fn canary(weights: &[u16], judged: Option<Scarce>, keep: u64) -> Strategy {
    Strategy::Canary { steps: steps(weights), judged, keep: seconds(keep) }
}

fn blue_green(preview: Wait, keep: u64) -> Strategy {
    Strategy::BlueGreen { preview, keep: seconds(keep) }
}

#[test]
fn strategies() {
    for (keys, strategy) in [
        ("", Strategy::Rolling),
        ("strategy = \"rolling\"", Strategy::Rolling),
        ("strategy = \"blue-green\"", blue_green(Wait::For(Duration::ZERO), 60)),
        ("strategy = \"blue-green\"\npreview = \"manual\"\nkeep = \"5m\"", blue_green(Wait::Person, 300)),
        ("strategy = \"blue-green\"\npreview = \"2m\"", blue_green(Wait::For(seconds(120)), 60)),
        ("strategy = \"canary\"", canary(&DEFAULT_STEPS, Some(Scarce::Wait), 60)),
        ("strategy = \"canary\"\nsteps = [0.01, 12.5, 100]", canary(&[1, 1_250, 10_000], Some(Scarce::Wait), 60)),
        ("strategy = \"canary\"\nscarce = \"abort\"", canary(&DEFAULT_STEPS, Some(Scarce::Abort), 60)),
        ("strategy = \"canary\"\njudge = false\nkeep = \"0s\"", canary(&DEFAULT_STEPS, None, 0)),
    ] {
        assert_eq!(upgrade("", keys).strategy, strategy, "{keys}");
        assert_eq!(upgrade(keys, "").strategy, strategy, "inherited: {keys}");
    }
}

#[test]
fn steps_wait_for_a_time_or_a_person() {
    let keys =
        "strategy = \"canary\"\nsteps = [{ weight = 5, wait = \"10m\" }, { weight = 25, wait = \"manual\" }, 50]";
    let Strategy::Canary { steps, .. } = upgrade("", keys).strategy else { panic!("a canary was asked for") };
    let waits: Vec<_> = steps.iter().map(|step| step.wait).collect();
    assert_eq!(waits, [Wait::For(seconds(600)), Wait::Person, Wait::For(seconds(60))]);
}

#[test]
fn all_but_the_strategy() {
    let keys = "max_surge = 3\nmax_unavailable = 2\nmin_healthy_time = \"0s\"\nhealthy_deadline = \"30s\"\nprogress_deadline = \"1m\"";
    let terms =
        Terms { max_surge: 3, max_unavailable: 2, min_healthy_time: Duration::ZERO, healthy_deadline: seconds(30) };
    let expected = Upgrade { terms, progress_deadline: seconds(60), ..Upgrade::default() };
    assert_eq!((upgrade("", keys), upgrade(keys, "")), (expected.clone(), expected));
    let keys = "strategy = \"canary\"\nsticky = { header = \"X-User\" }\ntolerance = { failures = 0.5, latency = 2, requests = 50 }";
    let expected = Upgrade {
        strategy: canary(&DEFAULT_STEPS, Some(Scarce::Wait), 60),
        sticky: Sticky::Header("x-user".into()),
        tolerance: Tolerance { failures: 50, latency_percent: 200, requests_min: 50 },
        ..Upgrade::default()
    };
    assert_eq!((upgrade("", keys), upgrade(keys, "")), (expected.clone(), expected));
    assert_eq!(
        upgrade("", "strategy = \"canary\"\nsticky = { cookie = \"SID\" }").sticky,
        Sticky::Cookie("SID".into())
    );
}

#[test]
fn a_service_inherits_what_its_strategy_has() {
    let of_system = "strategy = \"canary\"\nsteps = [1]\nscarce = \"promote\"\nkeep = \"9m\"\nsticky = { cookie = \"sid\" }\n\
                     tolerance = { requests = 9 }\nhealthy_deadline = \"1m\"\nprogress_deadline = \"2m\"";
    let system = upgrade(of_system, "");
    let same = |change: fn(&mut Upgrade)| {
        let mut upgrade = system.clone();
        change(&mut upgrade);
        upgrade
    };
    let other = |strategy| Upgrade {
        strategy,
        terms: system.terms.clone(),
        progress_deadline: system.progress_deadline,
        ..Upgrade::default()
    };
    for (keys, expected) in [
        ("steps = [2]", same(|own| own.strategy = canary(&[200], Some(Scarce::Promote), 540))),
        ("judge = false", same(|own| own.strategy = canary(&[100], None, 540))),
        ("judge = true", system.clone()),
        ("tolerance = { latency = 3 }", same(|own| own.tolerance.latency_percent = 300)),
        ("healthy_deadline = \"90s\"", same(|own| own.terms.healthy_deadline = seconds(90))),
        ("strategy = \"rolling\"", other(Strategy::Rolling)),
        ("strategy = \"blue-green\"", other(blue_green(Wait::For(Duration::ZERO), 540))),
    ] {
        assert_eq!(upgrade(of_system, keys), expected, "{keys}");
    }
}

#[test]
fn pinned() {
    let users = "[services.users]\nrun = \"x\"\n";
    for (keys, pinned) in [("", false), ("pinned = true", true), ("pinned = false", false)] {
        let text = format!("[upgrade]\nstrategy = \"blue-green\"\n{keys}\n{users}");
        assert_eq!(system(&text).pinned, pinned, "{keys}");
    }
}

#[test]
fn migrations() {
    let migration =
        |hold, deadline| Some(Migration { command: "./migrate up".into(), hold, deadline: seconds(deadline) });
    for (keys, expected) in [
        ("", None),
        ("migrate = \"./migrate up\"", migration(false, 300)),
        ("migrate = { command = \"./migrate up\" }", migration(false, 300)),
        ("migrate = { command = \"./migrate up\", hold = true, deadline = \"9m\" }", migration(true, 540)),
    ] {
        assert_eq!(service(keys).migrate, expected, "{keys}");
    }
}

#[test]
fn scaling() {
    let window = Duration::from_secs(60);
    let scaling = |min, max, concurrency, cpu_millis| Some(Scaling { min, max, concurrency, cpu_millis, window });
    for (keys, expected) in [
        ("replicas = 3", (3, None)),
        ("replicas = { max = 8, concurrency = 50 }", (1, scaling(1, 8, Some(50), None))),
        ("replicas = { min = 0, max = 1, cpu = 0.8 }", (0, scaling(0, 1, None, Some(800)))),
        ("replicas = { min = 2, max = 2, concurrency = 5, cpu = 2 }", (2, scaling(2, 2, Some(5), Some(2_000)))),
    ] {
        let service = service(keys);
        assert_eq!((service.replicas, service.scaling), expected, "{keys}");
    }
}
