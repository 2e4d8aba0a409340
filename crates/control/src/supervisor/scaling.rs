//! Services whose number of instances follows the load, and those that sleep: feeds `logic::autoscale`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use logic::{
    autoscale::{Autoscaler, Change, Terms, Why},
    service::{Event, Phase},
    wake,
};
use model::{Gather, InstanceId, ServiceName, Timestamp, spec::Scaling};
use ports::{tasks::TaskKind, traffic::Load, workloads::WorkloadId};

use super::{Supervisor, act::refresh_upstream, input::Input};

/// What scales a service.
pub(super) struct Scaler {
    scaling: Scaling,
    machine: Autoscaler,
    timer: Option<Timestamp>,
    /// The last reading: when, the integral of the requests, and the processor time of each instance.
    read_at: Timestamp,
    busy: Duration,
    cpu: BTreeMap<InstanceId, Duration>,
    /// Whether requests wait until it is awake.
    pub(super) asleep: bool,
}

impl Scaler {
    fn new(scaling: Scaling, instances: u32, load: Load, now: Timestamp) -> Self {
        let machine = Autoscaler::new(Terms::of(&scaling), instances, now).expect("the manifest's reader checks them");
        let asleep = machine.wanted() == 0;
        Self { scaling, machine, timer: None, read_at: now, busy: load.busy, cpu: BTreeMap::new(), asleep }
    }

    /// Tells the machine what happened since the last reading.
    fn read(&mut self, load: Load, cpu: BTreeMap<InstanceId, Duration>, now: Timestamp) {
        let time = now.since(self.read_at);
        if !time.is_zero() {
            let requests = load.busy.saturating_sub(self.busy);
            self.machine.requests(requests.div_duration_f64(time), load.in_flight, now);
            let used = |(id, used): (&InstanceId, &Duration)| {
                used.saturating_sub(self.cpu.get(id).copied().unwrap_or_default())
            };
            self.machine.cores(cpu.iter().map(used).sum::<Duration>().div_duration_f64(time), now);
        }
        (self.read_at, self.busy, self.cpu) = (now, load.busy, cpu);
    }
}

impl Supervisor {
    /// Tells of requests that wait for services that sleep.
    pub(super) fn watch_sleepers(&self) {
        let (traffic, inputs) = (self.engines.traffic.clone(), self.sender.clone());
        self.engines.tasks.spawn(TaskKind::Loop("sleepers"), async move {
            while inputs.send(Input::Awaited(traffic.awaited().await)).await.is_ok() {}
        });
    }

    /// The service scales as its specification says from now on.
    pub(super) fn make_scaler(&mut self, name: &ServiceName) {
        let (now, load) = (self.now(), self.engines.traffic.load(name));
        let Some(service) = self.services.get_mut(name) else { return };
        service.fixed = service.fixed.take().filter(|fixed| fixed.is_in_force(&service.spec));
        let wanted = service.spec.scaling.as_ref().filter(|_| service.fixed.is_none());
        if service.scaler.as_ref().map(|scaler| &scaler.scaling) != wanted {
            let instances = service.own_count();
            let new = wanted.map(|scaling| Scaler::new(scaling.clone(), instances, load, now));
            let old = std::mem::replace(&mut service.scaler, new);
            service.cold_starts.give_up();
            refresh_upstream(service);
            self.routing.mark(name);
            self.forget_scaler(old, name);
        }
        self.go_on_scaling(name);
    }

    /// The requests that are held for these services wake them, and all that they may call.
    pub(super) fn awaited(&mut self, names: BTreeSet<ServiceName>) {
        let now = self.now();
        for name in wake::path(self.system(), names) {
            if self.wake(&name)
                && let Some(service) = self.services.get_mut(&name)
            {
                service.cold_starts.wakes(now);
            }
        }
    }

    /// Whether it slept.
    fn wake(&mut self, name: &ServiceName) -> bool {
        let now = self.now();
        let Some(scaler) = self.scaler(name) else { return false };
        let change = scaler.machine.wake(now);
        self.follow(name, change);
        change.is_some()
    }

