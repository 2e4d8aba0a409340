//! The keeper against real processes.

#![allow(clippy::unwrap_used, reason = "these are tests, which clippy cannot tell without the test harness")]

mod manager;
mod rig;
mod upgrades;

use std::{
    fs,
    io::{ErrorKind, Read},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
};

use keeper::protocol::{Event, Exit, LimitedResource, ListenAddress, Reply, Request, Rlimit, Spawn, Whom};
use rig::{Platform, Rig, eventually, is_alive, read_line, read_to_end};
use rustix::process::{Pid, Signal, kill_process};

fn main() -> ExitCode {
    rig::main(&[
        ("exits_and_output", exits_and_output),
        ("signals", signals),
        ("what_a_program_finds", what_a_program_finds),
        ("refusals_name_the_step", refusals_name_the_step),
        ("a_session_is_killed", a_session_is_killed),
        ("a_cgroup_is_killed", a_cgroup_is_killed),
        ("stop_leaves_nothing", stop_leaves_nothing),
        ("programs_outlive_the_platform_process", programs_outlive_the_platform_process),
        ("output_without_reader_is_bounded", output_without_reader_is_bounded),
        ("sockets_outlive_the_platform_process", sockets_outlive_the_platform_process),
        ("asked_to_stop", asked_to_stop),
        ("detached_ignores_hangup", detached_ignores_hangup),
        ("the_viewer_is_awaited", the_viewer_is_awaited),
        ("a_platform_that_never_lives", a_platform_that_never_lives),
        ("what_it_says_cannot_be_written", what_it_says_cannot_be_written),
        ("a_state_folder_that_is_replaced", a_state_folder_that_is_replaced),
        ("the_last_requests_are_carried_out", the_last_requests_are_carried_out),
        ("a_second_keeper_is_refused", a_second_keeper_is_refused),
        ("a_killed_keeper_is_cleaned_up", a_killed_keeper_is_cleaned_up),
        (
            "the_keeper_becomes_the_new_program_and_keeps_all_it_holds",
            upgrades::the_keeper_becomes_the_new_program_and_keeps_all_it_holds,
        ),
        ("a_program_that_cannot_take_over_changes_nothing", upgrades::a_program_that_cannot_take_over_changes_nothing),
        ("a_platform_that_dies_is_put_back", upgrades::a_platform_that_dies_is_put_back),
        ("a_platform_that_is_never_ready_is_put_back", upgrades::a_platform_that_is_never_ready_is_put_back),
        ("it_is_told_and_keeps_the_listeners", manager::it_is_told_and_keeps_the_listeners),
        ("a_kept_listener_is_used_again", manager::a_kept_listener_is_used_again),
        ("a_listener_that_was_kept_in_vain_is_closed", manager::a_listener_that_was_kept_in_vain_is_closed),
    ])
}

