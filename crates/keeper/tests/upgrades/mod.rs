//! From one program to another.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use keeper::{
    Progress, Upgrade,
    protocol::{Event, Exit, ListenAddress, Reply, Request, Whom},
};
use rustix::process::Signal;

use crate::{
    exited,
    rig::{Platform, Rig, eventually, is_alive, read_line},
    sh, signal,
};

fn this() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// The program of these tests under another name.
fn copy(rig: &Rig) -> PathBuf {
    let folder = rig.state().join("bin");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("new");
    install(&this(), &program);
    program
}

fn script(rig: &Rig, name: &str, text: &str) -> PathBuf {
    let (written, program) = (rig.folder.path().join("script"), rig.folder.path().join(name));
    fs::write(&written, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&written, fs::Permissions::from_mode(0o755)).unwrap();
    install(&written, &program);
    program
}

/// Copies a program in a process of its own: what another thread forks meanwhile would have it open for writing, and then it cannot
/// be executed (`ETXTBSY`).
fn install(from: &Path, to: &Path) {
    assert!(Command::new("cp").args([from, to]).status().unwrap().success());
}

fn ask(rig: &Rig, program: &Path) {
    let asked = Upgrade { program: program.into(), previous: this(), progress: Progress::Asked, said: String::new() };
    asked.ask(&rig.state(), rig.keeper.id()).unwrap();
}

fn end(rig: &Rig) -> Upgrade {
    eventually(|| Upgrade::read(&rig.state()).is_some_and(|upgrade| upgrade.has_ended()));
    Upgrade::read(&rig.state()).unwrap()
}

fn program_of(pid: u32) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/exe")).unwrap()
}

fn ready(rig: &Rig) -> Platform {
    let mut platform = rig.platform();
    platform.request(Request::Ready).unwrap();
    platform
}

pub(crate) fn the_keeper_becomes_the_new_program_and_keeps_all_it_holds() {
    let rig = Rig::start();
    let mut platform = ready(&rig);
    let (pid, output) = platform.spawn(sh("a", "echo one; read never </dev/null; exec sleep 1000")).unwrap();
    assert_eq!(read_line(&output), "one");
    let address = ListenAddress::Tcp { address: "127.0.0.1:0".parse().unwrap(), device: None };
    let bind = Request::Bind { name: "gateway".into(), address };
    let listening = TcpListener::from(platform.request(bind.clone()).unwrap().1.unwrap()).local_addr().unwrap();
    let new = copy(&rig);
    ask(&rig, &new);
    let mut platform = ready(&rig);
    let upgrade = end(&rig);
    assert_eq!((upgrade.progress, program_of(rig.keeper.id())), (Progress::Done, new.clone()));
    assert_eq!(fs::read_link(rig.state().join("bin/isles")).unwrap(), new);
    assert_eq!(keeper::running(&rig.state()), Some(rig.keeper.id()));
    assert!(keeper::lock(&rig.state()).is_err(), "it still has the lock");

    let held = [platform.event().0, platform.event().0];
    assert!(matches!(held, [Event::Process { .. }, Event::Socket { .. }]), "{held:?}");
    let (reply, fd) = platform.request(bind).unwrap();
    assert_eq!(reply, Reply::Bound { existed: true });
    assert_eq!(TcpListener::from(fd.unwrap()).local_addr().unwrap(), listening);
    platform.die();
    let mut platform = rig.platform();
    assert_eq!(program_of(platform.pid.unsigned_abs()), new, "what is started again is the new program");
    assert!(is_alive(pid));
    let held = [platform.event().0, platform.event().0];
    assert!(matches!(held, [Event::Process { .. }, Event::Socket { .. }]), "{held:?}");
    signal(&mut platform, "a", 15, Whom::Leader);
    assert_eq!(exited(&mut platform), ("a".into(), Exit::Signal(15)), "its children are still its own");
    rig.signal(Signal::INT);
    assert_eq!(platform.event().0, Event::StopRequested { signal: 2 });
}

pub(crate) fn a_program_that_cannot_take_over_changes_nothing() {
    let rig = Rig::start();
    let mut platform = ready(&rig);
    for (program, cause) in [
        (PathBuf::from("/no/such/program"), "it cannot be started: "),
        (script(&rig, "old", "echo 'error: it is too old' >&2; exit 1"), "it is too old"),
        ("/bin/false".into(), "it cannot take over"),
        (script(&rig, "deaf", "exec sleep 1000"), "it did not say within 5 s whether it can take over"),
    ] {
        ask(&rig, &program);
        let Progress::Refused(found) = end(&rig).progress else { panic!("{:?}", end(&rig)) };
        assert!(found.starts_with(cause), "{found}");
        platform.request(Request::Forget { key: "none".into() }).expect("the platform process is the same");
    }
    assert_eq!(program_of(rig.keeper.id()), this());
}

pub(crate) fn a_platform_that_dies_is_put_back() {
    let rig = Rig::start();
    let mut platform = ready(&rig);
    let (pid, _) = platform.spawn(sh("a", "exec sleep 1000")).unwrap();
    let text =
        format!("[ $1 = platform ] && {{ echo 'error: no luck' >&2; exit 7; }}; exec {} \"$@\"", this().display());
    ask(&rig, &script(&rig, "dies", &text));
    let platform = ready(&rig);
    let Upgrade { progress, said, .. } = end(&rig);
    let cause = "its platform process ended 3 times, at last with code 7".into();
    assert_eq!((progress, said.as_str()), (Progress::PutBack(cause), "error: no luck\n"));
    assert_eq!((program_of(platform.pid.unsigned_abs()), is_alive(pid)), (this(), true));
}

pub(crate) fn a_platform_that_is_never_ready_is_put_back() {
    let rig = Rig::start();
    let _first = ready(&rig);
    let new = copy(&rig);
    ask(&rig, &new);
    let trial = rig.platform();
    assert_eq!(program_of(trial.pid.unsigned_abs()), new);
    let platform = ready(&rig);
    let cause = "its platform process was not ready within 10 s".into();
    assert_eq!(end(&rig).progress, Progress::PutBack(cause));
    assert_eq!(program_of(platform.pid.unsigned_abs()), this());
    assert_eq!(program_of(rig.keeper.id()), this());
}