    /// What a rollout has started sleeps after a whole window, as if it had been woken; what was wished meanwhile is done.
    pub(super) fn go_on_scaling(&mut self, name: &ServiceName) {
        if let Some(fixed) = self.services.get(name).and_then(|service| service.fixed.as_ref()) {
            self.scale_to(name, fixed.replicas);
        } else if self.services.get(name).is_some_and(|service| service.own_count() > 0) {
            self.wake(name);
        } else {
            self.follow(name, None);
        }
    }

    pub(super) fn scale_due(&mut self) {
        let now = self.now();
        while self.scalings.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, name)) = self.scalings.pop_first() else { return };
            let change = self.decide(&name, now);
            self.follow(&name, change);
        }
    }

    fn decide(&mut self, name: &ServiceName, now: Timestamp) -> Option<Change> {
        let load = self.engines.traffic.load(name);
        let service = self.services.get_mut(name)?;
        let scaler = service.scaler.as_mut()?;
        let instances: Vec<_> = service.machine.instances().map(|(instance, _)| instance).collect();
        let counts_cpu = scaler.scaling.cpu_millis.is_some();
        let cpu = instances.iter().filter(|_| counts_cpu).filter_map(|instance| {
            let used = self.engines.workloads.cpu_time(&WorkloadId::Instance(instance.id.clone()))?;
            Some((instance.id.clone(), used))
        });
        scaler.read(load, cpu.gather(), now);
        let ready = instances.iter().filter(|instance| instance.phase == Phase::Healthy).count();
        scaler.machine.ready(u32::try_from(ready).unwrap_or(u32::MAX));
        scaler.machine.due(now)
    }

    /// Makes the service as its scaler wants it. A rollout of it comes first: its counts stay what they are.
    fn follow(&mut self, name: &ServiceName, change: Option<Change>) {
        self.set_scaling_timer(name);
        if let Some(change) = change {
            self.note(name, None, words(change));
            if let Some(service) = self.services.get_mut(name).filter(|_| change.wanted == 0) {
                service.cold_starts.give_up();
            }
        }
        if !self.may_scale(name) {
            return;
        }
        let Some(scaler) = self.scaler(name) else { return };
        let wanted = scaler.machine.wanted();
        scaler.asleep |= wanted == 0;
        self.scale_to(name, wanted);
    }

    /// Gives the service so many instances, unless a rollout of it is under way.
    pub(super) fn scale_to(&mut self, name: &ServiceName, wanted: u32) {
        let may = self.may_scale(name);
        let Some(service) = self.services.get_mut(name).filter(|service| may && service.own_count() != wanted) else {
            return;
        };
        refresh_upstream(service);
        self.routing.mark(name);
        self.tell(name, Event::Scale(wanted));
        self.remember_slots(name);
    }

    fn may_scale(&self, name: &ServiceName) -> bool {
        self.stop.is_none() && !self.is_rolled_out(name)
    }

    fn set_scaling_timer(&mut self, name: &ServiceName) {
        let Some(scaler) = self.services.get_mut(name).and_then(|service| service.scaler.as_mut()) else { return };
        let due = scaler.machine.deadline();
        if let Some(old) = std::mem::replace(&mut scaler.timer, due) {
            self.scalings.remove(&(old, name.clone()));
        }
        self.scalings.extend(due.map(|at| (at, name.clone())));
    }

    /// The service goes.
    pub(super) fn forget_scaler(&mut self, scaler: Option<Scaler>, name: &ServiceName) {
        if let Some(timer) = scaler.and_then(|scaler| scaler.timer) {
            self.scalings.remove(&(timer, name.clone()));
        }
    }

    fn scaler(&mut self, name: &ServiceName) -> Option<&mut Scaler> {
        self.services.get_mut(name)?.scaler.as_mut()
    }
}

fn words(Change { wanted, why }: Change) -> String {
    match why {
        Why::Woken => "wakes up: a request waits for it, or for a service that calls it".into(),
        Why::Panic => format!("scales to {wanted}: the load has leapt"),
        Why::Load => format!("scales to {wanted}: so much is needed for the load"),
        Why::Idle if wanted == 0 => "falls asleep: nobody has called it for a whole window".into(),
        Why::Idle => format!("scales to {wanted}: nobody has called it for a whole window"),
    }
}
