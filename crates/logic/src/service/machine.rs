//! The machine itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use model::{Gather, InstanceId, ServiceName, Slot, Timestamp, spec};

use super::{Action, Cause, Event, Instance, Phase, restart::Restart, slot::SlotState, want::Wants};

/// How the instances of a release are treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How their health is checked.
    pub health: spec::Health,
    /// From SIGTERM to SIGKILL.
    pub stop_grace: Duration,
    /// The longest wait for requests in flight.
    pub drain_timeout: Duration,
}

/// The machine of one service.
pub struct Machine {
    service: ServiceName,
    rng: u64,
    pub(super) wants: Wants,
    go: bool,
    pub(super) stopping: bool,
    stopped: bool,
    pub(super) has_been_healthy: bool,
    pub(super) slots: BTreeMap<u32, SlotState>,
    last_runs: BTreeMap<u32, u64>,
    timers: BTreeSet<(Timestamp, u32)>,
    pub(super) restart: Option<Restart>,
}

impl Machine {
    /// A service without instances, that shall have one in each of these slots. `last_runs` are the runs that its slots
    /// have had, so that none is used twice; `seed` drives the jitter.
    pub fn new(
        service: ServiceName,
        settings: Settings,
        wanted: BTreeSet<u32>,
        last_runs: BTreeMap<u32, u64>,
        seed: u64,
    ) -> Self {
        Self {
            service,
            rng: seed | 1,
            wants: Wants::new(settings, wanted),
            go: false,
            stopping: false,
            stopped: false,
            has_been_healthy: false,
            slots: BTreeMap::new(),
            last_runs,
            timers: BTreeSet::new(),
            restart: None,
        }
    }

    /// Takes an event and appends what must be done.
    pub fn handle(&mut self, event: Event, now: Timestamp, actions: &mut Vec<Action>) {
        match event {
            Event::Go => self.go = true,
            Event::Scale(count) => self.wants.scale(count, &self.slots),
            Event::Want(index, wanted) => self.wants.add(index, wanted),
            Event::Unwant(index) => self.wants.remove(index),
            Event::Settle(settings) => self.settle(settings),
            Event::Stop => self.stop(actions),
            Event::Restart => self.begin_restart(now, actions),
            Event::EndRestart => self.end_restart(actions),
            Event::Due => return self.due(now, actions),
            Event::Adopted(id, healthy_since) => return self.adopt(id, healthy_since, now, actions),
            Event::Started(id) => return self.on_instance(&id, now, actions, Self::started),
            Event::Probed(id, verdict) => {
                return self.on_instance(&id, now, actions, |m, i, now, a| m.probed(i, &verdict, now, a));
            }
            Event::Drained(id) => return self.on_instance(&id, now, actions, Self::drained),
            Event::StartFailed(id, cause) => return self.gone(&id, cause, now, actions),
            Event::Exited(id, ending) => return self.gone(&id, Cause::Ended(ending), now, actions),
        }
        self.step_all(now, actions);
    }

    /// When `Due` must be handled.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Its instances with the crashes of their slots, by slot and run.
    pub fn instances(&self) -> impl Iterator<Item = (&Instance, u32)> {
        self.slots.values().flat_map(|slot| slot.instances.iter().map(|instance| (instance, slot.crashes)))
    }

    /// The slots that wait before they start again, with the last run, the crashes and the moment of the next start.
    pub fn pausing(&self) -> impl Iterator<Item = (InstanceId, u32, Timestamp)> {
        self.slots
            .iter()
            .filter(|(_, slot)| slot.instances.is_empty())
            .filter_map(|(index, slot)| slot.retry_at.map(|at| (self.id(*index, slot.last_run), slot.crashes, at)))
    }

    /// The last run of every slot.
    pub fn last_runs(&self) -> impl Iterator<Item = InstanceId> {
        self.last_runs.iter().map(|(index, run)| self.id(*index, *run))
    }

    /// Whether any instance was ever healthy.
    pub fn has_been_healthy(&self) -> bool {
        self.has_been_healthy
    }

    /// The number of instances asked for.
    pub fn wanted(&self) -> u32 {
        self.wants.count()
    }

