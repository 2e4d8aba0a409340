//! Cgroups: the identity of each workload, the kill of its whole tree, and its limits.
//!
//! Three kinds of host: cgroup2 with controllers delegated to us; cgroup2 without them beside v1 hierarchies; neither.

mod find;
mod group;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
};

use model::{Gather, spec::Limits};
use ports::keeper::{LimitedResource, Rlimit, stat};
use rustix::io::Errno;

pub use find::Hierarchies;
pub(crate) use group::Group;

/// The period over which processor time is shared out, in microseconds.
const CPU_PERIOD_US: u64 = 100_000;

/// Makes groups.
pub(crate) struct Cgroups {
    /// Where the system's group in each hierarchy is, made when it is first needed. The keeper removes it at the end.
    system: Hierarchies,
    own: Hierarchies,
    keeper_pid: u32,
    unified: OnceLock<Option<Unified>>,
    notices: Mutex<BTreeSet<String>>,
}

/// The system's cgroup2 group and the controllers that it passes on.
struct Unified {
    folder: PathBuf,
    controllers: BTreeSet<&'static str>,
}

/// How a workload is held.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) group: Group,
    /// Limits that no group can hold.
    pub(crate) rlimits: Vec<Rlimit>,
}

impl Cgroups {
    /// The groups of a system, `isles-ID` under the own ones. What is in them and not among `held` is killed.
    pub(crate) fn open(own: &Hierarchies, id: &str, keeper_pid: u32, held: &[PathBuf]) -> Self {
        let in_own = |own: &Option<PathBuf>| own.as_ref().map(|own| own.join(format!("isles-{id}")));
        let Hierarchies { unified, memory, cpu } = own;
        let system = Hierarchies { unified: in_own(unified), memory: in_own(memory), cpu: in_own(cpu) };
        for folder in [&system.unified, &system.memory, &system.cpu].into_iter().flatten() {
            remove_strangers(folder, held);
        }
        Self { system, own: own.clone(), keeper_pid, unified: OnceLock::new(), notices: Mutex::default() }
    }

    /// Makes the group of one workload.
    pub(crate) fn make(&self, name: &str, limits: &Limits) -> Made {
        let mut made = Made::default();
        if let Some(folder) = self.unified().map(|unified| unified.folder.join(name)) {
            match make(&folder) {
                Ok(()) => made.group.folders.push(folder),
                Err(error) => self.notice(format!("the cgroup {} cannot be made: {error}", folder.display())),
            }
        }
        self.limit_memory(&mut made, name, limits);
        self.limit_cpu(&mut made, name, limits);
        made
    }

    fn unified(&self) -> Option<&Unified> {
        let make = || match make_unified(&self.own, &self.system, self.keeper_pid) {
            Ok(unified) => Some(unified),
            Err(error) => {
                let effect = "a process that leaves its program's session ends only when the system does";
                self.notice(format!("no cgroup can be made ({error}): {effect}"));
                None
            }
        };
        self.unified.get_or_init(make).as_ref()
    }

    /// What this host cannot do.
    pub(crate) fn notices(&self) -> Vec<String> {
        self.notices.lock().expect("nothing panics under the lock").iter().cloned().collect()
    }

    fn limit_memory(&self, made: &mut Made, name: &str, limits: &Limits) {
        let Some(bytes) = limits.memory.map(|size| size.0) else { return };
        let v2 = self.in_unified(made, "memory").is_some_and(|folder| {
            let _ = fs::write(folder.join("memory.oom.group"), "1");
            let _ = fs::write(folder.join("memory.swap.max"), "0");
            fs::write(folder.join("memory.max"), bytes.to_string()).is_ok()
        });
        let files = [("memory.limit_in_bytes", bytes.to_string())];
        if !v2 && !join_v1(made, self.system.memory.as_deref(), name, &files) {
            made.rlimits.push(Rlimit { resource: LimitedResource::AddressSpace, value: bytes });
            let why = "no cgroup with a memory controller can be made";
            self.notice(format!(
                "memory limits hold for the address space of each process, not for an instance: {why}"
            ));
        }
    }

