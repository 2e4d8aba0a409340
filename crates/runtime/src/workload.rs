//! One workload that was started or adopted, until it is removed.

use std::sync::Arc;

use model::InstanceId;
use ports::{
    keeper::{Exit, stat},
    workloads::WorkloadId,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cgroups::Group;

/// What is known of a workload.
pub(crate) struct Running {
    pub(crate) id: WorkloadId,
    pub(crate) group: Group,
    /// The id of its cgroup2 group.
    pub(crate) cgroup: Option<u64>,
    /// The process id of its leader; 0 until it has one.
    pid: watch::Sender<u32>,
    exit: watch::Sender<Option<Exit>>,
    /// Set when nothing more of its output is wanted.
    pub(crate) removed: CancellationToken,
    /// Set when all of its output is in the log.
    pub(crate) finished: CancellationToken,
}

impl Running {
    pub(crate) fn new(id: WorkloadId, group: Group, pid: u32, exit: Option<Exit>) -> Arc<Self> {
        let (removed, finished) = (CancellationToken::new(), CancellationToken::new());
        let cgroup = group.id();
        Arc::new(Self {
            id,
            group,
            cgroup,
            pid: watch::Sender::new(pid),
            exit: watch::Sender::new(exit),
            removed,
            finished,
        })
    }

    pub(crate) fn has_pid(&self, pid: u32) {
        self.pid.send_replace(pid);
    }

    /// Whether its processes can be told from others.
    pub(crate) fn is_settled(&self) -> bool {
        self.cgroup.is_some() || *self.pid.borrow() > 0 || self.removed.is_cancelled()
    }

    /// Waits until they can.
    pub(crate) async fn settled(&self) {
        let mut pid = self.pid.subscribe();
        tokio::select! {
            _ = pid.wait_for(|pid| *pid > 0) => {}
            () = self.removed.cancelled() => {}
        }
    }

    pub(crate) fn has_ended(&self, exit: Exit) {
        self.exit.send_replace(Some(exit));
    }

    /// Waits for its leader's end.
    pub(crate) async fn exit(&self) -> Exit {
        let mut exit = self.exit.subscribe();
        let known = exit.wait_for(Option::is_some).await.map_or(None, |exit| *exit);
        match known {
            Some(exit) => exit,
            None => std::future::pending().await,
        }
    }

    /// The processes of its tree, as far as the host can tell.
    pub(crate) fn pids(&self) -> Vec<i32> {
        self.group.pids().unwrap_or_else(|| self.session())
    }

    /// The same, and without a group also what left the leader's session but is still below it.
    pub(crate) fn members(&self) -> Vec<i32> {
        let below = || self.leader().map(stat::descendants).unwrap_or_default().into_iter().map(|stat| stat.pid);
        self.group.pids().unwrap_or_else(|| self.session().into_iter().chain(below()).collect())
    }

    fn session(&self) -> Vec<i32> {
        let Some(leader) = self.leader() else { return Vec::new() };
        stat::all().into_iter().filter(|stat| stat.session == leader).map(|stat| stat.pid).collect()
    }

    /// When the leader has ended its id may already be another's.
    fn leader(&self) -> Option<i32> {
        let leader = i32::try_from(*self.pid.borrow()).ok().filter(|pid| *pid > 0)?;
        (self.exit.borrow().is_none() || stat::read(leader).is_none()).then_some(leader)
    }

    /// Kills its tree without the keeper.
    pub(crate) fn kill(&self) {
        if !self.group.kill() {
            for pid in self.pids() {
                let pid = rustix::process::Pid::from_raw(pid);
                let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
            }
        }
    }
}

/// The keeper's key for a workload: `orders/2#7`, `orders/build` or `orders/migration`.
pub(crate) fn key_of(id: &WorkloadId) -> String {
    match id {
        WorkloadId::Instance(id) => id.to_string(),
        WorkloadId::Build(service) => format!("{service}/build"),
        WorkloadId::Migration(service) => format!("{service}/migration"),
    }
}

/// The workload of a key.
pub(crate) fn id_of(key: &str) -> Option<WorkloadId> {
    match key.rsplit_once('/') {
        Some((service, "build")) => service.parse().ok().map(WorkloadId::Build),
        Some((service, "migration")) => service.parse().ok().map(WorkloadId::Migration),
        _ => key.parse::<InstanceId>().ok().map(WorkloadId::Instance),
    }
}

/// The name of a workload's cgroups.
pub(crate) fn group_name(id: &WorkloadId) -> String {
    match id {
        WorkloadId::Instance(id) => id.file_name(),
        WorkloadId::Build(service) => format!("{service}.build"),
        WorkloadId::Migration(service) => format!("{service}.migration"),
    }
}

/// The run that a workload's lines name.
pub(crate) fn run_of(id: &WorkloadId) -> Option<u64> {
    match id {
        WorkloadId::Instance(id) => Some(id.run),
        WorkloadId::Build(_) | WorkloadId::Migration(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_workloads() {
        for (key, group, run) in [
            ("stock-count/2#7", "stock-count.2.7", Some(7)),
            ("stock-count/build", "stock-count.build", None),
            ("stock-count/migration", "stock-count.migration", None),
        ] {
            let id = id_of(key).unwrap();
            assert_eq!((key_of(&id), group_name(&id), run_of(&id)), (key.into(), group.into(), run));
        }
        for bad in ["", "platform", "/build", "a/1", "A/1#1"] {
            assert_eq!(id_of(bad), None, "{bad}");
        }
    }
}
