//! From one program to another: the platform first, on trial, and then the keeper itself by `execve`.
//!
//! The platform goes first because it is what can fail in many ways, and the keeper that is known to work judges it. The
//! keeper follows only when the new program has shown that it runs here, and that it can read what this keeper holds.

use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    process::{Pid, Signal},
};
use serde::{Deserialize, Serialize};

use crate::{fd::Fd, handover, host, keeper::Keeper, process::kill, protocol::Exit, say::say, stat};

/// Asks a keeper to read the order.
pub(crate) const SIGNAL: Signal = Signal::USR2;

/// What the new program has to say whether it could take over.
const CHECK_PATIENCE: Duration = Duration::from_secs(5);
/// What the old platform process has to leave all but the requests in flight.
const LEAVE_PATIENCE: Duration = Duration::from_secs(10);
/// What the new one has until it is ready, and what the old one has when it is put back.
const TRIAL_PATIENCE: Duration = Duration::from_secs(10);
const DEATHS_MAX: u32 = 3;
const CHECK_TEXT_MAX: u64 = 4096;

/// An order to run another program, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The program that shall run; it stays where it is.
    pub program: PathBuf,
    /// The one that runs, where nothing replaces it: it is put back if the other fails.
    pub previous: PathBuf,
    /// How far it has come.
    pub progress: Progress,
    /// The last lines that the new platform process wrote before it was given up.
    #[serde(default)]
    pub said: String,
}

/// How far an upgrade has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// The keeper has not read it yet.
    Asked,
    /// The new program looks whether it could take over.
    Checking,
    /// The old platform process leaves all but the requests in flight.
    Leaving,
    /// The new platform process takes over the instances.
    Trial,
    /// The keeper becomes the new program.
    TakingOver,
    /// The new program failed, and the old platform process takes over again.
    PuttingBack(String),
    /// The new program runs.
    Done,
    /// The new program cannot take over; nothing was changed.
    Refused(String),
    /// The new program failed; the old one runs.
    PutBack(String),
}

impl Upgrade {
    /// What was last asked of the keeper of a state folder.
    pub fn read(state_folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(file(state_folder)).ok()?).ok()
    }

    /// Asks the keeper, which runs as this process.
    ///
    /// # Errors
    /// When the state folder cannot be written, or the keeper does not take such orders.
    pub fn ask(&self, state_folder: &Path, keeper: u32) -> io::Result<()> {
        if !stat::blocks(keeper, SIGNAL.as_raw()) {
            return Err(io::Error::other("the keeper is still starting, or takes no upgrades"));
        }
        self.write(state_folder)?;
        kill(i32::try_from(keeper).map_err(io::Error::other)?, SIGNAL);
        Ok(())
    }

    /// Whether nothing more follows.
    pub fn has_ended(&self) -> bool {
        matches!(self.progress, Progress::Done | Progress::Refused(_) | Progress::PutBack(_))
    }

    fn write(&self, state_folder: &Path) -> io::Result<()> {
        let path = file(state_folder);
        let new = path.with_added_extension("new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(new, path)
    }
}

fn file(state_folder: &Path) -> PathBuf {
    state_folder.join("upgrade.json")
}

/// Forgets what an earlier keeper did not finish.
pub(crate) fn forget(state_folder: &Path) {
    let _ = fs::remove_file(file(state_folder));
}

/// An upgrade under way.
#[derive(Serialize, Deserialize)]
pub(crate) struct Running {
    upgrade: Upgrade,
    deadline: Duration,
    deaths: u32,
    /// The process that checks, and what it says.
    checker: i32,
    check_text: Fd,
}

impl Running {
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(crate) fn is_checked_by(&self, pid: Pid) -> bool {
        self.upgrade.progress == Progress::Checking && self.checker == pid.as_raw_pid()
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.upgrade.progress == Progress::Leaving
    }

    pub(crate) fn is_taking_over(&self) -> bool {
        self.upgrade.progress == Progress::TakingOver
    }
}

impl Keeper {
    /// Reads what is asked for and begins, unless an upgrade is under way.
    pub(crate) fn begin_upgrade(&mut self) {
        let asked = Upgrade::read(self.config.lock.folder()).filter(|asked| asked.progress == Progress::Asked);
        let Some(mut upgrade) = asked.filter(|_| self.upgrade.is_none()) else { return };
        match self.start_check(&upgrade.program) {
            Ok((checker, check_text)) => {
                let deadline = host::now() + CHECK_PATIENCE;
                self.upgrade = Some(Running { upgrade, deadline, deaths: 0, checker, check_text });
                self.progress(Progress::Checking, CHECK_PATIENCE);
            }
            Err(error) => {
                upgrade.progress = Progress::Refused(format!("it cannot be started: {error}"));
                let _ = upgrade.write(self.config.lock.folder());
            }
        }
    }

