//! `isles upgrade`: another Isles under a running system.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use tests::{
    binary, http,
    load::Load,
    process::pids,
    sandbox::{FRONT_AND_BACK, Sandbox},
    wait,
};

fn sandbox() -> Sandbox {
    Sandbox::new(&format!("{FRONT_AND_BACK}publishes = [\"orders.placed\"]\n"))
}

/// Another Isles: its file is not the same.
fn newer(sandbox: &Sandbox) -> PathBuf {
    let path = sandbox.path("newer");
    let mut program = fs::read(binary::isles()).expect("the binary was built");
    program.push(0);
    fs::write(&path, program).expect("there is space");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it was just written");
    path
}

/// An Isles that does something else in one of its roles.
fn wrapper(sandbox: &Sandbox, name: &str, role: &str, instead: &str) {
    let isles = binary::isles().display();
    sandbox.write_program(name, &format!("#!/bin/sh\n[ \"$1\" = {role} ] && {{ {instead}; }}\nexec {isles} \"$@\"\n"));
}

fn program_of(pid: u32) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default()
}

fn is_copy_of(program: &Path, of: &Path) -> bool {
    fs::read(program).expect("it runs") == fs::read(of).expect("it was written")
}

#[test]
fn an_upgrade_costs_no_request_and_touches_no_instance() {
    let sandbox = sandbox();
    sandbox.up();
    let (before, newer, gateway) = (sandbox.status(), newer(&sandbox), sandbox.gateway);
    let slow = thread::spawn(move || http::request(gateway, "GET", "/call/back/sleep/5", b""));
    wait::until("the request to be in flight", || (sandbox.service("back").instances[0].in_flight == 1).then_some(()));
    let load = Load::start(4, gateway, "/call/back/pid");
    load.wait_for(50);
    sandbox.isles(&["upgrade", "--binary", "newer"]).ok().says(&["the new Isles takes over", "test runs Isles"]);
    let after = sandbox.status();
    assert!(!slow.is_finished(), "what is in flight holds up nothing");
    load.wait_for(50);
    load.assert_no_failure();
    assert_eq!(slow.join().unwrap().unwrap().status, 200);
    assert_eq!((after.keeper_pid, pids(&after)), (before.keeper_pid, pids(&before)));
    assert_ne!(after.platform_pid, before.platform_pid);
    fs::remove_file(&newer).expect("nothing needs it any more");
    let program = program_of(after.keeper_pid);
    assert_eq!(program_of(after.platform_pid), program);
    assert!(program.starts_with(sandbox.path(".isles/bin")), "{}", program.display());
    let next = sandbox.kill_platform();
    assert_eq!((program_of(next.platform_pid), pids(&next)), (program, pids(&before)));
    assert_eq!(sandbox.get("/call/back/status/200").json()["status"], 200);
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn an_isles_that_fails_is_put_back() {
    let sandbox = sandbox();
    sandbox.up();
    let before = sandbox.status();
    wrapper(&sandbox, "broken", "platform", "echo 'error: no luck' >&2; exit 1");
    let load = Load::start(4, sandbox.gateway, "/pid");
    load.wait_for(50);
    let done = sandbox.isles(&["upgrade", "--binary", "broken"]).code(3);
    done.says(&["no luck\nerror: ", "was put back: its platform process ended 3 times, at last with code 1", "hint: "]);
    load.wait_for(50);
    load.assert_no_failure();
    let after = sandbox.status();
    assert_eq!((after.keeper_pid, pids(&after)), (before.keeper_pid, pids(&before)));
    assert!(is_copy_of(&program_of(after.platform_pid), binary::isles()), "the Isles before runs");
    assert_eq!(program_of(after.keeper_pid), binary::isles(), "the keeper never changed");
    let other = newer(&sandbox);
    sandbox.isles(&["--json", "upgrade", "--binary", "newer"]).ok().says(&[r#"{"system":"test","version":""#]);
    assert!(is_copy_of(&program_of(after.keeper_pid), &other));
}

#[test]
fn an_isles_that_cannot_take_over_changes_nothing() {
    let sandbox = sandbox();
    sandbox.isles(&["upgrade"]).code(6).says(&["is not running"]);
    sandbox.up();
    let before = sandbox.status();
    sandbox.write("text", "no program");
    sandbox.write_program("silent", "#!/bin/sh\n");
    sandbox.write_program("failing", "#!/bin/sh\nexit 9\n");
    wrapper(&sandbox, "other", "probe", "echo 'error: too old' >&2; echo 'hint: wait' >&2; exit 1");
    wrapper(&sandbox, "strange", "successor", "echo 'error: what a state' >&2; exit 1");
    for (binary, says) in [
        ("nowhere", &["nowhere cannot be run: ", "hint: check the path"][..]),
        ("text", &["text cannot be run: ", "hint: make it executable: chmod +x"]),
        ("silent", &["silent is no Isles"]),
        ("failing", &["failing cannot run this system: it ended with exit status: 9", "hint: is it an Isles?"]),
        ("other", &["other cannot run this system: too old", "hint: wait"]),
        ("strange", &["strange cannot take over: what a state", "hint: nothing was changed"]),
    ] {
        sandbox.isles(&["upgrade", "--binary", binary]).code(1).says(says);
    }
    let after = sandbox.status();
    assert_eq!((after.platform_pid, pids(&after)), (before.platform_pid, pids(&before)));
}
