//! The loop: waits for signals, requests and output, one at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::fd::OwnedFd,
    path::PathBuf,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{self, Pid, Resource, Signal, WaitOptions, WaitStatus},
};

use crate::{
    child::refusal,
    host, packet,
    platform::Platform,
    process::{Process, kill, remove_groups},
    protocol::{Event, Exit, ListenAddress, Message, Numbered, Refusal, Reply, Request, Spawn, VERSION, Whom},
    record::Lock,
    socket::Socket,
    stat,
};

/// The platform process decides how long stopping takes; after so long it has failed to.
const STOP_PATIENCE: Duration = Duration::from_secs(120);
/// So many requests to stop mean: at once.
const STOP_REQUESTS_MAX: u32 = 3;
const KILL_PATIENCE: Duration = Duration::from_secs(5);
const PLATFORM_PATIENCE: Duration = Duration::from_secs(2);
const VIEWER_PATIENCE: Duration = Duration::from_secs(5);

type Answer = Result<(Reply, Option<OwnedFd>), Refusal>;

/// What a keeper is started with.
#[derive(Debug)]
pub struct KeeperConfig {
    /// The state folder.
    pub lock: Lock,
    /// Program and arguments of the platform process. It finds its socket at [`crate::PLATFORM_FD`].
    pub platform: Vec<String>,
    /// Whether SIGHUP is ignored.
    pub detached: bool,
    /// A child that shows the system to a person; it is awaited at the end, for at most 5 s.
    pub viewer: Option<u32>,
}

/// Runs until it is told to end, and returns the exit code. Nothing that it started is left then. For the main thread
/// of a process that has no other.
pub fn run(config: KeeperConfig) -> u8 {
    match Keeper::new(config) {
        Ok(mut keeper) => keeper.run(),
        Err(error) => {
            eprintln!("error: the keeper cannot start: {error}\nhint: see `ulimit -n` and the host's limits");
            1
        }
    }
}

struct Keeper {
    config: KeeperConfig,
    signals: OwnedFd,
    /// The limit of descriptors that programs get; the keeper's own is as high as it may be.
    descriptors: process::Rlimit,
    platform: Platform,
    processes: BTreeMap<String, Process>,
    sockets: BTreeMap<String, Socket>,
    /// The groups that programs' groups were in.
    groups: BTreeSet<PathBuf>,
    stop_requests: u32,
    stop_signal: Option<i32>,
    stop_deadline: Option<Duration>,
    end: Option<u8>,
}

