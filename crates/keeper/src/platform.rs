//! The platform process: started, started again when it ends, and talked to.

use std::{
    collections::VecDeque,
    io::{self, Write},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::{Command, Stdio},
    time::Duration,
};

use rustix::{
    io::{FdFlags, dup2, fcntl_setfd, ioctl_fionbio, read},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, pipe_with},
    process::{Pid, Signal, setsid},
};
use serde::{Deserialize, Serialize};

use crate::{fd::Fd, handover, host, packet, process::kill, protocol::Message, say::say};

/// The descriptor on which a platform process finds its end of the socket pair.
pub const PLATFORM_FD: RawFd = 3;

/// The most messages that wait for the platform process, and the longest that one waits.
const QUEUE_MAX: usize = 16_384;
const QUEUE_PATIENCE: Duration = Duration::from_secs(30);

/// So much of what it wrote last is kept, in bytes.
const LAST_WORDS_MAX: usize = 4096;

/// The longest that one which was asked to leave finishes what it has accepted.
const LEAVING_PATIENCE: Duration = Duration::from_secs(40);

/// A life at least so long is not a quick death, nor is a shorter one if it has been ready.
const LONG_LIFE: Duration = Duration::from_secs(10);
const LONG_LIFE_OF_READY: Duration = Duration::from_millis(500);
const QUICK_DEATHS_MAX: u32 = 10;
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The platform process and what is on its way to it.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Platform {
    pub(crate) process: Option<PlatformProcess>,
    /// How many there have been.
    pub(crate) generation: u32,
    /// When the next one starts; `None` after too many quick deaths.
    pub(crate) due: Option<Duration>,
    quick_deaths: u32,
    queue: VecDeque<(Vec<u8>, Option<Fd>)>,
    waiting_since: Duration,
    /// What the last one wrote last.
    last_words: Vec<u8>,
    /// The one before, while it finishes what it has accepted: its id, and until when it may.
    leaving: Option<(i32, Duration)>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct PlatformProcess {
    #[serde(with = "handover::pid")]
    pub(crate) pid: Pid,
    pub(crate) socket: Fd,
    /// The read end of its errors, until their end.
    pub(crate) errors: Option<Fd>,
    /// Whether it has said hello: from then on it reads the output.
    pub(crate) connected: bool,
    /// Whether it has said that it serves the system.
    pub(crate) ready: bool,
    /// Whether it has closed its socket: it has ended or is of no more use.
    pub(crate) closed: bool,
    started: Duration,
}

impl Platform {
    pub(crate) fn new() -> Self {
        Self { due: Some(Duration::ZERO), ..Self::default() }
    }

    pub(crate) fn start(&mut self, program: &str, arguments: &[String], now: Duration) -> io::Result<()> {
        let flags = SocketFlags::CLOEXEC;
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let (errors, their_errors) = pipe_with(PipeFlags::CLOEXEC)?;
        ioctl_fionbio(&errors, true)?;
        let pid = fork(program, arguments, theirs, their_errors)?;
        let (socket, errors) = (socket.into(), Some(Fd::from(errors)));
        let (connected, ready, closed, started) = (false, false, false, now);
        self.process = Some(PlatformProcess { pid, socket, errors, connected, ready, closed, started });
        self.generation += 1;
        self.last_words.clear();
        Ok(())
    }

    /// The next one may start beside it. One that has been leaving still is killed.
    pub(crate) fn leave(&mut self, now: Duration) -> Option<i32> {
        self.kill_leaving();
        let pid = self.process.take()?.pid.as_raw_pid();
        self.queue.clear();
        self.leaving = Some((pid, now + LEAVING_PATIENCE));
        Some(pid)
    }

    /// When one that is leaving has had time enough.
    pub(crate) fn leaves_by(&self) -> Option<Duration> {
        self.leaving.map(|(_, by)| by)
    }

    pub(crate) fn kill_leaving(&mut self) {
        let _ = self.leaving.take().map(|(pid, _)| kill(pid, Signal::KILL));
    }

    /// Whether this was the one that was leaving.
    pub(crate) fn has_left(&mut self, pid: Pid) -> bool {
        self.leaving.take_if(|(leaving, _)| *leaving == pid.as_raw_pid()).is_some()
    }

    /// Takes note of its end and decides when the next one starts.
    pub(crate) fn ended(&mut self, now: Duration) {
        let is_quick = self.process.take().is_none_or(|process| process.is_quick_death(now));
        self.queue.clear();
        self.quick_deaths = if is_quick { self.quick_deaths + 1 } else { 1 };
        self.due = pause(self.quick_deaths).map(|pause| now + pause);
    }

    /// Whatever its predecessors died of, the next one starts as soon as there is none.
    pub(crate) fn start_at_once(&mut self) {
        (self.quick_deaths, self.due) = (0, Some(Duration::ZERO));
    }

    /// Passes on what it has written, and keeps the end of it.
    pub(crate) fn copy_errors(&mut self) {
        let Some(errors) = self.process.as_mut().map(|process| &mut process.errors) else { return };
        let mut buffer = [0; 4096];
        while let Some(Ok(length)) = errors.as_ref().map(|errors| read(errors, &mut buffer)) {
            if length == 0 {
                *errors = None;
            }
            let _ = io::stderr().write_all(&buffer[..length]);
            self.last_words.extend_from_slice(&buffer[..length]);
            let surplus = self.last_words.len().saturating_sub(LAST_WORDS_MAX);
            self.last_words.drain(..surplus);
        }
    }

    /// What the last one wrote last.
    pub(crate) fn last_words(&self) -> String {
        String::from_utf8_lossy(&self.last_words).into_owned()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.connected)
    }

    /// Queues a message; without a platform process it is dropped, for the next one is told everything.
    pub(crate) fn push(&mut self, message: &Message, fd: Option<OwnedFd>) {
        if self.process.is_none() {
            return;
        }
        if self.queue.is_empty() {
            self.waiting_since = host::now();
        }
        match serde_json::to_vec(message) {
            Ok(packet) if self.queue.len() < QUEUE_MAX => self.queue.push_back((packet, fd.map(Fd::from))),
            _ => self.kill("it does not read"),
        }
    }

    pub(crate) fn has_queue(&self) -> bool {
        !self.queue.is_empty()
    }

    /// When a platform process that does not read is killed.
    pub(crate) fn patience(&self) -> Option<Duration> {
        (self.has_queue() && self.process.is_some()).then_some(self.waiting_since + QUEUE_PATIENCE)
    }

    /// Sends what it takes now.
    pub(crate) fn flush(&mut self) {
        let Some(process) = &self.process else { return };
        while let Some((packet, fd)) = self.queue.front() {
            match packet::send(&process.socket, packet, fd.as_ref().map(AsFd::as_fd)) {
                Ok(()) => _ = self.queue.pop_front(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The poll tells too, and whether that was to be expected is known there.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return self.queue.clear(),
                Err(_) => return self.closed(),
            }
            self.waiting_since = host::now();
        }
    }

    pub(crate) fn closed(&mut self) {
        if let Some(process) = &mut self.process {
            process.closed = true;
            kill(process.pid.as_raw_pid(), Signal::KILL);
        }
    }

    /// Kills it; its end is noted when it has been waited for.
    pub(crate) fn kill(&mut self, cause: &str) {
        if let Some(process) = &self.process {
            say(&format!("isles: the platform process {} is killed: {cause}", process.pid.as_raw_pid()));
            kill(process.pid.as_raw_pid(), Signal::KILL);
        }
        self.queue.clear();
    }
}

impl PlatformProcess {
    /// Whether it ends before it was of use.
    fn is_quick_death(&self, now: Duration) -> bool {
        let long = if self.ready { LONG_LIFE_OF_READY } else { LONG_LIFE };
        now.saturating_sub(self.started) < long
    }
}

/// The pause after so many quick deaths in a row; `None` to give up.
fn pause(quick_deaths: u32) -> Option<Duration> {
    match quick_deaths {
        0 | 1 => Some(Duration::ZERO),
        QUICK_DEATHS_MAX.. => None,
        more => Some(PAUSE_MAX.min(PAUSE_MIN * 2_u32.pow(more - 2))),
    }
}

/// It gets a session of its own, so that a terminal's signals go to the keeper alone.
#[allow(unsafe_code)]
fn fork(program: &str, arguments: &[String], theirs: OwnedFd, errors: OwnedFd) -> io::Result<Pid> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stderr(errors);
    let prepare = move || {
        setsid()?;
        give(&theirs)?;
        host::reset_signals();
        Ok(())
    };
    // SAFETY: `prepare` only makes system calls on what was opened before the fork.
    unsafe { command.pre_exec(prepare) };
    Ok(Pid::from_child(&command.spawn()?))
}

/// Puts the socket where the platform process looks for it. That number is taken in the keeper, by a descriptor that
/// it opened first, so nothing that the fork needs is replaced.
#[allow(unsafe_code)]
fn give(theirs: &OwnedFd) -> io::Result<()> {
    use std::os::fd::FromRawFd;
    if theirs.as_raw_fd() == PLATFORM_FD {
        return Ok(fcntl_setfd(theirs, FdFlags::empty())?);
    }
    // SAFETY: the number is only named here, never closed.
    let mut place = std::mem::ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(PLATFORM_FD) });
    Ok(dup2(theirs, &mut place)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_seconds_and_end() {
        let pauses: Vec<_> = (1..=10).map(|deaths| pause(deaths).map(|pause| pause.as_millis())).collect();
        let expected = [0, 50, 100, 200, 400, 800, 1600, 3200, 5000].map(Some);
        assert_eq!((&pauses[..9], pauses[9]), (&expected[..], None));
    }
}
