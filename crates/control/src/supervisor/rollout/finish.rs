//! The end of a rollout: one of the two releases serves alone, and all that is left of the other one goes.

use std::sync::Arc;

use logic::{
    release::{self, Counts},
    rollout::Outcome,
};
use model::{
    ServiceName,
    api::{RolloutPhase, RolloutStatus},
    spec::Side,
};

use super::{super::Supervisor, remember::Ending, status::over};
use crate::release::{Release, view};

impl Supervisor {
    /// Ends the rollout. What it came to is stored already; if the platform ends in between, this is done again.
    pub(super) fn finish(&mut self, outcome: &Outcome) {
        self.forget_migration();
        let Some(status) = self.ended_status() else { return };
        let Some(mut rollout) = self.rollout.take() else { return };
        let services = rollout.services();
        let (changed, held) = (changed(&rollout.from, &rollout.to), std::mem::take(&mut rollout.held));
        self.ending = Some(Ending::new(outcome.clone(), changed, held));
        match outcome {
            Outcome::Promoted => self.serve(&rollout.from, rollout.to.clone(), &rollout.counts(Side::New)),
            Outcome::RolledBack { cause, .. } => {
                self.fall_back(&rollout.counts(Side::Old), &rollout.from, &cause.to_string());
            }
        }
        self.close_previews(&services);
        self.leave_split(&services);
        self.remember_end(status);
    }

    /// Goes to a release that needs no other instances.
    pub(super) fn adjust(&mut self, from: &Release, to: Arc<Release>) {
        let number = self.next_rollout();
        let over = over(number, (from.number, to.number), "none", RolloutPhase::Promoted, self.now());
        let status = RolloutStatus { what: "no instance had to be replaced".into(), ..over };
        self.ending = Some(Ending::new(Outcome::Promoted, changed(from, &to), Vec::new()));
        self.serve(from, to, &Counts::new());
        self.remember_end(status);
    }

    /// The old release serves alone: what is new in the other one goes.
    fn fall_back(&mut self, counts: &Counts, from: &Release, why: &str) {
        for (name, count) in counts {
            self.note(name, None, format!("release {} serves again: {why}", from.number));
            if from.bundles.contains_key(name) {
                self.complete(name, *count);
            } else {
                self.let_go(name);
            }
        }
        self.routing.set_gateway(&from.system, None);
        self.release_went_back(why);
        counts.keys().for_each(|name| self.reconnect(name));
    }

    /// The service is no longer in the system; it goes with its last instance.
    pub(super) fn let_go(&mut self, name: &ServiceName) {
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

/// The services that differ.
fn changed(from: &Release, to: &Release) -> Vec<ServiceName> {
    release::compare(&view(from), &view(to)).into_iter().map(|difference| difference.service).collect()
}