fn sh(key: &str, script: &str) -> Spawn {
    Spawn {
        key: key.into(),
        argv: ["/bin/sh", "-c", script].map(Into::into).into(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        folder: "/".into(),
        cgroups: Vec::new(),
        rlimits: Vec::new(),
        log: "/dev/null".into(),
        run: Some(1),
        secrets: Vec::new(),
    }
}

fn exited(platform: &mut Platform) -> (String, Exit) {
    match platform.event().0 {
        Event::Exited { key, exit } => (key, exit),
        other => panic!("not an exit: {other:?}"),
    }
}

fn signal(platform: &mut Platform, key: &str, signal: i32, whom: Whom) {
    platform.request(Request::Signal { key: key.into(), signal, whom }).unwrap();
}

fn exits_and_output() {
    let rig = Rig::start();
    let mut platform = rig.platform();
    for (script, output, exit) in [
        ("echo out; echo err >&2; exit 3", "out\nerr\n", Exit::Code(3)),
        ("exec true", "", Exit::Code(0)),
        ("printf 'no end'", "no end", Exit::Code(0)),
        ("kill -9 $$", "", Exit::Signal(9)),
        ("exec no-such-program 2>/dev/null", "", Exit::Code(127)),
    ] {
        let (_, pipe) = platform.spawn(sh("a", script)).unwrap();
        assert_eq!(exited(&mut platform), ("a".into(), exit), "{script}");
        platform.request(Request::Forget { key: "a".into() }).unwrap();
        assert_eq!(read_to_end(pipe), output, "{script}");
    }
}

fn signals() {
    let rig = Rig::start();
    let mut platform = rig.platform();
    let (_, pipe) =
        platform.spawn(sh("a", "trap 'echo usr1; exit 5' USR1; echo ready; while :; do sleep 0.01; done")).unwrap();
    assert_eq!(read_line(&pipe), "ready");
    signal(&mut platform, "nobody", 9, Whom::Tree);
    signal(&mut platform, "a", 0, Whom::Leader);
    signal(&mut platform, "a", libc::SIGUSR1, Whom::Leader);
    assert_eq!(exited(&mut platform), ("a".into(), Exit::Code(5)));
    assert_eq!(read_line(&pipe), "usr1");
    signal(&mut platform, "a", 9, Whom::Leader);
    signal(&mut platform, "a", 9, Whom::Tree);
}

fn what_a_program_finds() {
    let rig = Rig::start();
    let mut platform = rig.platform();
    let limit = |resource, value| Rlimit { resource, value };
    let script = "env | grep -v -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort; cat; ls /proc/self/fd | wc -l; ulimit -n; ulimit -v; grep -e SigBlk -e SigIgn /proc/self/status | grep -o '.......$'";
    let spawn = Spawn {
        env: vec![("PATH".into(), "/usr/bin:/bin".into()), ("A".into(), "1 2".into())],
        folder: "/usr".into(),
        rlimits: vec![limit(LimitedResource::Descriptors, 99), limit(LimitedResource::AddressSpace, 1 << 30)],
        ..sh("a", script)
    };
    let (_, pipe) = platform.spawn(spawn).unwrap();
    let found = read_to_end(pipe).replace('\t', " ");
    let expected = "A=1 2\nPATH=/usr/bin:/bin\nPWD=/usr\n4\n99\n1048576\n0000000\n0000000\n";
    assert_eq!(found, expected);
}

fn refusals_name_the_step() {
    let rig = Rig::start();
    let mut platform = rig.platform();
    let dead = rig.folder.path().join("dead");
    fs::write(&dead, "").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = TcpListener::bind(taken).unwrap();
    let program = |program: &Path| Spawn { argv: vec![program.display().to_string()], ..sh("b", "") };
    let tcp = |name: &str, address: SocketAddr, device: Option<&str>| Request::Bind {
        name: name.into(),
        address: ListenAddress::Tcp { address, device: device.map(Into::into) },
    };
    let unix = |path: PathBuf| Request::Bind { name: "u".into(), address: ListenAddress::Unix { path } };
    let free = "127.0.0.1:0".parse().unwrap();
    platform.spawn(sh("a", "sleep 100")).unwrap();
    platform.request(tcp("s", free, None)).unwrap();
    for (request, step, errno) in [
        (Request::Spawn(program(Path::new("/no/such/program"))), "exec", libc::ENOENT),
        (Request::Spawn(program(Path::new("no-such-program"))), "exec", libc::ENOENT),
        (Request::Spawn(program(&dead)), "exec", libc::EACCES),
        (Request::Spawn(Spawn { argv: Vec::new(), ..sh("b", "") }), "exec", 0),
        (Request::Spawn(Spawn { folder: "/no/such/folder".into(), ..sh("b", "") }), "chdir", libc::ENOENT),
        (Request::Spawn(Spawn { folder: dead.clone(), ..sh("b", "") }), "chdir", libc::ENOTDIR),
        (Request::Spawn(Spawn { cgroups: vec!["/no/such/group".into()], ..sh("b", "") }), "cgroup", libc::ENOENT),
        (Request::Spawn(sh("a", "")), "key", 0),
        (tcp("t", holder.local_addr().unwrap(), None), "bind", libc::EADDRINUSE),
        (tcp("t", "192.0.2.1:1".parse().unwrap(), None), "bind", libc::EADDRNOTAVAIL),
        (tcp("t", free, Some("no-such-device")), "device", libc::ENODEV),
        (tcp("s", taken, None), "bind", 0),
        (unix("/no/such/folder/socket".into()), "bind", libc::ENOENT),
        (unix(rig.folder.path().join("x".repeat(120))), "bind", libc::ENAMETOOLONG),
        (unix(rig.folder.path().join("relay")), "bind", libc::EADDRINUSE),
        (Request::Hello { version: 999 }, "version", 0),
    ] {
        let refusal = platform.request(request.clone()).expect_err(&format!("{request:?}"));
        assert_eq!((refusal.step.as_str(), refusal.errno), (step, errno), "{request:?}: {refusal:?}");
        assert!(!refusal.cause.is_empty() && !refusal.cause.contains('\n'), "{refusal:?}");
    }
    platform.spawn(sh("b", "")).unwrap();
}

fn a_session_is_killed() {
    let rig = Rig::start();
    let mut platform = rig.platform();
    let (_, pipe) = platform.spawn(sh("a", "(sleep 1000 & echo $!); sleep 1000 & echo $!; exit 0")).unwrap();
    let left: [u32; 2] = [read_line(&pipe).parse().unwrap(), read_line(&pipe).parse().unwrap()];
    assert_eq!(exited(&mut platform).1, Exit::Code(0));
    assert_eq!(left.map(is_alive), [true, true]);
    signal(&mut platform, "a", 9, Whom::Tree);
    eventually(|| left.map(is_alive) == [false, false]);
}

/// A v2 cgroup under this process's own; `None`, said aloud, where that is not possible.
fn make_group(name: &str) -> Option<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?.to_string();
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    let mount = mounts.iter().find(|mount| Path::new(mount).join("cgroup.procs").exists())?;
    let group = PathBuf::from(format!("{mount}{own}")).join(name);
    let made = fs::create_dir(&group).is_ok() && group.join("cgroup.kill").exists();
    if !made {
        eprintln!("skipped: no cgroup can be made at {}", group.display());
    }
    made.then_some(group)
}

