//! The loop: waits for signals, requests and output, one at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::fd::RawFd,
    path::PathBuf,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{self, Pid, Resource, WaitOptions, WaitStatus},
};
use serde::{Deserialize, Serialize};

use crate::{
    fd::Fd,
    handover, host,
    notify::ServiceManager,
    platform::Platform,
    process::Process,
    protocol::{Event, Exit, Message},
    record::Lock,
    say::say,
    socket::Socket,
    upgrade::Running,
};

/// What a keeper is started with.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeeperConfig {
    /// The state folder.
    pub lock: Lock,
    /// The program of the platform process, and of the keeper after an upgrade.
    pub program: String,
    /// Its arguments as the platform process, which finds its socket at [`crate::PLATFORM_FD`].
    pub platform: Vec<String>,
    /// Its arguments as what follows a keeper. `check` or `resume` and the number of a descriptor are added; see
    /// [`crate::check`] and [`resume`].
    pub successor: Vec<String>,
    /// Whether SIGHUP is ignored.
    pub detached: bool,
    /// A child that shows the system to a person; it is awaited at the end, for at most 5 s.
    pub viewer: Option<u32>,
    /// Who is told that the system runs.
    pub manager: ServiceManager,
}

/// Runs until it is told to end, and returns the exit code. Nothing that it started is left then. For the main thread
/// of a process that has no other.
pub fn run(config: KeeperConfig) -> u8 {
    match Keeper::new(config) {
        Ok(mut keeper) => keeper.run(),
        Err(error) => {
            say(&format!("error: the keeper cannot start: {error}\nhint: see `ulimit -n` and the host's limits"));
            1
        }
    }
}

/// Goes on with what the keeper whose process this was has left at a descriptor; otherwise as [`run`].
pub fn resume(left: RawFd) -> u8 {
    match handover::read(left) {
        Ok(mut keeper) => {
            keeper.has_taken_over();
            keeper.run()
        }
        Err(error) => {
            say(&format!("error: the keeper cannot go on: {error}\nhint: run `isles up`: nothing durable is lost"));
            1
        }
    }
}

/// All that a keeper holds; a successor gets it whole.
#[derive(Serialize, Deserialize)]
pub(crate) struct Keeper {
    pub(crate) config: KeeperConfig,
    pub(crate) signals: Fd,
    /// The limit of descriptors that programs get; the keeper's own is as high as it may be.
    #[serde(with = "handover::Rlimit")]
    pub(crate) descriptors: process::Rlimit,
    pub(crate) platform: Platform,
    pub(crate) processes: BTreeMap<String, Process>,
    pub(crate) sockets: BTreeMap<String, Socket>,
    /// The groups that programs' groups were in.
    pub(crate) groups: BTreeSet<PathBuf>,
    pub(crate) upgrade: Option<Running>,
    pub(crate) stop_requests: u32,
    pub(crate) stop_signal: Option<i32>,
    pub(crate) stop_deadline: Option<Duration>,
    #[serde(default)]
    pub(crate) next_look: Duration,
    pub(crate) end: Option<u8>,
}

impl Keeper {
    fn new(config: KeeperConfig) -> io::Result<Self> {
        host::close_on_exec();
        let signals = host::take_signals()?;
        let descriptors = process::getrlimit(Resource::Nofile);
        process::setrlimit(Resource::Nofile, process::Rlimit { current: descriptors.maximum, ..descriptors })?;
        process::set_child_subreaper(Some(process::getpid()))?;
        Ok(Self {
            config,
            signals,
            descriptors,
            platform: Platform::new(),
            processes: BTreeMap::new(),
            sockets: BTreeMap::new(),
            groups: BTreeSet::new(),
            upgrade: None,
            stop_requests: 0,
            stop_signal: None,
            stop_deadline: None,
            next_look: Duration::ZERO,
            end: None,
        })
    }

    pub(crate) fn successor_arguments(&self) -> &[String] {
        &self.config.successor
    }

    fn run(&mut self) -> u8 {
        loop {
            self.check_deadlines(host::now());
            self.platform.flush();
            if self.upgrade.as_ref().is_some_and(Running::is_taking_over) {
                self.take_over();
            }
            if let Some(code) = self.end {
                return self.finish(code);
            }
            self.wait();
        }
    }

    fn check_deadlines(&mut self, now: Duration) {
        let over = |deadline: Option<Duration>| deadline.is_some_and(|deadline| deadline <= now);
        if over(self.stop_deadline) {
            self.give_up("it was asked to stop and has not within 120 s");
        } else if over(self.platform.patience()) {
            self.platform.kill("it does not read");
        } else if over(self.upgrade.as_ref().map(Running::deadline)) {
            self.upgrade_is_late();
        } else if over(self.platform.leaves_by()) {
            self.platform.kill_leaving();
        } else if over(self.looks_at()) {
            self.look_at_folder(now);
        } else if self.platform.process.is_none() && self.end.is_none() {
            match self.platform.due {
                None => self.give_up("it ended ten times in a row within 10 s of its start"),
                Some(due) if due <= now => self.start_platform(now),
                Some(_) => {}
            }
        }
    }

    fn start_platform(&mut self, now: Duration) {
        match self.platform.start(&self.config.program, &self.config.platform, now) {
            Ok(()) => {
                let pid = self.platform.process.as_ref().map_or(0, |process| process.pid.as_raw_pid());
                self.config.lock.add("platform", pid, &[]);
            }
            Err(error) => {
                say(&format!("isles: the platform process did not start: {error}"));
                self.platform.ended(now);
                self.upgrade_lost_platform(&error.to_string());
            }
        }
    }

