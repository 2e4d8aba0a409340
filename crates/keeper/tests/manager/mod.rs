//! The service manager: what it is told, and what it keeps.

use std::{
    net::{TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    process::{Command, Stdio},
};

use keeper::{
    packet,
    protocol::{ListenAddress, Reply, Request},
};

use crate::rig::{Rig, wait_for};

/// What came next, and its descriptor.
fn told(manager: &UnixDatagram) -> (String, Option<OwnedFd>) {
    wait_for(manager);
    let (text, fd) = packet::receive(manager).unwrap();
    (String::from_utf8(text).unwrap(), fd)
}

fn bind(listener: &TcpListener, name: &str) -> Request {
    let address = ListenAddress::Tcp { address: listener.local_addr().unwrap(), device: None };
    Request::Bind { name: name.into(), address }
}

/// Starts a keeper as a service manager does that has kept this listener.
fn with_kept(command: &mut Command, listener: &TcpListener, name: &str) {
    let script = format!(
        "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={name}; export LISTEN_PID LISTEN_FDS \
         LISTEN_FDNAMES; exec \"$0\" \"$@\""
    );
    let mut started = Command::new("/bin/sh");
    started.arg("-c").arg(script).arg(command.get_program()).args(command.get_args());
    started.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    started.stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())));
    *command = started;
}

pub(crate) fn it_is_told_and_keeps_the_listeners() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let rig = Rig::start_with("keeper", |command| _ = command.env("NOTIFY_SOCKET", &path));
    let mut platform = rig.platform();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    let request = bind(&free, "gateway");
    drop(free);
    platform.request(request).unwrap();
    let unix = ListenAddress::Unix { path: rig.folder.path().join("api") };
    platform.request(Request::Bind { name: "api".into(), address: unix }).unwrap();
    let (text, fd) = told(&manager);
    assert_eq!(text, "FDSTORE=1\nFDNAME=gateway");
    let kept = TcpListener::from(fd.unwrap());
    assert_eq!(kept.local_addr().unwrap(), address);
    for _ in 0..2 {
        platform.request(Request::Ready).unwrap();
    }
    assert_eq!(told(&manager).0, "READY=1");
    platform.request(Request::Close { name: "gateway".into() }).unwrap();
    assert_eq!(told(&manager).0, "FDSTOREREMOVE=1\nFDNAME=gateway");
    platform.request(Request::Stop { code: 0 }).unwrap();
    assert_eq!(told(&manager).0, "STOPPING=1");
}

pub(crate) fn a_kept_listener_is_used_again() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    kept.set_nonblocking(true).unwrap();
    let waiting = TcpStream::connect(kept.local_addr().unwrap()).unwrap();
    let rig = Rig::start_with("keeper", |command| with_kept(command, &kept, "gateway"));
    let request = bind(&kept, "gateway");
    drop(kept);
    let mut platform = rig.platform();
    let (reply, fd) = platform.request(request).unwrap();
    assert_eq!(reply, Reply::Bound { existed: false });
    let (_, from) = TcpListener::from(fd.unwrap()).accept().unwrap();
    assert_eq!(from, waiting.local_addr().unwrap());
}

pub(crate) fn a_listener_that_was_kept_in_vain_is_closed() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let rig = Rig::start_with("keeper", |command| with_kept(command, &kept, "gateway"));
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let (old, request) = (kept.local_addr().unwrap(), bind(&elsewhere, "gateway"));
    drop((kept, elsewhere));
    rig.platform().request(request).unwrap();
    assert!(TcpStream::connect(old).is_err());
}