fn a_cgroup_is_killed() {
    let Some(group) = make_group(&format!("isles-test-{}", std::process::id())) else { return };
    let rig = Rig::start();
    let mut platform = rig.platform();
    let spawn =
        Spawn { cgroups: vec![group.clone()], ..sh("a", "(setsid sh -c 'sleep 1000 & echo $!' &); sleep 1000") };
    let (pid, pipe) = platform.spawn(spawn).unwrap();
    let daemon: u32 = read_line(&pipe).parse().unwrap();
    assert!(fs::read_to_string(group.join("cgroup.procs")).unwrap().lines().any(|line| line == pid.to_string()));
    signal(&mut platform, "a", 9, Whom::Tree);
    assert_eq!(exited(&mut platform).1, Exit::Signal(9));
    eventually(|| !is_alive(daemon) && fs::read_to_string(group.join("cgroup.procs")).unwrap().is_empty());
    platform.request(Request::Stop { code: 0 }).unwrap();
    drop(platform);
    eventually(|| !group.exists());
}

fn stop_leaves_nothing() {
    let mut rig = Rig::start();
    let mut platform = rig.platform();
    let path = rig.folder.path().join("socket");
    let unix = ListenAddress::Unix { path: path.clone() };
    platform.request(Request::Bind { name: "u".into(), address: unix }).unwrap();
    let script = "trap '' TERM; (setsid sh -c 'sleep 1000 & echo $!' &); while :; do sleep 1000; done";
    let (leader, pipe) = platform.spawn(sh("a", script)).unwrap();
    let daemon: u32 = read_line(&pipe).parse().unwrap();
    let stub = platform.pid.unsigned_abs();
    assert_eq!([leader, daemon, stub].map(is_alive), [true; 3]);
    assert_eq!(keeper::running(&rig.state()), Some(rig.keeper.id()));
    assert_eq!(platform.request(Request::Stop { code: 42 }).unwrap().0, Reply::Done);
    assert_eq!(rig.exit_code(), Some(42));
    assert_eq!([leader, daemon, stub].map(is_alive), [false; 3]);
    assert_eq!((path.exists(), keeper::running(&rig.state())), (false, None));
    assert_eq!(keeper::clean_up(&rig.state()), Vec::<String>::new());
}