    fn limit_cpu(&self, made: &mut Made, name: &str, limits: &Limits) {
        let Some(quota) = limits.cpu_millis.map(|millis| u64::from(millis) * CPU_PERIOD_US / 1000) else { return };
        let v2 = self
            .in_unified(made, "cpu")
            .is_some_and(|folder| fs::write(folder.join("cpu.max"), format!("{quota} {CPU_PERIOD_US}")).is_ok());
        let files = [("cpu.cfs_period_us", CPU_PERIOD_US.to_string()), ("cpu.cfs_quota_us", quota.to_string())];
        if !v2 && !join_v1(made, self.system.cpu.as_deref(), name, &files) {
            self.notice("cpu limits are not in force: no cgroup with a cpu controller can be made".into());
        }
    }

    /// The workload's cgroup2 group, if it has the controller.
    fn in_unified<'a>(&self, made: &'a Made, controller: &str) -> Option<&'a PathBuf> {
        made.group.folders.first().filter(|_| self.unified().is_some_and(|it| it.controllers.contains(controller)))
    }

    fn notice(&self, sentence: String) {
        self.notices.lock().expect("nothing panics under the lock").insert(sentence);
    }
}

/// Makes the group of the same name under a v1 controller, writes its limits, and has the workload join it.
fn join_v1(made: &mut Made, system: Option<&Path>, name: &str, limits: &[(&str, String)]) -> bool {
    let Some(system) = system else { return false };
    let folder = system.join(name);
    let is_made = make(system).is_ok() && make(&folder).is_ok();
    let joined = is_made && limits.iter().all(|(file, value)| fs::write(folder.join(file), value).is_ok());
    if joined {
        made.group.folders.push(folder);
    } else {
        let _ = fs::remove_dir(folder);
    }
    joined
}

fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn make_unified(own: &Hierarchies, system: &Hierarchies, keeper_pid: u32) -> io::Result<Unified> {
    let (Some(own), Some(folder)) = (&own.unified, &system.unified) else {
        return Err(io::Error::other("no cgroup2 is mounted"));
    };
    make(folder)?;
    fs::metadata(folder.join("cgroup.kill"))?;
    Ok(Unified { folder: folder.clone(), controllers: enable_controllers(own, folder, keeper_pid) })
}

/// Has the system's group pass on what its parent may; where processes of the parent stand in the way and all of them
/// are ours, they move (cgroup2's "no internal processes").
fn enable_controllers(own: &Path, system: &Path, keeper_pid: u32) -> BTreeSet<&'static str> {
    let enable = |folder: &Path, name: &str| fs::write(folder.join("cgroup.subtree_control"), format!("+{name}"));
    let has = |file: &Path, name: &str| {
        fs::read_to_string(file).is_ok_and(|text| text.split_whitespace().any(|found| found == name))
    };
    let mut enabled = BTreeSet::new();
    for name in ["memory", "cpu"].into_iter().filter(|name| has(&own.join("cgroup.controllers"), name)) {
        let busy = Some(Errno::BUSY.raw_os_error());
        let parent = match enable(own, name) {
            Err(error) if error.raw_os_error() == busy && step_aside(own, keeper_pid) => enable(own, name),
            done => done,
        };
        if parent.is_ok() && enable(system, name).is_ok() {
            enabled.insert(name);
        }
    }
    enabled
}

/// Moves the keeper and all below it to a group of their own; `false` if others are in the group too.
fn step_aside(own: &Path, keeper_pid: u32) -> bool {
    let Ok(keeper) = i32::try_from(keeper_pid) else { return false };
    let ours: BTreeSet<i32> = stat::descendants(keeper).iter().map(|stat| stat.pid).chain([keeper]).gather();
    let inside = fs::read_to_string(own.join("cgroup.procs")).unwrap_or_default();
    let inside: Vec<i32> = inside.lines().filter_map(|pid| pid.parse().ok()).collect();
    let leaf = own.join(find::LEAF);
    inside.iter().all(|pid| ours.contains(pid))
        && make(&leaf).is_ok()
        && inside.iter().all(|pid| fs::write(leaf.join("cgroup.procs"), pid.to_string()).is_ok())
}

fn remove_strangers(system: &Path, held: &[PathBuf]) {
    let entries = fs::read_dir(system).into_iter().flatten().flatten().map(|entry| entry.path());
    for folder in entries.filter(|path| path.is_dir() && !held.contains(path)) {
        Group { folders: vec![folder.clone()] }.kill();
        let _ = group::remove_tree(&folder);
    }
}

#[cfg(test)]
mod tests;