    /// Whether an instance is asked for in this slot.
    pub fn is_wanted(&self, index: u32) -> bool {
        self.wants.contains(index)
    }

    /// The slots in which an instance of the service is asked for: all but those of a release that is being rolled out.
    pub fn own_slots(&self) -> impl Iterator<Item = u32> {
        self.wants.own()
    }

    /// The slots that neither are wanted nor have anything left in them, the lowest first, without end.
    pub fn free_slots(&self) -> impl Iterator<Item = u32> {
        self.wants.free(&self.slots)
    }

    /// The instance of a slot that will stay longest, if there is any.
    pub fn instance_in(&self, index: u32) -> Option<&Instance> {
        let instances = &self.slots.get(&index)?.instances;
        instances.iter().rfind(|instance| !instance.is_leaving()).or(instances.last())
    }

    pub(super) fn id(&self, index: u32, run: u64) -> InstanceId {
        InstanceId { slot: Slot { service: self.service.clone(), index }, run }
    }

    fn on_instance(
        &mut self,
        id: &InstanceId,
        now: Timestamp,
        actions: &mut Vec<Action>,
        change: impl FnOnce(&mut Self, &mut Instance, Timestamp, &mut Vec<Action>),
    ) {
        if self.change(id, |machine, instance| change(machine, instance, now, actions)) {
            self.after_change(id.slot.index, now, actions);
        }
    }

    /// Changes an instance; false if it is not there.
    pub(super) fn change(&mut self, id: &InstanceId, change: impl FnOnce(&mut Self, &mut Instance)) -> bool {
        let index = id.slot.index;
        let Some(found) = self.slots.get_mut(&index).and_then(|slot| slot.find(id)) else { return false };
        let mut instance = found.clone();
        change(self, &mut instance);
        if let Some(place) = self.slots.get_mut(&index).and_then(|slot| slot.find(id)) {
            *place = instance;
        }
        true
    }

    pub(super) fn after_change(&mut self, index: u32, now: Timestamp, actions: &mut Vec<Action>) {
        self.advance_restart(now, actions);
        self.step(index, now, actions);
        self.say_stopped(actions);
    }

    fn adopt(&mut self, id: InstanceId, since: Option<Timestamp>, now: Timestamp, actions: &mut Vec<Action>) {
        let mut instance = Instance::starting(id.clone(), now);
        instance.probe_at = Some(now);
        instance.deadline = Some(now + self.slot(id.slot.index).settings.health.grace);
        if let Some(since) = since {
            self.become_healthy(&mut instance, since.min(now), actions);
            instance.probe_at = Some(now);
        }
        let slot = self.slot(id.slot.index);
        slot.last_run = slot.last_run.max(id.run);
        slot.instances.push(instance);
        slot.instances.sort_by_key(|instance| instance.id.run);
        self.arm(id.slot.index);
    }