    fn start_check(&self, program: &Path) -> io::Result<(i32, Fd)> {
        let text = memfd_create("isles-check", MemfdFlags::CLOEXEC)?;
        let pid = handover::start_check(self, &program.to_string_lossy(), text.try_clone()?.into())?;
        Ok((i32::try_from(pid).map_err(io::Error::other)?, text.into()))
    }

    fn progress(&mut self, progress: Progress, patience: Duration) {
        if let Some(running) = &mut self.upgrade {
            running.upgrade.progress = progress;
            running.deadline = host::now() + patience;
            // Whoever waits for it sees the next step, or the end of the keeper.
            let _ = running.upgrade.write(self.config.lock.folder());
        }
    }

    /// The check has ended: the old platform process is asked to leave.
    pub(crate) fn checked(&mut self, exit: Exit) {
        let Some(running) = &mut self.upgrade else { return };
        if exit != Exit::Code(0) {
            let text = read_text(&running.check_text);
            let line = text.lines().find(|line| !line.is_empty()).unwrap_or("it cannot take over");
            return self.end_upgrade(Progress::Refused(line.trim_start_matches("error: ").into()));
        }
        self.config.program = running.upgrade.program.to_string_lossy().into_owned();
        self.progress(Progress::Leaving, LEAVE_PATIENCE);
        match &self.platform.process {
            Some(process) => kill(process.pid.as_raw_pid(), Signal::TERM),
            None => self.begin_trial(),
        }
    }

    fn begin_trial(&mut self) {
        self.platform.start_at_once();
        self.progress(Progress::Trial, TRIAL_PATIENCE);
    }

    /// A platform process has ended, or could not be started.
    pub(crate) fn upgrade_lost_platform(&mut self, how: &str) {
        match self.upgrade.as_mut().map(|running| (&running.upgrade.progress, &mut running.deaths)) {
            Some((Progress::Leaving, _)) => self.begin_trial(),
            Some((Progress::Trial, deaths)) => {
                *deaths += 1;
                if *deaths == DEATHS_MAX {
                    self.put_back(format!("its platform process ended {DEATHS_MAX} times, at last with {how}"));
                }
            }
            _ => {}
        }
    }

    /// A platform process answers and has taken over what runs.
    pub(crate) fn upgrade_platform_is_ready(&mut self) {
        match self.upgrade.as_ref().map(|running| running.upgrade.progress.clone()) {
            Some(Progress::Trial) => self.progress(Progress::TakingOver, TRIAL_PATIENCE),
            Some(Progress::PuttingBack(cause)) => self.end_upgrade(Progress::PutBack(cause)),
            _ => {}
        }
    }

    pub(crate) fn upgrade_is_late(&mut self) {
        let Some(running) = &self.upgrade else { return };
        match running.upgrade.progress.clone() {
            Progress::Checking => {
                kill(running.checker, Signal::KILL);
                let cause = format!("it did not say within {} s whether it can take over", CHECK_PATIENCE.as_secs());
                self.end_upgrade(Progress::Refused(cause));
            }
            Progress::Leaving => {
                self.platform.kill("it does not leave");
                self.progress(Progress::Leaving, LEAVE_PATIENCE);
            }
            Progress::PuttingBack(cause) => {
                let cause = format!("{cause}; the earlier one, which was put back, is not ready either");
                self.end_upgrade(Progress::PutBack(cause));
            }
            _ => self.put_back(format!("its platform process was not ready within {} s", TRIAL_PATIENCE.as_secs())),
        }
    }

    fn put_back(&mut self, cause: String) {
        let Some(running) = &mut self.upgrade else { return };
        running.upgrade.said = self.platform.last_words();
        self.config.program = running.upgrade.previous.to_string_lossy().into_owned();
        self.progress(Progress::PuttingBack(cause), TRIAL_PATIENCE);
        self.platform.kill("the Isles before it is put back");
        self.platform.start_at_once();
    }

    /// Goes on as the new program. Returns only where that is not possible.
    pub(crate) fn take_over(&mut self) {
        let error = handover::become_program(self, &self.config.program);
        self.put_back(format!("the keeper cannot become it: {error}"));
    }

    /// This process is the new program.
    pub(crate) fn has_taken_over(&mut self) {
        let link = self.config.lock.folder().join("bin/isles");
        let new = link.with_added_extension("new");
        // Without the link `isles service` starts the program before.
        let linked = symlink(&self.config.program, &new).and_then(|()| fs::rename(new, link));
        if let Err(error) = linked {
            say(&format!("isles: the link to the new program could not be made: {error}"));
        }
        self.end_upgrade(Progress::Done);
    }

    fn end_upgrade(&mut self, progress: Progress) {
        self.progress(progress, Duration::ZERO);
        self.upgrade = None;
    }
}

fn read_text(fd: &Fd) -> String {
    let mut text = String::new();
    let file = fd.try_clone().map(File::from).and_then(|mut file| file.rewind().map(|()| file));
    let _ = file.and_then(|file| file.take(CHECK_TEXT_MAX).read_to_string(&mut text));
    text
}
