//! The instances of a rollout: each has a slot, runs its release's bundle, and is reported as it changes.

use std::collections::BTreeSet;

use logic::{
    rollout::{Event, Instance, Report, State},
    service::{self, Cause, Phase, Wanted},
};
use model::{Gather, InstanceId, ServiceName, Slot, Timestamp, spec::Side};

use super::super::{Supervisor, service::settings};

impl Supervisor {
    /// Gives an instance a slot of its own, if it has none yet.
    pub(super) fn give_place(&mut self, instance: &Instance) {
        let Some(rollout) = &mut self.rollout else { return };
        let Some(service) = self.services.get(&instance.service) else { return };
        if rollout.places.contains_key(instance) {
            return;
        }
        let taken: BTreeSet<_> = rollout.instances_of(&instance.service).map(|(_, slot)| slot).gather();
        if let Some(slot) = service.machine.free_slots().find(|slot| !taken.contains(slot)) {
            rollout.places.insert(instance.clone(), slot);
        }
    }

    /// The instance shall run, unless it has ended.
    pub(super) fn run_instance(&mut self, instance: &Instance) {
        let Some(rollout) = &mut self.rollout else { return };
        let Some(slot) = rollout.places.get(instance).copied() else { return };
        if rollout.ends.contains_key(instance) {
            return;
        }
        rollout.begun.insert(instance.clone());
        let wanted = self.wanted(instance, slot);
        self.tell(&instance.service, service::Event::Want(slot, wanted));
    }

    /// What the service's machine is asked for; the slot runs the bundle of its release from now on.
    pub(super) fn wanted(&mut self, instance: &Instance, slot: u32) -> Wanted {
        let Some(rollout) = &self.rollout else { return Wanted::Own };
        let bundle = rollout.bundle(&instance.service).filter(|_| instance.side == Side::New).cloned();
        let one_way = rollout.machine.snapshot().plan().one_way;
        let Some((bundle, service)) = bundle.zip(self.services.get_mut(&instance.service)) else { return Wanted::Own };
        let settings = settings(&bundle.spec);
        service.others.insert(slot, bundle);
        if one_way { Wanted::Other(settings) } else { Wanted::Once(settings) }
    }

    /// The instance shall be drained and end.
    pub(super) fn stop_instance(&mut self, instance: &Instance) {
        let Some(rollout) = &mut self.rollout else { return };
        let Some(slot) = rollout.places.get(instance).copied() else { return };
        rollout.begun.insert(instance.clone());
        if !rollout.ends.contains_key(instance) {
            self.tell(&instance.service, service::Event::Unwant(slot));
        }
    }

    /// Checks an instance, because it should have been healthy for long enough.
    pub(super) fn confirm(&mut self, instance: &Instance) {
        let slot = self.rollout.as_ref().and_then(|rollout| rollout.places.get(instance).copied());
        let machine = self.services.get(&instance.service).map(|service| &service.machine);
        let found = machine.zip(slot).and_then(|(machine, slot)| machine.instance_in(slot));
        if let Some(id) = found.filter(|found| found.phase == Phase::Healthy).map(|found| found.id.clone())
            && let Some(rollout) = &mut self.rollout
        {
            rollout.confirming.insert(id.clone());
            self.probe(id);
        }
    }

    /// A check ended. One that the machine of the rollout wanted is reported, though nothing changed.
    pub(in super::super) fn confirmed(&mut self, id: &InstanceId, passed: bool) {
        let Some(rollout) = self.active() else { return };
        if !rollout.confirming.remove(id) || !passed {
            return;
        }
        let Some(instance) = rollout.instance_in(&id.slot.service, id.slot.index).cloned() else { return };
        if let Some((State::Healthy, since)) = rollout.told.get(&instance).cloned() {
            self.report(&instance, State::Healthy, since);
        }
    }

    /// Nothing is left in a slot, and nothing shall be.
    pub(in super::super) fn slot_ended(&mut self, slot: &Slot, cause: &Cause) {
        let Some(rollout) = self.active() else { return };
        if let Some(instance) = rollout.instance_in(&slot.service, slot.index).cloned() {
            rollout.ends.insert(instance, cause.to_string());
        }
    }

    /// Reports the instances of a service that changed.
    pub(in super::super) fn observe(&mut self, name: &ServiceName) {
        let Some(rollout) = self.rollout.as_ref().filter(|rollout| rollout.has(name) && self.stop.is_none()) else {
            return;
        };
        let instances = rollout.instances_of(name).filter(|(instance, _)| rollout.begun.contains(*instance));
        let instances: Vec<_> = instances.map(|(instance, slot)| (instance.clone(), slot)).collect();
        for (instance, slot) in instances {
            let Some((state, since)) = self.state_of(&instance, slot) else { continue };
            let told = self.rollout.as_ref().and_then(|rollout| rollout.told.get(&instance));
            let is_new = told.is_none_or(|told| *told != (state.clone(), since) && !matches!(told.0, State::Ended(_)));
            if is_new {
                self.report(&instance, state, since);
            }
        }
    }

    fn report(&mut self, instance: &Instance, state: State, since: Timestamp) {
        let at = self.now();
        let Some(rollout) = &mut self.rollout else { return };
        rollout.seq += 1;
        rollout.told.insert(instance.clone(), (state.clone(), since));
        let report = Report { seq: rollout.seq, state, since, at };
        self.tell_rollout(Event::Reported(instance.clone(), report));
    }

    /// How an instance is, and since when.
    fn state_of(&self, instance: &Instance, slot: u32) -> Option<(State, Timestamp)> {
        let (rollout, service) = (self.rollout.as_ref()?, self.services.get(&instance.service)?);
        let told = rollout.told.get(instance);
        if rollout.ends.contains_key(instance) || rollout.is_nowhere(instance, slot, &service.machine) {
            let why = rollout.ends.get(instance).cloned().unwrap_or_else(|| Cause::Interrupted.to_string());
            return Some((State::Ended(why), self.now()));
        }
        let Some(found) = service.machine.instance_in(slot) else {
            let ended = || (State::Unhealthy("it ended, and is started again".into()), self.now());
            return Some(told.cloned().filter(|(state, _)| *state != State::Healthy).unwrap_or_else(ended));
        };
        Some(match found.phase {
            Phase::Healthy => (State::Healthy, found.since),
            Phase::Starting if told.is_none_or(|(state, _)| *state == State::Starting) => {
                (State::Starting, found.since)
            }
            Phase::Starting => (State::Unhealthy("it is started again".into()), found.since),
            Phase::Unhealthy => (State::Unhealthy(found.last_miss().unwrap_or_default().into()), found.since),
            Phase::Draining | Phase::Stopping => (State::Unhealthy("it is stopping".into()), found.since),
        })
    }
}

impl super::Rollout {
    /// Whether nothing is in the slot of an instance, and nothing shall be.
    fn is_nowhere(&self, instance: &Instance, slot: u32, machine: &service::Machine) -> bool {
        self.begun.contains(instance) && !machine.is_wanted(slot) && machine.instance_in(slot).is_none()
    }
}
