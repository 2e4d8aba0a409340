//! Stopping: callers first, requests in flight finished, nothing left behind.

use std::thread;

use rustix::process::Signal;
use tests::{foreground::Foreground, http, process, sandbox::Sandbox, wait};

/// `front` calls `middle`, which calls `back`; each writes its name when SIGTERM reaches it.
const CHAIN: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/" = "front" }

[services.front]
run = "python3 service.py"
calls = ["middle"]
env = { NAME = "front", STOP_ORDER = "order" }

[services.middle]
run = "python3 service.py"
calls = ["back"]
env = { NAME = "middle", STOP_ORDER = "order" }

[services.back]
run = "python3 service.py"
env = { NAME = "back", STOP_ORDER = "order" }
"#;

/// Stops a system in whose front a request takes two seconds and in whose back a daemon was left.
fn check(sandbox: &Sandbox, stop: impl FnOnce()) {
    let daemon: u32 = sandbox.isles(&["call", "back", "/daemon"]).ok().out.parse().expect("a process id");
    assert!(process::is_alive(daemon));
    let gateway = sandbox.gateway;
    let in_flight = thread::spawn(move || http::request(gateway, "GET", "/call/middle/sleep/2", b""));
    wait::until("the request to be in flight", || {
        (sandbox.service("middle").instances[0].in_flight == 1).then_some(())
    });
    stop();
    let answer = in_flight.join().expect("the client does not panic").expect("the request is answered");
    assert_eq!(answer.status, 200);
    assert!(answer.json()["body"].as_str().is_some_and(|body| body.starts_with("slept 2")), "{}", answer.text());
    sandbox.assert_nothing_left();
    assert!(!process::is_alive(daemon), "the daemon is left");
    assert_eq!(sandbox.read("order"), "front\nmiddle\nback\n", "callers stop first");
}

fn check_signal(signal: Signal, code: i32) {
    let sandbox = Sandbox::new(CHAIN);
    let mut up = sandbox.up_in_foreground();
    check(&sandbox, || {
        up.signal(signal);
        assert_eq!(up.wait(), Some(code), "{}", up.said());
    });
    let said = up.said();
    assert!(said.contains("stopping"), "{said}");
}

#[test]
fn sigint_in_the_foreground() {
    check_signal(Signal::INT, 130);
}

#[test]
fn sigterm_in_the_foreground() {
    check_signal(Signal::TERM, 0);
}

#[test]
fn sighup_in_the_foreground() {
    check_signal(Signal::HUP, 0);
}

#[test]
fn down_of_a_system_in_the_background() {
    let sandbox = Sandbox::new(CHAIN);
    sandbox.up();
    process::signal(sandbox.status().keeper_pid, Signal::HUP);
    assert_eq!(sandbox.get("/pid").status, 200, "SIGHUP is ignored in the background");
    check(&sandbox, || drop(sandbox.isles(&["down"]).ok().says(&["test is down"])));
}

#[test]
fn down_of_a_system_in_the_foreground() {
    let sandbox = Sandbox::new(CHAIN);
    let mut up: Foreground = sandbox.up_in_foreground();
    check(&sandbox, || {
        sandbox.isles(&["down"]).ok();
        assert_eq!(up.wait(), Some(0), "{}", up.said());
    });
}

#[test]
fn no_cgroup_of_the_system_is_left() {
    let sandbox = Sandbox::new(CHAIN);
    sandbox.up();
    let made = sandbox.cgroups();
    sandbox.isles(&["down"]).ok();
    let left: Vec<_> = made.iter().filter(|group| group.exists()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn requests_that_arrive_while_it_stops_are_refused() {
    let sandbox = Sandbox::new(CHAIN);
    sandbox.up();
    let gateway = sandbox.gateway;
    let in_flight = thread::spawn(move || http::request(gateway, "GET", "/sleep/2", b""));
    wait::until("the request to be in flight", || (sandbox.service("front").instances[0].in_flight == 1).then_some(()));
    assert_eq!(sandbox.api("POST", "/v1/system/down", "").status, 202);
    let refused = wait::until("a refusal", || sandbox_refusal(&sandbox));
    assert_eq!(refused, (503, Some("shutting-down".into())));
    assert_eq!(in_flight.join().unwrap().unwrap().status, 200);
    sandbox.assert_nothing_left();
}

/// The first answer by Isles itself.
fn sandbox_refusal(sandbox: &Sandbox) -> Option<(u16, Option<String>)> {
    let answer = http::request(sandbox.gateway, "GET", "/pid", b"").ok()?;
    let (status, reason) = answer.refusal();
    reason.map(|reason| (status, Some(reason.to_owned())))
}

#[test]
fn a_program_that_ignores_sigterm_is_killed_after_its_grace() {
    let sandbox = Sandbox::new("[services.deaf]\nrun = \"sh deaf.sh\"\nstop_grace = \"300ms\"\n");
    sandbox.write("deaf.sh", "trap '' TERM\npython3 service.py &\nwhile :; do wait; done\n");
    sandbox.up();
    sandbox.isles(&["down", "--timeout", "10s"]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_request_that_does_not_end_is_cut_off_at_the_drain_timeout() {
    let sandbox = Sandbox::new(&CHAIN.replace("[services.back]", "drain_timeout = \"300ms\"\n[services.back]"));
    sandbox.up();
    let gateway = sandbox.gateway;
    let in_flight = thread::spawn(move || http::request(gateway, "GET", "/call/middle/sleep/60", b""));
    wait::until("the request to be in flight", || {
        (sandbox.service("middle").instances[0].in_flight == 1).then_some(())
    });
    sandbox.isles(&["restart", "middle"]).ok();
    let answer = in_flight.join().unwrap().unwrap().json();
    assert_eq!((answer["status"].as_u64(), answer["reason"].as_str()), (Some(503), Some("drain-timeout")), "{answer}");
}
