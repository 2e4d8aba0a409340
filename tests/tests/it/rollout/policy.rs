//! Policies that a release changes are tried by that release alone.

use model::{Reason, api::RolloutPhase, figures::ConnectionFigures};
use tests::load::Load;

use super::{CANARY, deploy, ended, give, one, program, version};

/// The old instances of `a` are in the slots 1 and 2, the new ones in 3 and 4.
#[test]
fn a_canary_of_a_timeout_fails_only_its_own_calls() {
    let sandbox = one(CANARY, "calls = [\"b\"]\n");
    give(&sandbox, "b", "one");
    let manifest = format!("{}[services.b]\n{}", sandbox.read("isles.toml"), program("b"));
    sandbox.write("isles.toml", &manifest);
    sandbox.up();
    let running = Load::start(8, sandbox.gateway, "/pass/b/sleep/0.15");
    sandbox.write("a/version", "two");
    sandbox.write("isles.toml", &format!("{manifest}[services.a.connections.b]\ntimeout = \"50ms\"\n"));
    deploy(&sandbox);
    let status = ended(&sandbox);
    running.wait_for(20);
    let failures = running.end();
    assert_eq!(status.phase, RolloutPhase::RolledBack);
    let cause = status.problem.expect("it is said why").cause;
    assert_eq!(cause, "the new release does worse than the old one in step 1");
    let is_new = |failure: &String| {
        failure.starts_with("504 ")
            && failure.contains("no response head within 50ms")
            && (failure.contains("a/3 -> b") || failure.contains("a/4 -> b"))
    };
    assert!(!failures.is_empty() && failures.iter().all(is_new), "{failures:#?}");
    let figures: Vec<ConnectionFigures> = sandbox.typed("/v1/connections");
    let calls: Vec<_> = figures.iter().filter(|figures| figures.connection == "a -> b").collect();
    assert!(calls.len() == 1 && calls[0].reasons[&Reason::Timeout] > 0, "{calls:?}");
    assert_eq!((sandbox.get("/pass/b/sleep/0.15").status, version(&sandbox).as_str()), (200, "one"));
}
