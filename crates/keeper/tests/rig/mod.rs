//! A real keeper whose platform process only hands its socket to the test, so that the test is the platform.

#![allow(dead_code, reason = "every test program uses a part of the rig")]

use std::{
    collections::{BTreeMap, VecDeque},
    env, fs,
    io::Read,
    os::{
        fd::{AsFd, FromRawFd, OwnedFd},
        unix::{
            net::{UnixListener, UnixStream},
            process::CommandExt,
        },
    },
    panic,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode},
    thread,
    time::Duration,
};

use keeper::{
    KeeperConfig, ServiceManager, packet,
    protocol::{Event, Message, Numbered, Refusal, Reply, Request, Spawn, VERSION},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process},
};

/// A named test.
pub(crate) type Test = (&'static str, fn());

/// Runs as the tests, or as one of the processes that they start.
pub(crate) fn main(tests: &[Test]) -> ExitCode {
    let args: Vec<String> = env::args().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["keeper", state, relay] => keep(state, &args[0], relay, false, None),
        ["detached-keeper", state, relay] => keep(state, &args[0], relay, true, None),
        ["viewed-keeper", state, relay] => keep(state, &args[0], relay, false, Some(view(relay))),
        ["keeper-of", state, program] => keep(state, program, "", false, None),
        ["platform", relay] => hand_over(relay),
        ["successor", "check", left] => check(left),
        ["successor", "resume", left] => ExitCode::from(keeper::resume(left.parse().unwrap())),
        ["listen"] => listen(),
        _ => run_all(tests, &args[1..]),
    }
}

/// A child that waits for a file, and until nothing listens that stands in it, and then makes another. Children of its own may be killed as
/// what is left.
fn view(relay: &str) -> u32 {
    let script = "while ! [ -s $0.look ]; do sleep 0.01; done
        until grep -qFf $0.look /proc/net/tcp; [ $? = 1 ]; do sleep 0.01; done
        : >$0.seen";
    Command::new("/bin/sh").args(["-c", script, relay]).process_group(0).spawn().unwrap().id()
}

fn check(left: &str) -> ExitCode {
    let checked = keeper::check(left.parse().unwrap());
    checked.map_or_else(
        |cause| {
            eprintln!("error: {cause}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn keep(state: &str, program: &str, relay: &str, detached: bool, viewer: Option<u32>) -> ExitCode {
    let lock = match keeper::lock(Path::new(state)) {
        Ok(lock) => lock,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(9);
        }
    };
    for sentence in keeper::clean_up(Path::new(state)) {
        println!("{sentence}");
    }
    let variables: BTreeMap<String, String> = env::vars().collect();
    let manager = ServiceManager::of(|name| variables.get(name).cloned());
    let (platform, successor) = (vec!["platform".into(), relay.into()], vec!["successor".into()]);
    ExitCode::from(keeper::run(KeeperConfig {
        lock,
        program: program.into(),
        platform,
        successor,
        detached,
        viewer,
        manager,
    }))
}

#[allow(unsafe_code)]
fn hand_over(relay: &str) -> ExitCode {
    // SAFETY: the keeper gives every platform process this descriptor.
    let socket = unsafe { OwnedFd::from_raw_fd(keeper::PLATFORM_FD) };
    let relay = UnixStream::connect(relay).unwrap();
    packet::send(&relay, &std::process::id().to_ne_bytes(), Some(socket.as_fd())).unwrap();
    let mut ends = [PollFd::new(&socket, PollFlags::empty()), PollFd::new(&relay, PollFlags::IN)];
    poll(&mut ends, None).unwrap();
    ExitCode::SUCCESS
}

/// A program that listens on two ports and says which.
fn listen() -> ExitCode {
    let listeners = ["127.0.0.1:0", "[::1]:0"].map(std::net::TcpListener::bind);
    let addresses = listeners.iter().flatten().map(|listener| listener.local_addr().unwrap().to_string());
    println!("{}", addresses.collect::<Vec<_>>().join(" "));
    loop {
        thread::park();
    }
}

/// Libtest would run the keeper in a second thread, so tests are run here: `NAME...` filters, `--list` lists.
fn run_all(tests: &[Test], args: &[String]) -> ExitCode {
    let filters: Vec<_> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let chosen = tests.iter().filter(|(name, _)| filters.is_empty() || filters.iter().any(|f| name.contains(*f)));
    if args.iter().any(|arg| arg == "--list") {
        chosen.for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let start = |(name, test): &Test| {
        let (name, test) = (*name, *test);
        (name, thread::spawn(move || panic::catch_unwind(test)))
    };
    let threads: Vec<_> = chosen.map(start).collect();
    let mut failed = 0;
    for (name, thread) in threads {
        let ok = thread.join().is_ok_and(|result| result.is_ok());
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        failed += u8::from(!ok);
    }
    ExitCode::from(failed)
}

/// A running keeper and its state folder.
pub(crate) struct Rig {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) keeper: Child,
    relay: UnixListener,
}

impl Rig {
    /// Starts a keeper.
    pub(crate) fn start() -> Self {
        Self::start_as("keeper")
    }

    /// Starts a keeper in a role of [`main`].
    pub(crate) fn start_as(role: &str) -> Self {
        Self::start_with(role, |_| {})
    }

    /// Starts a keeper whose command is changed first.
    pub(crate) fn start_with(role: &str, change: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::Builder::new().prefix("isles").tempdir().unwrap();
        let path = folder.path().join("relay");
        let relay = UnixListener::bind(&path).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.arg(role).arg(folder.path().join("state")).arg(path);
        change(&mut command);
        let errors = fs::File::create(folder.path().join("errors")).unwrap();
        let keeper = command.stderr(errors).spawn().unwrap();
        Self { folder, keeper, relay }
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The next platform process, without hello.
    pub(crate) fn accept(&self) -> Platform {
        wait_for(&self.relay);
        let (relay, _) = self.relay.accept().unwrap();
        wait_for(&relay);
        let (pid, socket) = packet::receive(&relay).unwrap();
        let pid = i32::from_ne_bytes(pid.try_into().unwrap());
        Platform { socket: socket.unwrap(), pid, relay, number: 0, events: VecDeque::new() }
    }

    /// The next platform process; what the keeper held is among its events.
    pub(crate) fn platform(&self) -> Platform {
        let mut platform = self.accept();
        platform.request(Request::Hello { version: VERSION }).unwrap();
        platform
    }

    /// Sends the keeper a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.keeper), signal).unwrap();
    }

    /// The keeper's exit code, once it has ended.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        eventually(|| self.keeper.try_wait().unwrap().is_some());
        self.keeper.wait().unwrap().code()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "the keeper wrote: {}",
                fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
            );
        }
        if self.keeper.try_wait().is_ok_and(|exit| exit.is_none()) {
            let ended = (0..1000).any(|_| {
                let _ = kill_process(Pid::from_child(&self.keeper), Signal::TERM);
                thread::sleep(Duration::from_millis(2));
                self.keeper.try_wait().is_ok_and(|exit| exit.is_some())
            });
            if !ended {
                let _ = self.keeper.kill();
                let _ = self.keeper.wait();
            }
        }
        let _ = keeper::clean_up(&self.state());
    }
}

