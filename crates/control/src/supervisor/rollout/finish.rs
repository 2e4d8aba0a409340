//! The end of a rollout: one of the two releases serves alone, and all that is left of the other one goes.

use std::sync::Arc;

use logic::{release, rollout::Outcome, service::Event};
use model::{
    ServiceName,
    api::{RolloutPhase, RolloutStatus},
};

use super::{
    super::{
        Supervisor,
        service::{Build, settings},
    },
    remember::Ending,
};
use crate::release::{Bundle, Release, view};

impl Supervisor {
    /// Ends the rollout. What it came to is stored already; if the platform ends in between, this is done again.
    pub(super) fn finish(&mut self, outcome: &Outcome) {
        self.forget_migration();
        let Some(status) = self.ended_status() else { return };
        let Some(mut rollout) = self.rollout.take() else { return };
        let services = rollout.services();
        self.ending = Some(Ending::new(services.clone(), std::mem::take(&mut rollout.held)));
        match outcome {
            Outcome::Promoted => self.serve(&rollout.from, rollout.to.clone()),
            Outcome::RolledBack { cause, .. } => self.fall_back(&services, &rollout.from, &cause.to_string()),
        }
        self.close_previews(&services);
        self.leave_split(&services);
        self.last_rollout = Some(status.clone());
        self.remember_end(status);
    }

    /// Goes to a release that needs no other instances.
    pub(super) fn adjust(&mut self, from: &Release, to: Arc<Release>) {
        let now = self.now();
        let status = RolloutStatus {
            number: self.last_rollout.as_ref().map_or(0, |last| last.number) + 1,
            from: from.number,
            to: to.number,
            strategy: "none".into(),
            phase: RolloutPhase::Promoted,
            what: "no instance had to be replaced".into(),
            paused: false,
            step: None,
            weight_percent: None,
            began_at: now,
            ended_at: Some(now),
            deadline_at: None,
            services: Vec::new(),
            problem: None,
            preview: Default::default(),
            queued: self.queued(),
        };
        self.serve(from, to);
        self.last_rollout = Some(status.clone());
        self.ending = Some(Ending::new(Vec::new(), Vec::new()));
        self.remember_end(status);
    }

    /// From now on the release serves alone.
    fn serve(&mut self, from: &Release, to: Arc<Release>) {
        for difference in release::compare(&view(from), &view(&to)) {
            let name = difference.service;
            match to.bundles.get(&name) {
                Some(bundle) => self.settle_service(&name, bundle),
                None => self.let_go(&name),
            }
            self.note(&name, None, format!("release {} serves", to.number));
        }
        self.routing.set_gateway(&to.system);
        self.release_runs(to);
        let all: Vec<_> = self.services.keys().cloned().collect();
        all.iter().for_each(|name| self.reconnect(name));
    }

    /// The service is the new release's: its slots are ordinary ones, and those that still end are what they were.
    fn settle_service(&mut self, name: &ServiceName, bundle: &Arc<Bundle>) {
        let Some(service) = self.services.get_mut(name) else { return };
        let old = std::mem::replace(&mut service.build, Build::Done(bundle.clone()));
        service.spec = bundle.spec.clone();
        let machine = &service.machine;
        service.others.retain(|slot, _| !machine.is_wanted(*slot));
        if let Build::Done(old) = old {
            let ending = machine.instances().map(|(instance, _)| instance.id.slot.index);
            let ending: Vec<_> = ending.filter(|slot| !machine.is_wanted(*slot)).collect();
            for slot in ending {
                service.others.entry(slot).or_insert_with(|| old.clone());
            }
        }
        self.tell(name, Event::Settle(settings(&bundle.spec)));
        self.make_scaler(name);
        self.connect_operator(name);
    }

    /// The old release serves alone: what is new in the other one goes.
    fn fall_back(&mut self, services: &[ServiceName], from: &Release, why: &str) {
        for name in services {
            self.note(name, None, format!("release {} serves again: {why}", from.number));
            if !from.bundles.contains_key(name) {
                self.let_go(name);
            }
        }
        self.routing.set_gateway(&from.system);
        self.release_went_back(why);
        services.iter().for_each(|name| self.reconnect(name));
    }

    /// The service is no longer in the system; it goes with its last instance.
    fn let_go(&mut self, name: &ServiceName) {
        if let Some(service) = self.services.get_mut(name) {
            service.leaves = true;
            self.pending.insert(name.clone());
        }
    }

    /// Removes services that are no longer in the system once nothing is left of them.
    pub(in super::super) fn remove_services(&mut self) {
        let is_gone = |name: &&ServiceName| {
            self.services.get(*name).is_some_and(|service| service.leaves && service.instances.is_empty())
        };
        let gone: Vec<_> = self.pending.iter().filter(is_gone).cloned().collect();
        for name in gone {
            self.remove_service(&name);
        }
    }

    fn leave_split(&mut self, services: &[ServiceName]) {
        for name in services {
            if let Some(service) = self.services.get_mut(name) {
                (service.split, service.hold) = (None, false);
            }
            self.reroute(name);
        }
    }
}