fn programs_outlive_the_platform_process() {
    let rig = Rig::start();
    let log = rig.folder.path().join("log");
    let mut platform = rig.platform();
    let gate = rig.folder.path().join("gate");
    let script = format!("echo one; while ! [ -e {} ]; do sleep 0.01; done; echo two hunter2; exit 4", gate.display());
    let spawn = Spawn { log: log.clone(), run: Some(7), secrets: vec!["hunter2".into()], ..sh("a", &script) };
    let (pid, pipe) = platform.spawn(spawn).unwrap();
    let (other, _) = platform.spawn(sh("b", "sleep 1000")).unwrap();
    assert_eq!(read_line(&pipe), "one");
    drop(pipe);
    platform.die();
    let mut platform = rig.accept();
    fs::write(gate, "").unwrap();
    eventually(|| fs::read_to_string(&log).is_ok_and(|text| text.ends_with('\n')));
    let text = fs::read_to_string(&log).unwrap();
    let line = keeper::line::Line::parse(text.trim_end().as_bytes()).unwrap();
    assert_eq!((line.run, line.text), (Some(7), &b"two ***"[..]));
    eventually(|| !is_alive(pid));

    let (reply, _) = platform.request(Request::Hello { version: keeper::protocol::VERSION }).unwrap();
    assert!(matches!(reply, Reply::Welcome { processes: 2, sockets: 0, generation: 2, .. }), "{reply:?}");
    let none = (Vec::new(), Vec::new());
    for expected in [
        ("a".to_string(), pid, Some(Exit::Code(4)), (Vec::new(), vec!["hunter2".to_string()])),
        ("b".to_string(), other, None, none),
    ] {
        let (event, output) = platform.event();
        let Event::Process { key, pid, exit, cgroups, secrets } = event else { panic!("{event:?}") };
        assert_eq!((key, pid, exit, (cgroups, secrets)), expected);
        assert!(output.is_some());
    }
    assert!(is_alive(other));
    signal(&mut platform, "b", 15, Whom::Leader);
    assert_eq!(exited(&mut platform), ("b".into(), Exit::Signal(15)));
}

fn output_without_reader_is_bounded() {
    let rig = Rig::start();
    let log = rig.folder.path().join("log");
    let gate = rig.folder.path().join("gate");
    let mut platform = rig.platform();
    let script =
        format!("cat {}; yes 'a line of text' | head -c 20000000; echo done >&2; exec sleep 1000", gate.display());
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    platform.spawn(Spawn { log: log.clone(), ..sh("a", &script) }).unwrap();
    platform.die();
    let mut platform = rig.accept();
    fs::write(&gate, "").unwrap();
    eventually(|| fs::read_to_string(&log).is_ok_and(|text| text.contains("was dropped")));
    eventually(|| {
        let state = keeper::stat::all();
        state.iter().any(|stat| {
            fs::read(format!("/proc/{}/cmdline", stat.pid)).is_ok_and(|line| line == b"sleep\x001000\0")
                && stat.session == stat.pid
        })
    });
    assert!(fs::metadata(&log).unwrap().len() < 5 << 20);
    platform.request(Request::Hello { version: keeper::protocol::VERSION }).unwrap();
}

