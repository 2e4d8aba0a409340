//! The cgroups of one workload: one of cgroup2 and, where its limits need them, ones of v1 controllers.

use std::{
    fs::{self, File},
    io::Write,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::io::pread;
use tokio::io::Interest;

use crate::watch::watch;

/// How often the removal of a group is tried: the kernel may still be busy with the last process of it.
const REMOVALS_MAX: u32 = 50;
const REMOVAL_PAUSE: Duration = Duration::from_millis(2);

/// The groups that a workload joined. Without any, its session is all that is known of its tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) folders: Vec<PathBuf>,
}

impl Group {
    /// Whether the kernel killed a process of it for want of memory.
    pub(crate) fn out_of_memory(&self) -> bool {
        let kills = |file: &str| self.read(file).is_some_and(|text| field(&text, "oom_kill") > Some(0));
        kills("memory.events") || kills("memory.oom_control")
    }

    /// The id of its cgroup2 group: the folder's inode number (cgroups(7), `name_to_handle_at`).
    pub(crate) fn id(&self) -> Option<u64> {
        let unified = self.folders.iter().find(|folder| folder.join("cgroup.controllers").exists())?;
        fs::metadata(unified).ok().map(|folder| folder.ino())
    }

    /// Whether the id is that of a group below its own.
    pub(crate) fn has_below(&self, id: u64) -> bool {
        let is_it = |folder: &PathBuf| fs::metadata(folder).is_ok_and(|folder| folder.ino() == id);
        self.folders.first().is_some_and(|own| folders_below(own).iter().any(is_it))
    }

    /// The memory that it uses, in bytes, where a memory controller counts it.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        let read = |file| self.read(file)?.trim().parse().ok();
        read("memory.current").or_else(|| read("memory.usage_in_bytes"))
    }

    /// The processor time that it has used, where a controller counts it.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        let micros = || field(&self.read("cpu.stat")?, "usage_usec").map(Duration::from_micros);
        let nanos = || self.read("cpuacct.usage")?.trim().parse().ok().map(Duration::from_nanos);
        micros().or_else(nanos)
    }

    /// The processes in it; `None` without a group.
    pub(crate) fn pids(&self) -> Option<Vec<i32>> {
        let own = |folder: &Path| fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        let all = folders_below(self.folders.first()?).iter().map(|folder| own(folder)).collect::<String>();
        Some(all.lines().filter_map(|pid| pid.parse().ok()).collect())
    }

    /// Kills all of it without the keeper's help; `false` where that is not possible.
    pub(crate) fn kill(&self) -> bool {
        self.folders.iter().any(|folder| {
            let file = File::options().write(true).open(folder.join("cgroup.kill"));
            file.is_ok_and(|mut file| file.write_all(b"1").is_ok())
        })
    }

    /// Waits until no process is left in it; returns at once where the host cannot tell.
    pub(crate) async fn emptied(&self) {
        let Some(events) = self.folders.iter().find_map(|it| File::open(it.join("cgroup.events")).ok()) else { return };
        let Ok(events) = watch(events.into(), Interest::PRIORITY) else { return };
        while is_populated(events.get_ref()) {
            let Ok(mut changed) = events.ready(Interest::PRIORITY).await else { return };
            changed.clear_ready();
        }
    }

    /// Removes its folders; a group that is not empty stays, and is found again by the next start.
    pub(crate) async fn remove(&self) {
        for folder in &self.folders {
            for _ in 0..REMOVALS_MAX {
                match remove_tree(folder) {
                    Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {}
                    _ => break,
                }
                tokio::time::sleep(REMOVAL_PAUSE).await;
            }
        }
    }

    fn read(&self, file: &str) -> Option<String> {
        self.folders.iter().find_map(|folder| fs::read_to_string(folder.join(file)).ok())
    }
}

/// Removes a group and those that its processes made in it.
pub(super) fn remove_tree(folder: &Path) -> std::io::Result<()> {
    folders_below(folder).iter().rev().try_for_each(fs::remove_dir)
}

/// A folder and all below it, each before its own.
fn folders_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_path_buf()];
    let mut next = 0;
    while let Some(folder) = all.get(next) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let folders: Vec<_> = entries.filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir())).collect();
        all.extend(folders.iter().map(fs::DirEntry::path));
        next += 1;
    }
    all
}

/// Reading takes note of the state, so that only a later change wakes.
fn is_populated(events: &OwnedFd) -> bool {
    let mut buffer = [0; 256];
    let length = pread(events, &mut buffer, 0).unwrap_or(0);
    field(&String::from_utf8_lossy(&buffer[..length]), "populated") == Some(1)
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_controllers_count() {
        for (files, out_of_memory, memory) in [
            (&[("memory.events", "low 0\noom 1\noom_kill 1\n"), ("memory.current", "4096\n")][..], true, Some(4096)),
            (&[("memory.events", "low 0\noom_kill 0\n")], false, None),
            (&[("memory.oom_control", "under_oom 0\noom_kill 2\n"), ("memory.usage_in_bytes", "1\n")], true, Some(1)),
            (&[], false, None),
        ] {
            let folder = tempfile::tempdir().unwrap();
            files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
            let group = Group { folders: vec![folder.path().into()] };
            assert_eq!((group.out_of_memory(), group.memory_bytes()), (out_of_memory, memory), "{files:?}");
        }
    }

    #[test]
    fn processor_time_in_either_kind_of_group() {
        for (file, text, time) in [
            ("cpu.stat", "usage_usec 2500\nuser_usec 2000\n", Some(Duration::from_micros(2500))),
            ("cpu.stat", "nr_periods 0\n", None),
            ("cpuacct.usage", "2500\n", Some(Duration::from_nanos(2500))),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(file), text).unwrap();
            assert_eq!(Group { folders: vec![folder.path().into()] }.cpu_time(), time, "{file}: {text}");
        }
    }

    #[test]
    fn groups_in_the_group_count_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let (group, inner) = (folder.path().join("a"), folder.path().join("a/b/c"));
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(Group { folders: vec![group.clone()] }.pids(), Some(vec![]));
        remove_tree(&group).unwrap();
        assert!(!group.exists());
        assert_eq!(Group::default().pids(), None);
    }
}
