//! Whose a socket is: by the cgroup of the process that made it, else by the processes that have it open. A Unix socket
//! names the process that connected instead.

use std::{os::fd::BorrowedFd, sync::Arc};

use async_trait::async_trait;
use model::{InstanceId, Slot};
use ports::{
    identity::{Identities, Owner, PeerSocket},
    workloads::WorkloadId,
};

use crate::{network, peer::Peer, runtime::Runtime, workload::Running};

#[async_trait]
impl Identities for Runtime {
    fn of_socket(&self, slot: &Slot, socket: PeerSocket) -> Owner {
        match self.owner(slot, |running| has_socket(running, socket)) {
            Owner::Unknown => self.instance_in(socket.cgroup).map_or(Owner::Unknown, Owner::Instance),
            known => known,
        }
    }

    fn of_process(&self, slot: &Slot, socket: BorrowedFd<'_>) -> Owner {
        let Some(peer) = Peer::of(socket) else { return Owner::Unknown };
        match self.owner(slot, |running| has_process(running, &peer)) {
            Owner::Unknown => self.instance_in(peer.cgroup()).map_or(Owner::Unknown, Owner::Instance),
            known => known,
        }
    }

    async fn settled(&self, slot: &Slot) {
        for running in self.instances_of(slot).iter().filter(|running| !running.is_settled()) {
            running.settled().await;
        }
    }
}

impl Runtime {
    fn owner(&self, slot: &Slot, has: impl Fn(&Running) -> bool) -> Owner {
        let instances = self.instances_of(slot);
        // Before the look: what becomes known during it may have been missed.
        let is_settled = instances.iter().all(|running| running.is_settled());
        match instances.iter().find(|running| has(running)).and_then(|running| instance(running)) {
            Some(id) => Owner::Instance(id),
            None if is_settled => Owner::Unknown,
            None => Owner::Unsettled,
        }
    }

    fn instance_in(&self, cgroup: Option<u64>) -> Option<InstanceId> {
        let is_it = |running: &&Arc<Running>| cgroup.is_some() && running.cgroup == cgroup;
        instance(self.all().values().find(is_it)?)
    }
}

fn instance(running: &Running) -> Option<InstanceId> {
    match &running.id {
        WorkloadId::Instance(id) => Some(id.clone()),
        WorkloadId::Build(_) | WorkloadId::Migration(_) => None,
    }
}

fn has_socket(running: &Running, socket: PeerSocket) -> bool {
    match (socket.cgroup, running.cgroup) {
        (Some(id), Some(own)) => has_group(running, own, id),
        _ => socket.inode != 0 && running.members().iter().any(|pid| network::sockets_of(*pid).contains(&socket.inode)),
    }
}

fn has_process(running: &Running, peer: &Peer) -> bool {
    match (peer.cgroup(), running.cgroup) {
        (Some(id), Some(own)) => has_group(running, own, id),
        _ => peer.is_among(&running.members()),
    }
}

/// A group below the instance's own is the instance's too: programs make some.
fn has_group(running: &Running, own: u64, id: u64) -> bool {
    id == own || running.group.has_below(id)
}

/// The first and the last name that an instance of the slot can have.
pub(crate) fn names_of(slot: &Slot) -> std::ops::RangeInclusive<WorkloadId> {
    let run = |run| WorkloadId::Instance(InstanceId { slot: slot.clone(), run });
    run(0)..=run(u64::MAX)
}