fn sockets_outlive_the_platform_process() {
    let rig = Rig::start();
    let mut platform = rig.platform();
    let address = ListenAddress::Tcp { address: "127.0.0.1:0".parse().unwrap(), device: Some("lo".into()) };
    let bind = Request::Bind { name: "gateway".into(), address };
    let (reply, fd) = platform.request(bind.clone()).unwrap();
    assert_eq!(reply, Reply::Bound { existed: false });
    let listening = TcpListener::from(fd.unwrap()).local_addr().unwrap();
    let path = rig.folder.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let unix = Request::Bind { name: "api".into(), address: ListenAddress::Unix { path: path.clone() } };
    platform.request(unix).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    platform.die();

    let waiting = TcpStream::connect(listening).unwrap();
    UnixStream::connect(&path).unwrap();
    let mut platform = rig.platform();
    let mut names = Vec::new();
    for _ in 0..2 {
        let (Event::Socket { name }, Some(_)) = platform.event() else { panic!("not a socket") };
        names.push(name);
    }
    assert_eq!(names, ["api", "gateway"]);
    let (reply, fd) = platform.request(bind).unwrap();
    assert_eq!(reply, Reply::Bound { existed: true });
    let (_, from) = TcpListener::from(fd.unwrap()).accept().unwrap();
    assert_eq!(from, waiting.local_addr().unwrap());
    platform.request(Request::Close { name: "api".into() }).unwrap();
    platform.request(Request::Close { name: "gateway".into() }).unwrap();
    assert_eq!(TcpStream::connect(listening).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(!path.exists());
}

fn asked_to_stop() {
    let mut rig = Rig::start();
    let mut platform = rig.platform();
    let (pid, _) = platform.spawn(sh("a", "trap '' TERM; while :; do sleep 1000; done")).unwrap();
    for (sent, number) in [(Signal::INT, 2), (Signal::HUP, 1)] {
        rig.signal(sent);
        assert_eq!(platform.event().0, Event::StopRequested { signal: number });
    }
    platform.die();
    let mut platform = rig.platform();
    assert!(matches!(platform.event().0, Event::Process { .. }));
    assert_eq!(platform.event().0, Event::StopRequested { signal: 1 });
    rig.signal(Signal::TERM);
    assert_eq!((rig.exit_code(), is_alive(pid)), (Some(1), false));
}

fn what_it_says_cannot_be_written() {
    let mut rig = Rig::start_with("keeper", |keeper| {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "exec \"$0\" \"$@\" 2>/dev/full"]).arg(keeper.get_program()).args(keeper.get_args());
        *keeper = shell;
    });
    rig.platform().die();
    rig.platform().request(Request::Stop { code: 7 }).unwrap();
    assert_eq!(rig.exit_code(), Some(7));
}

/// As `git clean -fdx` and another `isles up` do.
fn a_state_folder_that_is_replaced() {
    let mut rig = Rig::start();
    let mut platform = rig.platform();
    let (pid, _) = platform.spawn(sh("a", "exec sleep 1000")).unwrap();
    let path = rig.state().join("api.sock");
    let address = ListenAddress::Unix { path: path.clone() };
    platform.request(Request::Bind { name: "api".into(), address }).unwrap();
    fs::remove_dir_all(rig.state()).unwrap();
    let _other = keeper::lock(&rig.state()).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(platform.event().0, Event::StopRequested { signal: 15 });
    platform.request(Request::Stop { code: 0 }).unwrap();
    drop(platform);
    assert_eq!((rig.exit_code(), is_alive(pid)), (Some(1), false));
    assert_eq!(keeper::running(&rig.state()), Some(std::process::id()), "that is left alone");
    let said = fs::read_to_string(rig.folder.path().join("errors")).unwrap();
    assert!(said.contains("was removed or replaced") && path.exists(), "{said}");
}

