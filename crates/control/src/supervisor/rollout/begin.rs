//! Begins to go from the release that runs to another.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use logic::{
    release::{self, Difference},
    rollout::{Event, Instance, Invalid, Machine, Plan, Target},
    service,
};
use model::{
    Gather, Problem, ServiceName,
    spec::{Side, Strategy, Wait},
};

use super::{
    super::{
        Supervisor,
        request::{Answer, stopping},
    },
    Rollout,
};
use crate::release::{Prepared, Release, Way, view};

impl Supervisor {
    /// Whether a rollout is under way, or its end is not remembered yet.
    pub(in super::super) fn is_rolling_out(&self) -> bool {
        self.rollout.is_some() || self.ending.is_some()
    }

    /// What is under way shall go back, for something else takes its place.
    pub(in super::super) fn supersede(&mut self) {
        self.tell_rollout(Event::Superseded);
    }

    /// Begins to go to another release; nothing else is under way.
    pub(in super::super) fn roll_out(&mut self, prepared: Prepared) -> Answer<()> {
        let Prepared { release: to, way, secrets } = prepared;
        let Some(from) = self.release.clone() else { return Err(stopping()) };
        let differences = release::compare(&view(&from), &view(&to));
        let plan = release::rollout(&differences, &from.system, &to.system, &self.instance_counts());
        let plan = plan.map(|plan| if way == Way::Back { back(plan) } else { plan });
        let is_rolling = plan.as_ref().is_some_and(|plan| plan.strategy == Strategy::Rolling);
        if to.system.pinned && is_rolling {
            return Err(pinned_rolling());
        }
        let machine = plan.map(|plan| Machine::new(plan, self.now()).map_err(invalid)).transpose()?;
        self.vault.take(secrets);
        if let Some(machine) = machine {
            self.begin_rollout(machine, from, to);
            self.note_targets(&differences);
            self.tell_rollout(Event::Due);
        } else {
            self.adjust(&from, to);
        }
        Ok(())
    }

    fn begin_rollout(&mut self, machine: Machine, from: Arc<Release>, to: Arc<Release>) {
        // It is written after the first state of the rollout: who goes on with that knows it.
        self.releases.edit(|ledger| ledger.begins(to.number));
        let places = self.old_places(machine.snapshot().plan());
        let begun = places.keys().cloned().gather();
        let rollout = Rollout::new(self.next_rollout(), (from, to), self.now(), machine, places);
        self.rollout = Some(Rollout { begun, goes_on: true, ..rollout });
        self.add_services();
        self.open_previews();
        let services = self.rollout.as_ref().map(Rollout::services).unwrap_or_default();
        for name in &services {
            self.overtake_restart(name);
            self.observe(name);
        }
    }

    /// The slots of the instances that serve before, in the order of their numbers.
    fn old_places(&self, plan: &Plan) -> BTreeMap<Instance, u32> {
        let of = |target: &Target| {
            let service = target.service.clone();
            let slots = self.services.get(&service).map(|state| state.machine.own_slots().collect::<Vec<_>>());
            let numbered = (1..=target.old).zip(slots.unwrap_or_default());
            numbered.map(move |(number, slot)| (Instance { service: service.clone(), side: Side::Old, number }, slot))
        };
        plan.targets.iter().flat_map(|target| of(target).collect::<Vec<_>>()).gather()
    }

    /// Services that are new in the release are there from the beginning, without instances.
    pub(super) fn add_services(&mut self) {
        let Some(rollout) = &self.rollout else { return };
        let to = rollout.to.clone();
        let added: Vec<_> = rollout.services().into_iter().filter(|name| !self.services.contains_key(name)).collect();
        for name in added {
            let Some(bundle) = to.bundles.get(&name) else { continue };
            self.add_service(&name, bundle.clone());
        }
    }

    /// A restart under way would go through instances that are being replaced anyway.
    fn overtake_restart(&mut self, name: &ServiceName) {
        let Some(service) = self.services.get_mut(name) else { return };
        for waiter in std::mem::take(&mut service.restart_waiters) {
            let _ = waiter.send(Err(overtaken(name)));
        }
        self.tell(name, service::Event::EndRestart);
    }

    fn note_targets(&mut self, differences: &[Difference]) {
        let Some(rollout) = &self.rollout else { return };
        let what = format!("release {} takes the place of release {}", rollout.to.number, rollout.from.number);
        for difference in differences {
            self.note(&difference.service, None, what.clone());
        }
    }
}

/// The way back: all at once, without steps and waits, and itself taken back only for another deploy.
fn back(plan: Plan) -> Plan {
    let strategy = Strategy::BlueGreen { preview: Wait::For(Duration::ZERO), keep: Duration::ZERO };
    let targets = plan.targets.into_iter().map(|target| Target { wakes: false, ..target }).collect();
    Plan { targets, strategy, migration: None, one_way: true, ..plan }
}

fn overtaken(name: &ServiceName) -> Box<Problem> {
    let hint = "see `isles rollout`; if that goes back, restart it again";
    let problem = Problem::new(409, "overtaken", "a rollout has begun that replaces the instances", hint);
    Box::new(problem.with_detail(format!("the restart of `{name}` is ended: a rollout of it has begun")))
}

fn pinned_rolling() -> Box<Problem> {
    let hint = "use the strategy `blue-green` or `canary`, or take `pinned` out";
    let problem =
        Problem::new(422, "pinned-rolling", "a pinned system cannot be rolled out instance by instance", hint);
    let detail = "in a rolling rollout the releases share all requests, so none can stay on one";
    Box::new(problem.with_detail(detail))
}

fn invalid(invalid: Invalid) -> Box<Problem> {
    let detail = match invalid {
        Invalid::Targets => "it has no service, or one twice",
        Invalid::TooLarge => return too_large(),
        Invalid::NoRoom(_) => "a service has `max_surge` and `max_unavailable` both 0, or above 10,000",
        Invalid::HealthyDeadline(_) => "a service's `min_healthy_time` is not below its `healthy_deadline`",
        Invalid::ProgressDeadline(_) => "a service's `healthy_deadline` is not below the `progress_deadline`",
        Invalid::Steps => "there are more than 100 steps, or their weights do not grow from 0.01 % to 100 %",
    };
    let hint = "correct the tables `upgrade` of the manifest";
    let problem = Problem::new(422, "manifest-invalid", "the release cannot be rolled out", hint);
    Box::new(problem.with_detail(detail))
}

fn too_large() -> Box<Problem> {
    let hint = "deploy fewer services at a time: `isles deploy SERVICE…`";
    let problem = Problem::new(422, "rollout-too-large", "the release cannot be rolled out at once", hint);
    let detail = "more than 2,500 services or 10,000 instances, of both releases together, would change";
    Box::new(problem.with_detail(detail))
}
