//! A process that the keeper started, until it is forgotten.

use std::{
    fs::{self, File},
    path::Path,
};

use rustix::process::{self, Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};

use crate::{
    child,
    fd::Fd,
    handover, host,
    line::{Cutter, Line},
    protocol::{Exit, Refusal, Spawn, Whom},
    stat,
};

/// The most that is copied to a log while there is no platform process, in bytes.
const COPY_BYTES_MAX: usize = 4 << 20;

/// A process and what is kept of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) spawn: Spawn,
    #[serde(with = "handover::pid")]
    pub(crate) pid: Pid,
    pub(crate) exit: Option<Exit>,
    /// The read end of its output.
    pub(crate) output: Fd,
    /// Whether the end of its output was read here.
    pub(crate) ended: bool,
    pidfd: Fd,
    cutter: Cutter,
    copy_bytes_left: usize,
}

impl Process {
    pub(crate) fn start(spawn: Spawn, descriptors: process::Rlimit) -> Result<Self, Refusal> {
        let (pid, output) = child::start(&spawn, descriptors)?;
        let pidfd = process::pidfd_open(pid, PidfdFlags::empty()).map_err(|error| {
            let _ = process::kill_process(pid, Signal::KILL);
            child::refusal("fd", "no descriptor")(error)
        })?;
        let cutter = Cutter::new(&spawn.secrets);
        Ok(Self {
            spawn,
            pid,
            exit: None,
            output: output.into(),
            ended: false,
            pidfd: pidfd.into(),
            cutter,
            copy_bytes_left: 0,
        })
    }

    /// Sends a signal; one that has ended gets none.
    #[allow(unsafe_code)]
    pub(crate) fn signal(&self, number: i32, whom: Whom) {
        if !(1..=64).contains(&number) {
            return;
        }
        // SAFETY: the kernel knows the numbers from 1 to 64, and this process handles none of them itself.
        let signal = unsafe { Signal::from_raw_unchecked(number) };
        match whom {
            Whom::Leader if self.exit.is_none() => _ = process::pidfd_send_signal(&self.pidfd, signal),
            Whom::Leader => {}
            Whom::Tree if signal == Signal::KILL && self.kill_groups() => {}
            Whom::Tree => self.signal_session(signal),
        }
    }

    fn kill_groups(&self) -> bool {
        self.spawn.cgroups.iter().any(|group| kill_group(group))
    }

    /// The id of an ended leader names its session only as long as no other process has got that id.
    fn signal_session(&self, signal: Signal) {
        let id = self.pid.as_raw_pid();
        if self.exit.is_some() && stat::read(id).is_some() {
            return;
        }
        for member in stat::descendants(process::getpid().as_raw_pid()).iter().filter(|stat| stat.session == id) {
            kill(member.pid, signal);
        }
    }

    /// From now on nobody else reads the output.
    pub(crate) fn begin_copy(&mut self) {
        self.copy_bytes_left = COPY_BYTES_MAX;
    }

    /// Reads what was written and appends it to the log. What cannot be logged is dropped: the program must not stop.
    pub(crate) fn copy_output(&mut self) {
        // In the loop's frame its pages would stay.
        let mut buffer = vec![0; 64 * 1024];
        match rustix::io::read(&self.output, &mut buffer) {
            Ok(0) => {
                self.ended = true;
                self.end_copy();
            }
            Ok(length) => self.copy(&buffer[..length]),
            Err(_) => {}
        }
    }

    /// Writes the beginning of a line whose end somebody else will read.
    pub(crate) fn end_copy(&mut self) {
        let (at, run, mut lines) = (host::wall_micros(), self.spawn.run, Vec::new());
        self.cutter.finish(|text| Line { at, run, text }.format(&mut lines));
        self.append(&lines);
    }

    fn copy(&mut self, bytes: &[u8]) {
        let (at, run, mut lines) = (host::wall_micros(), self.spawn.run, Vec::new());
        self.cutter.push(bytes, |text| Line { at, run, text }.format(&mut lines));
        let left = self.copy_bytes_left.saturating_sub(lines.len());
        if left == 0 && self.copy_bytes_left > 0 {
            let text = b"isles: too much output while the platform process was away: what follows was dropped";
            Line { at, run, text }.format(&mut lines);
        }
        if self.copy_bytes_left > 0 {
            self.append(&lines);
        }
        self.copy_bytes_left = left;
    }

    fn append(&self, lines: &[u8]) {
        if !lines.is_empty() {
            let log = File::options().append(true).create(true).open(&self.spawn.log);
            let _ = log.and_then(|mut log| std::io::Write::write_all(&mut log, lines));
        }
    }
}

/// Sends a signal to a process by its id.
pub(crate) fn kill(pid: i32, signal: Signal) {
    let _ = Pid::from_raw(pid).map(|pid| process::kill_process(pid, signal));
}

/// Kills all of a cgroup; `false` if it is not a v2 group.
pub(crate) fn kill_group(group: &Path) -> bool {
    File::options()
        .write(true)
        .open(group.join("cgroup.kill"))
        .is_ok_and(|mut file| std::io::Write::write_all(&mut file, b"1").is_ok())
}

/// Removes empty cgroups and, where they were its last, the group they are in.
pub(crate) fn remove_groups<'a>(groups: impl Iterator<Item = &'a Path>) {
    for group in groups {
        let _ = fs::remove_dir(group);
        let _ = group.parent().map(fs::remove_dir);
    }
}