/// The keeper's socket, and the process that it was given to. Dropped, the keeper sees that process go.
pub(crate) struct Platform {
    pub(crate) socket: OwnedFd,
    pub(crate) pid: i32,
    relay: UnixStream,
    number: u64,
    pub(crate) events: VecDeque<(Event, Option<OwnedFd>)>,
}

impl Platform {
    /// Sends a request and waits for its reply.
    pub(crate) fn request(&mut self, request: Request) -> Result<(Reply, Option<OwnedFd>), Refusal> {
        self.number += 1;
        let packet = serde_json::to_vec(&Numbered { number: self.number, request }).unwrap();
        packet::send(&self.socket, &packet, None).unwrap();
        loop {
            match self.receive() {
                (Message::Event(event), fd) => self.events.push_back((event, fd)),
                (Message::Reply { number, reply }, fd) => {
                    assert_eq!(number, self.number);
                    return reply.map(|reply| (reply, fd));
                }
            }
        }
    }

    /// The next event.
    pub(crate) fn event(&mut self) -> (Event, Option<OwnedFd>) {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        match self.receive() {
            (Message::Event(event), fd) => (event, fd),
            other => panic!("not an event: {other:?}"),
        }
    }

    /// Starts a program; gives its process id and its output.
    pub(crate) fn spawn(&mut self, spawn: Spawn) -> Result<(u32, fs::File), Refusal> {
        match self.request(Request::Spawn(spawn))? {
            (Reply::Spawned { pid }, Some(output)) => Ok((pid, output.into())),
            other => panic!("not started: {other:?}"),
        }
    }

    /// Kills the platform process as `kill -9` does.
    pub(crate) fn die(self) {
        kill_process(Pid::from_raw(self.pid).unwrap(), Signal::KILL).unwrap();
    }

    fn receive(&self) -> (Message, Option<OwnedFd>) {
        wait_for(&self.socket);
        let (packet, fd) = packet::receive(&self.socket).unwrap();
        (serde_json::from_slice(&packet).expect("the keeper is gone"), fd)
    }
}

/// Waits until a descriptor is readable, for at most 20 s.
pub(crate) fn wait_for(fd: impl AsFd) {
    let timeout = Timespec { tv_sec: 20, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)).unwrap(), 1, "nothing came within 20 s");
}

/// Waits until something holds that nothing tells of, for at most 20 s.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("it did not come to hold within 20 s");
}

/// Everything up to the end of a pipe.
pub(crate) fn read_to_end(mut output: fs::File) -> String {
    let mut text = Vec::new();
    loop {
        wait_for(&output);
        let mut buffer = [0; 4096];
        match output.read(&mut buffer).unwrap() {
            0 => return String::from_utf8(text).unwrap(),
            length => text.extend_from_slice(&buffer[..length]),
        }
    }
}

/// Reads up to a line end.
pub(crate) fn read_line(mut output: &fs::File) -> String {
    let mut line = Vec::new();
    loop {
        wait_for(output);
        let mut byte = [0];
        match output.read(&mut byte).unwrap() {
            1 if byte[0] != b'\n' => line.push(byte[0]),
            _ => return String::from_utf8(line).unwrap(),
        }
    }
}

/// Whether a process of that id is there and has not ended.
pub(crate) fn is_alive(pid: u32) -> bool {
    keeper::stat::read(pid.try_into().unwrap()).is_some_and(|stat| !stat.ended)
}