    /// Waits for something to do, and does it.
    fn wait(&mut self) {
        let copying = !self.platform.is_connected();
        let writing = if self.platform.has_queue() { PollFlags::OUT } else { PollFlags::empty() };
        let outputs = self.processes.iter().filter(|(_, process)| copying && !process.ended);
        let (keys, outputs): (Vec<_>, Vec<_>) = outputs.map(|(key, process)| (key.clone(), &process.output)).unzip();
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        fds.extend(outputs.into_iter().map(|output| PollFd::new(output, PollFlags::IN)));
        let platform = self.platform.process.as_ref();
        let errors = platform.and_then(|process| process.errors.as_ref());
        fds.extend(errors.map(|errors| PollFd::new(errors, PollFlags::IN)));
        let socket = platform.filter(|process| !process.closed).map(|process| &process.socket);
        fds.extend(socket.map(|socket| PollFd::new(socket, PollFlags::IN | writing)));
        let at_socket = fds.len() - usize::from(socket.is_some());
        let timeout = self.timeout(host::now());
        let _ = poll(&mut fds, timeout.as_ref());
        let ready: Vec<_> = fds.iter().map(PollFd::revents).collect();
        for (key, _) in keys.iter().zip(&ready[1..]).filter(|(_, ready)| !ready.is_empty()) {
            let _ = self.processes.get_mut(key).map(Process::copy_output);
        }
        if ready[keys.len() + 1..at_socket].iter().any(|errors| !errors.is_empty()) {
            self.platform.copy_errors();
        }
        match ready.get(at_socket) {
            Some(socket) if socket.intersects(PollFlags::HUP | PollFlags::ERR) => self.platform_closed(),
            Some(socket) if socket.contains(PollFlags::IN) => _ = self.read_request(),
            _ => {}
        }
        if !ready[0].is_empty() {
            self.read_signals();
        }
    }

    fn timeout(&self, now: Duration) -> Option<Timespec> {
        let due = self.platform.due.filter(|_| self.platform.process.is_none());
        let upgrade = self.upgrade.as_ref().map(Running::deadline);
        let leaving = self.platform.leaves_by();
        let deadlines = [due, self.stop_deadline, self.platform.patience(), upgrade, leaving, self.looks_at()];
        let next = deadlines.into_iter().flatten().min()?;
        Timespec::try_from(next.saturating_sub(now)).ok()
    }

    fn read_signals(&mut self) {
        for signal in host::read_signals(&self.signals) {
            match signal {
                libc::SIGCHLD => self.reap(),
                libc::SIGPIPE => {}
                libc::SIGUSR2 => self.begin_upgrade(),
                libc::SIGHUP if self.config.detached => {}
                _ => self.request_stop(signal),
            }
        }
    }

    /// Waits for every child that has ended, orphans of programs included.
    pub(crate) fn reap(&mut self) {
        while let Ok(Some((pid, status))) = process::wait(WaitOptions::NOHANG) {
            if self.platform.process.as_ref().is_some_and(|process| process.pid == pid) {
                self.platform_ended(status);
            } else if self.platform.has_left(pid) {
                self.config.lock.remove("leaving");
            } else if self.upgrade.as_ref().is_some_and(|upgrade| upgrade.is_checked_by(pid)) {
                self.checked(exit_of(status));
            } else if self.config.viewer.is_some_and(|viewer| Pid::as_raw_pid(pid).try_into() == Ok(viewer)) {
                self.config.viewer = None;
            } else {
                self.process_ended(pid, exit_of(status));
            }
        }
    }

    fn platform_ended(&mut self, status: WaitStatus) {
        while self.read_request() {}
        self.platform.copy_errors();
        let how = match exit_of(status) {
            Exit::Code(code) => format!("code {code}"),
            Exit::Signal(signal) => format!("signal {signal}"),
        };
        if self.end.is_none() {
            say(&format!("isles: the platform process ended ({how}); programs go on, it is started again"));
        }
        self.platform.ended(host::now());
        self.lost_platform(&how);
    }

    fn lost_platform(&mut self, how: &str) {
        self.config.lock.remove("platform");
        self.processes.values_mut().for_each(Process::begin_copy);
        self.upgrade_lost_platform(how);
    }

    /// The platform process closed its socket. If it was asked to leave, it serves what it has accepted, and the next one
    /// starts beside it.
    fn platform_closed(&mut self) {
        if !self.upgrade.as_ref().is_some_and(Running::is_leaving) {
            return self.platform.closed();
        }
        while self.read_request() {}
        if let Some(pid) = self.platform.leave(host::now()) {
            self.config.lock.add("leaving", pid, &[]);
        }
        self.lost_platform("");
    }

    /// A leader's end is kept until it is forgotten, for a platform process yet to come.
    fn process_ended(&mut self, pid: Pid, exit: Exit) {
        let found = self.processes.iter_mut().find(|(_, process)| process.pid == pid && process.exit.is_none());
        if let Some((key, process)) = found {
            process.exit = Some(exit);
            if self.platform.is_connected() {
                self.platform.push(&Message::Event(Event::Exited { key: key.clone(), exit }), None);
            }
        }
    }
}

fn exit_of(status: WaitStatus) -> Exit {
    match status.terminating_signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.exit_status().unwrap_or(0)),
    }
}