impl Keeper {
    fn new(config: KeeperConfig) -> io::Result<Self> {
        host::close_inherited_on_exec();
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
            stop_requests: 0,
            stop_signal: None,
            stop_deadline: None,
            end: None,
        })
    }

    fn run(&mut self) -> u8 {
        loop {
            self.check_deadlines(host::now());
            self.platform.flush();
            if let Some(code) = self.end {
                self.finish();
                return code;
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
        } else if self.platform.process.is_none() && self.end.is_none() {
            match self.platform.due {
                None => self.give_up("it ended ten times in a row within 10 s of its start"),
                Some(due) if due <= now => self.start_platform(now),
                Some(_) => {}
            }
        }
    }

    fn give_up(&mut self, cause: &str) {
        eprintln!("error: the platform process failed: {cause}; everything was stopped");
        eprintln!("hint: the lines above say why; `isles up` starts again from what was saved");
        self.end = self.end.or(Some(1));
    }

    fn start_platform(&mut self, now: Duration) {
        match self.platform.start(&self.config.platform, now) {
            Ok(()) => {
                let pid = self.platform.process.as_ref().map_or(0, |process| process.pid.as_raw_pid());
                self.config.lock.add("platform", pid, &[]);
            }
            Err(error) => {
                eprintln!("isles: the platform process did not start: {error}");
                self.platform.ended(now);
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
        let platform = self.platform.process.iter().filter(|process| !process.closed);
        fds.extend(platform.map(|process| PollFd::new(&process.socket, PollFlags::IN | writing)));
        let timeout = self.timeout(host::now());
        let _ = poll(&mut fds, timeout.as_ref());
        let ready: Vec<_> = fds.iter().map(PollFd::revents).collect();
        for (key, _) in keys.iter().zip(&ready[1..]).filter(|(_, ready)| !ready.is_empty()) {
            let _ = self.processes.get_mut(key).map(Process::copy_output);
        }
        match ready.get(keys.len() + 1) {
            Some(socket) if socket.intersects(PollFlags::HUP | PollFlags::ERR) => self.platform.closed(),
            Some(socket) if socket.contains(PollFlags::IN) => _ = self.read_request(),
            _ => {}
        }
        if !ready[0].is_empty() {
            self.read_signals();
        }
    }

    fn timeout(&self, now: Duration) -> Option<Timespec> {
        let due = self.platform.due.filter(|_| self.platform.process.is_none());
        let next = [due, self.stop_deadline, self.platform.patience()].into_iter().flatten().min()?;
        Timespec::try_from(next.saturating_sub(now)).ok()
    }

    fn read_signals(&mut self) {
        for signal in host::read_signals(&self.signals) {
            match signal {
                libc::SIGCHLD => self.reap(),
                libc::SIGPIPE => {}
                libc::SIGHUP if self.config.detached => {}
                _ => self.request_stop(signal),
            }
        }
    }

    fn request_stop(&mut self, signal: i32) {
        self.stop_requests += 1;
        self.stop_signal = Some(signal);
        self.stop_deadline.get_or_insert(host::now() + STOP_PATIENCE);
        if self.stop_requests == STOP_REQUESTS_MAX {
            eprintln!("isles: asked to stop for the third time: everything is killed");
            self.end = Some(1);
        } else if self.platform.is_connected() {
            self.platform.push(&Message::Event(Event::StopRequested { signal }), None);
        }
    }

    /// Waits for every child that has ended, orphans of programs included.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = process::wait(WaitOptions::NOHANG) {
            if self.platform.process.as_ref().is_some_and(|process| process.pid == pid) {
                self.platform_ended(status);
            } else if self.config.viewer.is_some_and(|viewer| Pid::as_raw_pid(pid).try_into() == Ok(viewer)) {
                self.config.viewer = None;
            } else {
                self.process_ended(pid, exit_of(status));
            }
        }
    }

    fn platform_ended(&mut self, status: WaitStatus) {
        while self.read_request() {}
        if self.end.is_none() {
            let (what, number) = match exit_of(status) {
                Exit::Code(code) => ("code", code),
                Exit::Signal(signal) => ("signal", signal),
            };
            eprintln!("isles: the platform process ended ({what} {number}); programs go on, it is started again");
        }
        self.config.lock.remove("platform");
        self.platform.ended(host::now());
        self.processes.values_mut().for_each(Process::begin_copy);
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

    /// Reads one request; `false` when there is none. What a platform process asked for before it ended is done.
    fn read_request(&mut self) -> bool {
        let Some(process) = &self.platform.process else { return false };
        match packet::receive(&process.socket) {
            Ok((packet, _)) if !packet.is_empty() => match serde_json::from_slice::<Numbered>(&packet) {
                Ok(Numbered { number, request }) => self.answer(number, request),
                Err(error) => self.platform.kill(&format!("it sent what is not a request: {error}")),
            },
            // Said once, before what is still to be read: it went without having read every reply.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            _ => return false,
        }
        true
    }

    fn answer(&mut self, number: u64, request: Request) {
        let hello = matches!(request, Request::Hello { .. });
        let (reply, fd) = match self.carry_out(request) {
            Ok((reply, fd)) => (Ok(reply), fd),
            Err(refusal) => (Err(refusal), None),
        };
        let welcome = hello && reply.is_ok();
        self.platform.push(&Message::Reply { number, reply }, fd);
        if welcome {
            self.welcome();
        }
    }

    fn carry_out(&mut self, request: Request) -> Answer {
        match request {
            Request::Hello { version } => return self.greet(version),
            Request::Spawn(spawn) => return self.spawn(spawn),
            Request::Bind { name, address } => return self.bind(name, address),
            Request::Signal { key, signal, whom } => _ = self.processes.get(&key).map(|it| it.signal(signal, whom)),
            Request::Forget { key } => self.forget(&key),
            Request::Log { key, path } => _ = self.processes.get_mut(&key).map(|it| it.spawn.log = path),
            Request::Close { name } => _ = self.sockets.remove(&name).map(|socket| socket.unlink()),
            Request::Stop { code } => self.end = Some(code),
        }
        Ok((Reply::Done, None))
    }

    fn greet(&self, version: u32) -> Answer {
        if version != VERSION {
            let cause = format!("the platform process speaks version {version}, the keeper version {VERSION}");
            return Err(Refusal { step: "version".into(), errno: 0, cause });
        }
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let (processes, sockets) = (count(self.processes.len()), count(self.sockets.len()));
        let (pid, generation) = (std::process::id(), self.platform.generation);
        Ok((Reply::Welcome { pid, processes, sockets, generation }, None))
    }

    /// Tells a new platform process everything, and leaves the output to it.
    fn welcome(&mut self) {
        for (key, process) in &mut self.processes {
            process.end_copy();
            let (pid, exit) = (process.pid.as_raw_pid().unsigned_abs(), process.exit);
            let Spawn { cgroups, secrets, .. } = process.spawn.clone();
            let event = Event::Process { key: key.clone(), pid, exit, cgroups, secrets };
            self.platform.push(&Message::Event(event), process.output.try_clone().ok().map(Into::into));
        }
        for (name, socket) in &self.sockets {
            let event = Event::Socket { name: name.clone() };
            self.platform.push(&Message::Event(event), socket.fd.try_clone().ok());
        }
        if let Some(signal) = self.stop_signal {
            self.platform.push(&Message::Event(Event::StopRequested { signal }), None);
        }
        let _ = self.platform.process.as_mut().map(|process| process.connected = true);
    }

    fn spawn(&mut self, spawn: Spawn) -> Answer {
        if self.processes.contains_key(&spawn.key) {
            let cause = format!("there already is a process `{}`", spawn.key);
            return Err(Refusal { step: "key".into(), errno: 0, cause });
        }
        self.groups.extend(spawn.cgroups.iter().filter_map(|group| group.parent()).map(Into::into));
        let process = Process::start(spawn, self.descriptors)?;
        let output = process.output.try_clone().map_err(refusal("fd", "no descriptor"));
        let (key, id) = (process.spawn.key.clone(), process.pid.as_raw_pid());
        self.config.lock.add(&key, id, &process.spawn.cgroups);
        self.processes.insert(key, process);
        Ok((Reply::Spawned { pid: id.unsigned_abs() }, Some(output?.into())))
    }

    fn forget(&mut self, key: &str) {
        if self.processes.get(key).is_some_and(|process| process.exit.is_some()) {
            self.processes.remove(key);
            self.config.lock.remove(key);
        }
    }

    fn bind(&mut self, name: String, address: ListenAddress) -> Answer {
        let existed = self.sockets.get(&name);
        if existed.is_some_and(|socket| socket.address != address) {
            let cause = format!("the socket `{name}` exists with another address");
            return Err(Refusal { step: "bind".into(), errno: 0, cause });
        }
        let existed = existed.is_some();
        if !existed {
            self.sockets.insert(name.clone(), Socket::listen(address)?);
        }
        let fd = self.sockets[&name].fd.try_clone().map_err(refusal("fd", "no descriptor"))?;
        Ok((Reply::Bound { existed }, Some(fd)))
    }

    /// Leaves nothing behind.
    fn finish(&mut self) {
        self.processes.values().for_each(|process| process.signal(libc::SIGKILL, Whom::Tree));
        self.reap_until(KILL_PATIENCE, |keeper| {
            let left = keeper.left();
            left.iter().for_each(|stat| kill(stat.pid, Signal::KILL));
            left.is_empty()
        });
        self.end_platform();
        // Closed before the viewer is awaited: it ends when nobody listens any more.
        std::mem::take(&mut self.sockets).values().for_each(Socket::unlink);
        remove_groups(self.processes.values().flat_map(|it| &it.spawn.cgroups).map(PathBuf::as_path));
        self.groups.iter().for_each(|group| _ = fs::remove_dir(group));
        self.reap_until(VIEWER_PATIENCE, |keeper| keeper.config.viewer.is_none());
        for stat in stat::descendants(process::getpid().as_raw_pid()) {
            kill(stat.pid, Signal::KILL);
        }
        self.config.lock.end();
    }

    fn end_platform(&mut self) {
        if let Some(process) = &self.platform.process {
            let _ = rustix::net::shutdown(&process.socket, rustix::net::Shutdown::Both);
        }
        self.reap_until(PLATFORM_PATIENCE, |keeper| keeper.platform.process.is_none());
        self.platform.kill("it has not ended by itself");
        self.reap_until(PLATFORM_PATIENCE, |keeper| keeper.platform.process.is_none());
    }

    /// All processes below this one, but for the platform process and the viewer.
    fn left(&self) -> Vec<stat::Stat> {
        let platform = self.platform.process.as_ref().map(|process| process.pid.as_raw_pid());
        let viewer = self.config.viewer.and_then(|pid| i32::try_from(pid).ok());
        let mut left = stat::descendants(process::getpid().as_raw_pid());
        left.retain(|stat| ![platform, viewer].contains(&Some(stat.pid)));
        left
    }

    fn reap_until(&mut self, patience: Duration, mut done: impl FnMut(&Self) -> bool) {
        let deadline = host::now() + patience;
        while !done(self) && host::now() < deadline {
            let mut fds = [PollFd::new(&self.signals, PollFlags::IN)];
            let _ = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 20_000_000 }));
            host::read_signals(&self.signals);
            self.reap();
        }
    }
}

fn exit_of(status: WaitStatus) -> Exit {
    match status.terminating_signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.exit_status().unwrap_or(0)),
    }
}
