//! The Unix sockets that callers find beside the addresses of services.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use tests::{
    http, process,
    sandbox::{FRONT_AND_BACK, Sandbox},
    wait,
};

/// The sockets that the instances of `front` were given.
fn given(sandbox: &Sandbox) -> Vec<PathBuf> {
    let variables = sandbox.pids("front").into_iter().flat_map(process::environment);
    let mut sockets: Vec<_> = variables.filter_map(|it| it.strip_prefix("BACK_SOCKET=").map(PathBuf::from)).collect();
    sockets.sort();
    sockets
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn they_come_and_go_with_their_slots() {
    let sandbox = Sandbox::new(FRONT_AND_BACK);
    sandbox.up();
    let folder = fs::read_link(sandbox.path(".isles/run")).expect("the link to the folder of sockets");
    let first = given(&sandbox);
    assert_eq!((files(&folder), first.len()), (first.clone(), 2));
    for socket in &first {
        assert_eq!(fs::metadata(socket).expect("it is there").permissions().mode() & 0o777, 0o600);
    }
    sandbox.isles(&["restart", "front"]).ok();
    assert_eq!(given(&sandbox), first, "they belong to the slots");
    sandbox.isles(&["scale", "front=1"]).ok();
    wait::until_is("one socket", &given(&sandbox), || files(&folder));
    sandbox.isles(&["scale", "front=3"]).ok();
    assert_eq!((files(&folder), given(&sandbox).len()), (given(&sandbox), 3));

    let before = sandbox.status();
    process::signal(before.keeper_pid, Signal::KILL);
    wait::until_is("the end of the platform", &false, || process::is_alive(before.platform_pid));
    fs::write(folder.join("127.9.9.9.call"), "").expect("the folder is there");
    sandbox.up();
    assert_eq!(files(&folder), given(&sandbox), "what the killed keeper left is gone");
    sandbox.isles(&["down"]).ok();
    assert!(!folder.exists(), "{:?} is left", files(&folder));
    sandbox.assert_nothing_left();
}

#[test]
fn a_call_waits_for_the_next_platform() {
    let sandbox = Sandbox::new(FRONT_AND_BACK);
    sandbox.up();
    let front = sandbox.service("front").instances[0].address.clone().expect("it listens");
    let front = front.parse().expect("on a port");
    for _ in 0..3 {
        let killed = sandbox.status().platform_pid;
        process::signal(killed, Signal::KILL);
        let answer = http::request(front, "GET", "/socket/back/status/200", b"").expect("the program is there");
        assert_eq!(answer.text(), "status 200 200");
        sandbox.next_platform(killed);
    }
}