fn the_last_requests_are_carried_out() {
    let mut rig = Rig::start();
    let platform = rig.platform();
    let requests = (0..50).map(|_| Request::Close { name: "none".into() }).chain([Request::Stop { code: 7 }]);
    for (number, request) in requests.enumerate() {
        let packet = serde_json::to_vec(&keeper::protocol::Numbered { number: number as u64, request }).unwrap();
        keeper::packet::send(&platform.socket, &packet, None).unwrap();
    }
    platform.die();
    assert_eq!(rig.exit_code(), Some(7));
}

fn detached_ignores_hangup() {
    let rig = Rig::start_as("detached-keeper");
    let mut platform = rig.platform();
    rig.signal(Signal::HUP);
    rig.signal(Signal::TERM);
    assert_eq!(platform.event().0, Event::StopRequested { signal: 15 });
}

fn the_viewer_is_awaited() {
    let mut rig = Rig::start_as("viewed-keeper");
    let mut platform = rig.platform();
    platform.request(Request::Stop { code: 0 }).unwrap();
    drop(platform);
    // The records go last, after the viewer.
    assert_eq!(keeper::running(&rig.state()), Some(rig.keeper.id()));
    fs::write(rig.folder.path().join("relay.look"), "").unwrap();
    assert_eq!((rig.exit_code(), rig.folder.path().join("relay.seen").exists()), (Some(0), true));
}

fn a_platform_that_never_lives() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let keeper = command.arg("keeper-of").arg(folder.path()).arg("/bin/false").stderr(Stdio::piped()).spawn().unwrap();
    let output = keeper.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("ten times in a row") && errors.contains("\nhint: "), "{errors}");
}

fn a_second_keeper_is_refused() {
    let rig = Rig::start();
    let _platform = rig.platform();
    let error = keeper::lock(&rig.state()).unwrap_err();
    assert_eq!(error.to_string(), format!("the system already runs, its keeper is process {}", rig.keeper.id()));
    assert_eq!(keeper::running(&rig.state()), Some(rig.keeper.id()));
    let error = keeper::lock(Path::new("/proc/no/such")).unwrap_err();
    assert!(error.to_string().starts_with("cannot write the state folder: "), "{error}");
}

fn a_killed_keeper_is_cleaned_up() {
    let group = make_group(&format!("isles-left-{}", std::process::id()));
    let mut rig = Rig::start();
    let mut platform = rig.platform();
    let (plain, _) = platform.spawn(sh("a", "exec sleep 1000")).unwrap();
    let script = "(setsid sh -c 'sleep 1000 & echo $!' &); sleep 1000";
    let (_, pipe) =
        platform.spawn(Spawn { cgroups: group.clone().into_iter().collect(), ..sh("b/1#2", script) }).unwrap();
    let daemon: u32 = read_line(&pipe).parse().unwrap();
    rig.signal(Signal::KILL);
    rig.exit_code();
    eventually(|| !is_alive(plain));
    let mut end = [0];
    assert_eq!(fs::File::from(platform.socket).read(&mut end).unwrap(), 0);
    assert_eq!(keeper::running(&rig.state()), None);
    let lock = keeper::lock(&rig.state()).unwrap();
    let killed = keeper::clean_up(&rig.state());
    if let Some(group) = group {
        assert_eq!(
            (is_alive(daemon), killed.iter().filter(|text| text.contains("`b/1#2`")).count()),
            (false, 1),
            "{killed:?}"
        );
        assert!(!group.exists());
    } else {
        kill_process(Pid::from_raw(daemon.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    }
    assert_eq!(keeper::clean_up(&rig.state()), Vec::<String>::new());
    drop(lock);
    thread::yield_now();
}
