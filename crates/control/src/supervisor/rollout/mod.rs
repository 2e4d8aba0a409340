//! A rollout: feeds `logic::rollout`, keeps its state durable, and carries out what it asks for.
//!
//! An event changes the machine at once. What it asks for is done once the state is stored that asks for it. So a platform
//! process that goes on finds the state at least as far as anything that was done.

mod act;
mod begin;
mod finish;
mod instances;
mod judging;
mod migration;
mod problem;
mod record;
mod remember;
mod request;
mod restore;
mod serve;
mod settle;
mod status;
mod traffic;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Supervisor, request::Request};
use crate::release::{Bundle, Release, view};
use judging::Judging;
use logic::{
    release::{self, Counts},
    rollout::{Action, Instance, Machine, Phase, State, Storing, Target},
};
use migration::Migrating;
use model::{Gather, InstanceId, ServiceName, Timestamp, spec::Side};
pub(crate) use record::{Part, RolloutRecord, Whole};
pub(super) use remember::Ending;
pub(super) use request::nothing_under_way;
pub(crate) use settle::Stored;
pub(super) use settle::Waiter;

/// The rollout under way.
pub(super) struct Rollout {
    number: u64,
    from: Arc<Release>,
    to: Arc<Release>,
    began_at: Timestamp,
    machine: Machine,
    /// The services whose own strategy does not apply.
    overruled: BTreeMap<ServiceName, String>,
    /// Whether it goes on: when the system comes up, not before the release that runs is whole.
    goes_on: bool,
    /// The slot of each instance.
    places: BTreeMap<Instance, u32>,
    /// Those that were told to run or to stop.
    begun: BTreeSet<Instance>,
    /// The last report of each.
    told: BTreeMap<Instance, (State, Timestamp)>,
    /// How those ended that have.
    ends: BTreeMap<Instance, String>,
    /// Those that are checked because the machine wants to know.
    confirming: BTreeSet<InstanceId>,
    /// The number of the last report.
    seq: u64,
    /// The services whose migration has run.
    migrated: BTreeSet<ServiceName>,
    migrating: Option<Migrating>,
    judging: Option<Judging>,
    /// What went wrong, with the log that shows it.
    problem: Option<model::status::Trouble>,
    /// What the machine asked for and is not done yet.
    waiting: BTreeSet<Action>,
    /// Those who wait until what they said is stored.
    waiters: Vec<Waiter>,
    /// The state that is stored, or is being stored; `None` if that is not known.
    stored: Option<RolloutRecord>,
    storing: Storing,
    /// Why it cannot be stored, as a notice.
    unstored: Option<String>,
    /// Whether the gateway routes as the new release says, once it does as this rollout wants it.
    gateway_is_new: Option<bool>,
    /// Requests that would get in its way; they are carried out when it is over.
    held: Vec<Request>,
}

impl Rollout {
    /// One of which nothing is stored, and of whose instances nothing is known but their slots.
    fn new(
        number: u64,
        (from, to): (Arc<Release>, Arc<Release>),
        began_at: Timestamp,
        machine: Machine,
        places: BTreeMap<Instance, u32>,
    ) -> Self {
        let overruled = if machine.snapshot().plan().one_way {
            BTreeMap::new()
        } else {
            release::overruled(&release::compare(&view(&from), &view(&to)), &from.system, &to.system)
        };
        Self {
            number,
            overruled,
            from,
            to,
            began_at,
            machine,
            goes_on: false,
            places,
            begun: BTreeSet::new(),
            told: BTreeMap::new(),
            ends: BTreeMap::new(),
            confirming: BTreeSet::new(),
            seq: 0,
            migrated: BTreeSet::new(),
            migrating: None,
            judging: None,
            problem: None,
            waiting: BTreeSet::new(),
            waiters: Vec::new(),
            stored: None,
            storing: Storing::Idle,
            unstored: None,
            gateway_is_new: None,
            held: Vec::new(),
        }
    }

    /// Whether it is about this service.
    pub(super) fn has(&self, service: &ServiceName) -> bool {
        self.targets().any(|target| target.service == *service)
    }

    /// Whether a request stays on the release that it entered on.
    fn is_pinned(&self) -> bool {
        self.to.system.pinned
    }

    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.machine.snapshot().plan().targets.iter()
    }

    fn services(&self) -> Vec<ServiceName> {
        self.targets().map(|target| target.service.clone()).collect()
    }

    /// How many instances each service has in one of the releases.
    pub(super) fn counts(&self, side: Side) -> Counts {
        let of = |target: &Target| match side {
            Side::Old => target.old,
            Side::New => target.new,
        };
        self.targets().map(|target| (target.service.clone(), of(target))).gather()
    }

    /// The release to which it goes.
    pub(super) fn coming(&self) -> Arc<Release> {
        self.to.clone()
    }

    /// What the new instances of a service run.
    pub(super) fn bundle(&self, service: &ServiceName) -> Option<&Arc<Bundle>> {
        self.to.bundles.get(service)
    }

    /// The instances of a service in both releases, with their slots.
    fn instances_of(&self, service: &ServiceName) -> impl Iterator<Item = (&Instance, u32)> {
        let at = |side, number| Instance { service: service.clone(), side, number };
        self.places.range(at(Side::Old, 0)..=at(Side::New, u32::MAX)).map(|(instance, slot)| (instance, *slot))
    }

    fn instance_in(&self, service: &ServiceName, slot: u32) -> Option<&Instance> {
        self.instances_of(service).find(|(_, index)| *index == slot).map(|(instance, _)| instance)
    }

    /// Whether the new release has everything.
    fn serves_new(&self) -> bool {
        let is_promoted = |outcome: &_| *outcome == logic::rollout::Outcome::Promoted;
        match self.machine.phase() {
            Phase::Keeping | Phase::Retiring => true,
            Phase::Ended(outcome) => is_promoted(outcome),
            _ => false,
        }
    }
}

impl Supervisor {
    /// The release of an instance's slot that its calls stay on, if they do.
    pub(super) fn pinned_side(&self, service: &ServiceName, slot: u32) -> Option<Side> {
        let rollout = self.rollout.as_ref().filter(|rollout| rollout.is_pinned() && rollout.has(service))?;
        Some(rollout.instance_in(service, slot).map_or(Side::Old, |instance| instance.side))
    }

    /// Whether there is one that can be told something.
    pub(super) fn is_active(&self) -> bool {
        self.rollout.is_some() && self.stop.is_none()
    }

    /// The rollout, unless the system stops or it does not go on yet.
    fn active(&mut self) -> Option<&mut Rollout> {
        self.rollout.as_mut().filter(|rollout| rollout.goes_on && self.stop.is_none())
    }
}