    fn due(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        while let Some((at, index)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, index));
            let Some(slot) = self.slots.get_mut(&index) else { continue };
            slot.timer = None;
            let ids: Vec<_> = slot.instances.iter().map(|instance| instance.id.clone()).collect();
            for id in ids {
                self.on_instance(&id, now, actions, Self::instance_due);
            }
            self.step(index, now, actions);
        }
    }

    fn instance_due(&mut self, i: &mut Instance, now: Timestamp, actions: &mut Vec<Action>) {
        if i.deadline.is_some_and(|at| at <= now) {
            self.too_late(i, now, actions);
        } else if i.probe_at.is_some_and(|at| at <= now) {
            i.probe_at = None;
            actions.push(Action::Probe(i.id.clone()));
        }
    }

    fn stop(&mut self, actions: &mut Vec<Action>) {
        self.stopping = true;
        self.end_restart(actions);
    }

    fn step_all(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let all: BTreeSet<_> = self.slots.keys().copied().chain(self.wants.all()).gather();
        for index in all {
            self.step(index, now, actions);
        }
        self.say_stopped(actions);
    }

    /// Brings one slot towards what is wanted.
    fn step(&mut self, index: u32, now: Timestamp, actions: &mut Vec<Action>) {
        if self.stopping || !self.wants.contains(index) {
            self.vacate(index, now, actions);
        } else if self.go {
            self.settle_pair(index, now, actions);
            let slot = self.slot(index);
            if slot.instances.is_empty() && slot.retry_at.is_none_or(|at| at <= now) {
                self.start(index, now, actions);
            }
        }
        self.arm(index);
    }

    pub(super) fn slot(&mut self, index: u32) -> &mut SlotState {
        let last_run = self.last_runs.get(&index).copied().unwrap_or(0);
        let settings = self.wants.settings(index);
        self.slots.entry(index).or_insert_with(|| SlotState::new(settings.clone(), last_run))
    }

    pub(super) fn settings(&self, id: &InstanceId) -> &Settings {
        let slot = self.slots.get(&id.slot.index);
        slot.map_or_else(|| self.wants.settings(id.slot.index), |slot| &slot.settings)
    }

    fn settle(&mut self, settings: Settings) {
        self.wants.settle(settings);
        for (index, slot) in self.slots.iter_mut().filter(|(index, _)| self.wants.contains(**index)) {
            slot.settings = self.wants.settings(*index).clone();
        }
    }

    pub(super) fn start(&mut self, index: u32, now: Timestamp, actions: &mut Vec<Action>) -> InstanceId {
        let settings = self.wants.settings(index).clone();
        let slot = self.slot(index);
        slot.settings = settings;
        slot.last_run += 1;
        slot.retry_at = None;
        let run = slot.last_run;
        let id = self.id(index, run);
        self.last_runs.insert(index, run);
        self.slot(index).instances.push(Instance::starting(id.clone(), now));
        actions.push(Action::Start(id.clone()));
        id
    }

    fn vacate(&mut self, index: u32, now: Timestamp, actions: &mut Vec<Action>) {
        let Some(slot) = self.slots.get(&index) else { return };
        let ids: Vec<_> = slot.instances.iter().map(|instance| instance.id.clone()).collect();
        if ids.is_empty()
            && let Some(slot) = self.slots.remove(&index)
        {
            slot.timer.inspect(|timer| _ = self.timers.remove(&(*timer, index)));
            actions.push(Action::Vacated(self.id(index, slot.last_run).slot, slot.end()));
        }
        for id in ids {
            self.dismiss_by_id(&id, now, actions);
        }
    }

    /// Two instances in a slot that no restart explains: the newer one stays if it is healthy, else the older.
    pub(super) fn settle_pair(&mut self, index: u32, now: Timestamp, actions: &mut Vec<Action>) {
        if self.restart.as_ref().is_some_and(|restart| restart.is_at(index)) {
            return;
        }
        let Some(slot) = self.slots.get(&index) else { return };
        let staying: Vec<_> = slot.instances.iter().filter(|i| !i.is_leaving()).collect();
        let Some(newest) = staying.last() else { return };
        let keep = if newest.phase == Phase::Healthy { newest.id.clone() } else { staying[0].id.clone() };
        let others: Vec<_> = staying.iter().map(|i| i.id.clone()).filter(|id| *id != keep).collect();
        for id in others {
            self.dismiss_by_id(&id, now, actions);
        }
    }

    fn say_stopped(&mut self, actions: &mut Vec<Action>) {
        if self.stopping && self.slots.is_empty() && !std::mem::replace(&mut self.stopped, true) {
            actions.push(Action::Stopped);
        }
    }

    /// Keeps the slot's place among the timers.
    pub(super) fn arm(&mut self, index: u32) {
        let Some(slot) = self.slots.get_mut(&index) else { return };
        let deadline = slot.deadline();
        if slot.timer == deadline {
            return;
        }
        if let Some(old) = std::mem::replace(&mut slot.timer, deadline) {
            self.timers.remove(&(old, index));
        }
        self.timers.extend(deadline.map(|at| (at, index)));
    }

    /// A number from 0 to 1 (xorshift64, Marsaglia 2003).
    pub(super) fn random(&mut self) -> f64 {
        self.rng ^= self.rng << 13;
        self.rng ^= self.rng >> 7;
        self.rng ^= self.rng << 17;
        f64::from(u32::try_from(self.rng >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
    }
}
