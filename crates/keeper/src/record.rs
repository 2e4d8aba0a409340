//! What outlives a keeper that was killed: who it was, and what it had started.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::process::{Signal, getpid};
use serde::{Deserialize, Serialize};

use crate::{
    fd::Fd,
    process::{kill, kill_group, remove_groups},
    stat, upgrade,
};

/// The right to be the keeper of a state folder, until it is dropped or its process ends.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lock {
    folder: PathBuf,
    file: Fd,
}

/// Why a state folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another keeper has it.
    #[error("the system already runs, its keeper is process {}", .pid.map_or("unknown".into(), |pid| pid.to_string()))]
    Locked {
        /// The other keeper's process id, if it could be read.
        pid: Option<u32>,
    },
    /// The folder cannot be written.
    #[error("cannot write the state folder: {0}")]
    Io(#[from] io::Error),
}

/// Who one process is: never another one of the same id, not even after a reboot.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    key: String,
    pid: i32,
    start: u64,
    boot: String,
    cgroups: Vec<PathBuf>,
}

impl Record {
    fn of(key: &str, pid: i32, cgroups: &[PathBuf]) -> Self {
        let start = stat::read(pid).map_or(0, |stat| stat.start);
        Self { key: key.into(), pid, start, boot: stat::boot_id(), cgroups: cgroups.into() }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let new = path.with_added_extension("new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(new, path)
    }

    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    fn is_alive(&self) -> bool {
        let same = |stat: &stat::Stat| stat.start == self.start && !stat.ended;
        self.boot == stat::boot_id() && stat::read(self.pid).as_ref().is_some_and(same)
    }
}

/// Takes the state folder, which is made if it is missing, for this process.
///
/// # Errors
/// When another keeper has it, or it cannot be written.
pub fn lock(state_folder: &Path) -> Result<Lock, LockError> {
    fs::create_dir_all(processes(state_folder))?;
    let file = File::options().write(true).create(true).truncate(false).open(lock_file(state_folder))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(LockError::Locked { pid: running(state_folder) }),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    // The lock may be the first thing that one which is killed lets go, and its listeners the last.
    let earlier = Record::read(&state_folder.join("keeper.json"));
    wait_until(|| !earlier.as_ref().is_some_and(Record::is_alive));
    Record::of("keeper", getpid().as_raw_pid(), &[]).write(&state_folder.join("keeper.json"))?;
    upgrade::forget(state_folder);
    Ok(Lock { folder: state_folder.into(), file: std::os::fd::OwnedFd::from(file).into() })
}

/// The process id of the keeper that runs in a state folder.
pub fn running(state_folder: &Path) -> Option<u32> {
    let record = Record::read(&state_folder.join("keeper.json")).filter(Record::is_alive)?;
    record.pid.try_into().ok()
}

/// Kills what a killed keeper left behind, and says in a sentence each what that was. For the holder of the lock.
pub fn clean_up(state_folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(processes(state_folder)).into_iter().flatten().flatten();
    let records = entries.filter_map(|entry| {
        let record = Record::read(&entry.path());
        let _ = fs::remove_file(entry.path());
        record
    });
    records.filter(|record| record.boot == stat::boot_id()).filter_map(|record| kill_left(&record)).collect()
}

impl Lock {
    /// Gives the folder up to a keeper that is started next, which need not wait for the end of this process.
    pub fn release(self) {
        let _ = fs::remove_file(self.folder.join("keeper.json"));
    }

    /// The state folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the state folder is still the one that was locked: nobody has removed it or put another in its place.
    pub(crate) fn is_held(&self) -> bool {
        let Ok(held) = self.file.try_clone().and_then(|file| File::from(file).metadata()) else { return true };
        match fs::metadata(lock_file(&self.folder)) {
            Ok(found) => (found.dev(), found.ino()) == (held.dev(), held.ino()),
            // What cannot be looked at now is there.
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Remembers a process. Where that fails the process runs all the same: a full disk must not stop a restart.
    pub(crate) fn add(&self, key: &str, pid: i32, cgroups: &[PathBuf]) {
        if self.is_held() {
            let _ = Record::of(key, pid, cgroups).write(&self.path(key));
        }
    }

    pub(crate) fn remove(&self, key: &str) {
        if self.is_held() {
            let _ = fs::remove_file(self.path(key));
        }
    }

    /// Forgets that there was a keeper.
    pub(crate) fn end(&self) {
        if self.is_held() {
            let _ = fs::remove_dir_all(processes(&self.folder));
            let _ = fs::remove_file(self.folder.join("keeper.json"));
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        processes(&self.folder).join(key.replace('/', "."))
    }
}

fn lock_file(state_folder: &Path) -> PathBuf {
    state_folder.join("lock")
}

fn processes(state_folder: &Path) -> PathBuf {
    state_folder.join("processes")
}

/// The cgroups are this run's own; without them only a leader that still is the same process names its session.
fn kill_left(record: &Record) -> Option<String> {
    let in_groups = record.cgroups.iter().any(|group| has_processes(group));
    if !in_groups && !record.is_alive() {
        remove_groups(record.cgroups.iter().map(PathBuf::as_path));
        return None;
    }
    let session: Vec<_> = if record.is_alive() { stat::all() } else { Vec::new() };
    session
        .iter()
        .filter(|stat| stat.session == record.pid || stat.pid == record.pid)
        .for_each(|stat| kill(stat.pid, Signal::KILL));
    record.cgroups.iter().for_each(|group| _ = kill_group(group));
    wait_until(|| !record.is_alive() && !record.cgroups.iter().any(|group| has_processes(group)));
    remove_groups(record.cgroups.iter().map(PathBuf::as_path));
    Some(format!("killed `{}` (process {}), left behind by a keeper that was killed", record.key, record.pid))
}

fn has_processes(group: &Path) -> bool {
    fs::read(group.join("cgroup.procs")).is_ok_and(|procs| !procs.is_empty())
}

/// What was killed is not our child: there is nothing to wait on but its disappearance.
fn wait_until(done: impl Fn() -> bool) {
    for _ in 0..1000 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
}
