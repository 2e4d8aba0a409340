//! Exact drain, proven: a program that is gone the moment SIGTERM reaches it, and clients of every kind that notice nothing. No
//! request is retried here.

use tests::{
    load::{Load, Slowness},
    sandbox::Sandbox,
};

const MANIFEST: &str = r#"
[gateway]
listen = "GATEWAY"
retries = 0

[gateway.routes]
"/" = "front"
"/direct" = { to = "back", strip = true }

[services.front]
run = "exec ABRUPT"
replicas = 2
calls = ["back"]

[services.front.connections.back]
retries = 0

[services.back]
run = "exec ABRUPT"
replicas = 4
"#;

fn up() -> Sandbox {
    let sandbox = Sandbox::new(&MANIFEST.replace("ABRUPT", env!("CARGO_BIN_EXE_abrupt")));
    sandbox.up();
    sandbox
}

/// Through the gateway alone, and through the connection of another service.
fn load(sandbox: &Sandbox, slowness: Slowness) -> Load {
    Load::default().mixed(sandbox.gateway, "/direct", slowness).mixed(sandbox.gateway, "/call/back", slowness)
}

#[test]
fn two_hundred_restarts_under_load_fail_no_request() {
    let sandbox = up();
    let load = load(&sandbox, Slowness(50));
    let mut restarted = 0;
    while restarted < 200 {
        for service in ["back", "front"] {
            load.wait_for(20);
            let before = sandbox.pids(service);
            sandbox.isles(&["restart", service]).ok();
            assert!(sandbox.pids(service).iter().all(|pid| !before.contains(pid)), "{service} was not restarted");
            restarted += before.len();
        }
    }
    load.assert_no_failure();
}

#[test]
fn requests_of_two_seconds_are_awaited() {
    let sandbox = up();
    let load = load(&sandbox, Slowness(2_000));
    load.wait_for(100);
    for service in ["back", "front"] {
        sandbox.isles(&["restart", service]).ok();
    }
    load.assert_no_failure();
}

#[test]
fn scaling_down_and_up_fails_no_request() {
    let sandbox = up();
    let load = load(&sandbox, Slowness(200));
    for scale in ["back=1", "front=1", "back=4", "front=3", "back=2", "back=1", "front=1"] {
        load.wait_for(50);
        sandbox.isles(&["scale", scale]).ok();
    }
    load.wait_for(50);
    load.assert_no_failure();
}
