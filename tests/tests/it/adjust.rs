//! Deploys that need no new instances: what changes holds for those that run.

use rustix::process::Signal;
use tests::{process, sandbox::Sandbox, wait};

/// One service, built, with these keys.
fn manifest(keys: &str) -> String {
    format!(
        "[gateway]\nlisten = \"GATEWAY\"\nroutes = {{ \"/\" = \"a\" }}\n[services.a]\ndir = \"a\"\nbuild = \"true\"\n\
         run = \"exec python3 service.py\"\n{keys}"
    )
}

/// A system of that service, up.
fn up(keys: &str) -> Sandbox {
    let sandbox = Sandbox::new(&manifest(keys));
    sandbox.write("a/service.py", &sandbox.read("service.py"));
    sandbox.up();
    sandbox
}

/// Kills the platform, and waits for the next one to run the system.
fn kill(sandbox: &Sandbox) {
    let killed = sandbox.status().platform_pid;
    process::signal(killed, Signal::KILL);
    wait::until("the next platform", || sandbox.running().filter(|next| next.platform_pid != killed));
}

#[test]
fn what_was_adjusted_outlives_the_platform() {
    let sandbox = up("");
    let before = sandbox.pids("a");
    for timeout in ["11s", "12s"] {
        sandbox.manifest(&manifest(&format!("drain_timeout = \"{timeout}\"\n")));
        sandbox.isles(&["deploy"]).ok().says(&["no instance had to be replaced"]);
        kill(&sandbox);
        assert_eq!(sandbox.pids("a"), before);
    }
    sandbox.manifest(&manifest("env = { V = \"two\" }\n"));
    sandbox.isles(&["deploy"]).ok();
    let replaced = sandbox.pids("a");
    assert_ne!(replaced, before);
    kill(&sandbox);
    assert_eq!(sandbox.pids("a"), replaced);
}
