//! Services whose number of instances follows the load, with the shortest window there is.

use model::{Timestamp, api::Why, status::ServicePhase};
use tests::{load::Load, sandbox::Sandbox, wait};

const PATH: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/" = "a" }

[services.a]
run = "sleep 0.2; exec ABRUPT"
replicas = { min = 0, max = 1, concurrency = 10, window = "1s" }
calls = ["b"]

[services.b]
run = "sleep 0.2; exec ABRUPT"
replicas = { min = 0, max = 1, concurrency = 10, window = "1s" }
calls = ["c"]

[services.c]
run = "sleep 0.2; exec ABRUPT"
replicas = { min = 0, max = 1, concurrency = 10, window = "1s" }
"#;

const GROWS: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/" = "a" }

[services.a]
run = "exec ABRUPT"
replicas = { max = 4, concurrency = 2, window = "1s" }
"#;

/// It uses some of a core, whatever it is asked.
const BUSY: &str = r#"
[services.a]
run = "while :; do i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; sleep 0.05; done & exec ABRUPT"
replicas = { max = 2, cpu = 0.02, window = "1s" }
"#;

fn up(manifest: &str) -> Sandbox {
    let sandbox = Sandbox::new(&manifest.replace("ABRUPT", env!("CARGO_BIN_EXE_abrupt")));
    sandbox.up();
    sandbox
}

/// When this happened to the service last.
fn happened(sandbox: &Sandbox, service: &str, what: &str) -> Timestamp {
    let why: Why = sandbox.typed(&format!("/v1/services/{service}/why"));
    let event = why.events.iter().rfind(|event| event.what.starts_with(what));
    event.unwrap_or_else(|| panic!("{service}: not `{what}`: {:?}", why.events)).at
}

fn phases(sandbox: &Sandbox) -> Vec<ServicePhase> {
    sandbox.status().services.into_iter().map(|service| service.phase).collect()
}

#[test]
fn a_whole_path_wakes_at_once_and_sleeps_again() {
    let sandbox = up(PATH);
    for _ in 0..2 {
        wait::until_is("all sleep", &vec![ServicePhase::Asleep; 3], || phases(&sandbox));
        assert!(["a", "b", "c"].iter().all(|service| sandbox.service(service).instances.is_empty()));
        let answer = sandbox.get("/call/b/call/c/pid");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.text(), sandbox.pid("c").to_string());
        let first_healthy = ["a", "b", "c"].map(|service| happened(&sandbox, service, "healthy")).into_iter().min();
        for service in ["a", "b", "c"] {
            assert!(
                Some(happened(&sandbox, service, "wakes up")) < first_healthy,
                "{service} did not wake with the others"
            );
        }
    }
    wait::until_is("all sleep", &vec![ServicePhase::Asleep; 3], || phases(&sandbox));
    happened(&sandbox, "a", "falls asleep");
    sandbox.isles(&["metrics"]).ok().says(&[
        "\nisles_cold_start_duration_seconds_bucket{service=\"a\",le=\"0.1\"} 0\n",
        "\nisles_cold_start_duration_seconds_count{service=\"a\"} 2\n",
    ]);
}

#[test]
fn a_person_fixes_the_number_until_it_shall_follow_the_load_again() {
    let sandbox = up(&format!("{GROWS}\n[services.plain]\nrun = \"exec ABRUPT\"\n"));
    sandbox.isles(&["scale", "a=3"]).ok();
    assert_eq!(sandbox.pids("a").len(), 3);
    sandbox.isles(&["status"]).ok().says(&["3/3 fixed"]);
    // Another platform process knows it still, and so does the system when it comes up again.
    sandbox.kill_platform();
    assert!(sandbox.service("a").fixed);
    sandbox.isles(&["down"]).ok();
    sandbox.up();
    assert_eq!((sandbox.service("a").fixed, sandbox.pids("a").len()), (true, 3));
    sandbox.isles(&["scale", "a", "--auto"]).ok().says(&["follows the load again"]);
    assert!(!sandbox.service("a").fixed);
    wait::until_is("it shrinks", &1, || sandbox.pids("a").len());
    happened(&sandbox, "a", "scales to 1");
    sandbox.isles(&["scale", "plain", "--auto"]).code(1).says(&["does not follow the load", "isles deploy"]);
    sandbox.isles(&["scale", "a"]).code(2).says(&["how many instances of `a`", "--auto"]);
    sandbox.isles(&["scale", "a=1", "--auto"]).code(2).says(&["cannot have a number"]);
}

#[test]
fn grows_with_the_load_and_shrinks_without_failing_a_request() {
    let sandbox = up(GROWS);
    let load = Load::start(7, sandbox.gateway, "/sleep/50");
    wait::until_is("it grows", &4, || sandbox.pids("a").len());
    load.assert_no_failure();
    wait::until_is("it shrinks", &1, || sandbox.pids("a").len());
    happened(&sandbox, "a", "scales to 4");
    happened(&sandbox, "a", "scales to 1");
}

#[test]
fn grows_with_the_processor_time() {
    let sandbox = up(BUSY);
    wait::until_is("it grows", &2, || sandbox.pids("a").len());
    happened(&sandbox, "a", "scales to 2");
}
