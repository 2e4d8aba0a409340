//! Policies that a release changes are tried by that release alone.

use model::{Reason, api::RolloutPhase, figures::ConnectionFigures};
use tests::{load::Load, sandbox::Sandbox};

use super::{CANARY, deploy, give, one, program, version};

/// Too short for what is asked; the old release waits for as long as it takes. Each failure is to be seen as what it is.
const SHORT: &str = "timeout = \"50ms\"";
const NO_BREAKER: &str = "breaker = false";

/// The release two, with this manifest, is taken back while the path is asked for; what failed meanwhile.
#[track_caller]
fn failures_of(sandbox: &Sandbox, path: &'static str, manifest: &str) -> Vec<String> {
    let running = Load::start(8, sandbox.gateway, path);
    sandbox.write("a/version", "two");
    sandbox.write("isles.toml", manifest);
    deploy(sandbox);
    let status = sandbox.rollout_ended();
    running.wait_for(20);
    let failures = running.end();
    assert_eq!(status.phase, RolloutPhase::RolledBack);
    let cause = status.problem.expect("it is said why").cause;
    assert!(cause.starts_with("the new release does worse than the old one in step 1: `a`: "), "{cause}");
    assert_eq!((sandbox.get(path).status, version(sandbox).as_str()), (200, "one"));
    assert!(!failures.is_empty());
    failures
}

fn is_late(failure: &str) -> bool {
    failure.starts_with("504 ") && failure.contains("no response head within 50ms")
}

/// The old instances of `a` are in the slots 1 and 2, the new ones in 3 and 4.
#[test]
fn a_canary_of_a_timeout_fails_only_its_own_calls() {
    let sandbox = one(CANARY, "calls = [\"b\"]\n");
    give(&sandbox, "b", "one");
    let manifest = format!("{}[services.b]\n{}", sandbox.read("isles.toml"), program("b"));
    sandbox.write("isles.toml", &manifest);
    sandbox.up();
    let shortened = format!("{manifest}[services.a.connections.b]\n{SHORT}\n{NO_BREAKER}\n");
    let failures = failures_of(&sandbox, "/pass/b/sleep/0.15", &shortened);
    let is_new = |failure: &String| failure.contains("a/3 -> b") || failure.contains("a/4 -> b");
    assert!(failures.iter().all(|failure| is_late(failure) && is_new(failure)), "{failures:#?}");
    let figures: Vec<ConnectionFigures> = sandbox.typed("/v1/connections");
    let calls: Vec<_> = figures.iter().filter(|figures| figures.connection == "a -> b").collect();
    assert!(calls.len() == 1 && calls[0].reasons[&Reason::Timeout] > 0, "{calls:?}");
}

#[test]
fn a_canary_of_a_routes_timeout_fails_only_what_goes_to_it() {
    let sandbox = one(CANARY, "");
    sandbox.up();
    let route = format!("\"/\" = {{ to = \"a\", {SHORT}, {NO_BREAKER} }}");
    let shortened = sandbox.read("isles.toml").replace("\"/\" = \"a\"", &route);
    let failures = failures_of(&sandbox, "/sleep/0.15", &shortened);
    assert!(failures.iter().all(|failure| is_late(failure) && failure.contains("gateway / -> a")), "{failures:#?}");
}
