//! The end of a rollout is remembered before anything begins that would get in its way: another rollout, or another number of
//! instances of its services.

use logic::rollout::Outcome;
use model::{
    Gather, ServiceName,
    api::{RolloutService, RolloutStatus},
};
use ports::streams::StreamsError;

use super::{
    super::{Supervisor, input::Input, request::Request},
    Waiter,
};

/// Rollouts that ended and can be looked at: more than can wait, so that whoever watches one sees its end.
const ENDED_MAX: usize = 32;

/// A rollout that is over, until that is remembered.
pub(in super::super) struct Ending {
    outcome: Outcome,
    pub(super) services: Vec<ServiceName>,
    /// Those of which the manifest says another number of instances now: what a person asked for holds no more.
    pub(super) counted_anew: Vec<ServiceName>,
    /// Requests that wait for it.
    pub(super) held: Vec<Request>,
    /// Those who asked for what is over already.
    pub(super) waiters: Vec<Waiter>,
}

impl Ending {
    pub(super) fn new(outcome: Outcome, services: Vec<ServiceName>, held: Vec<Request>) -> Self {
        Self { outcome, services, counted_anew: Vec::new(), held, waiters: Vec::new() }
    }
}

impl Supervisor {
    /// Whether a rollout of the service is under way, or its end is not remembered yet.
    pub(in super::super) fn is_rolled_out(&self, name: &ServiceName) -> bool {
        self.rollout.as_ref().is_some_and(|rollout| rollout.has(name))
            || self.ending.as_ref().is_some_and(|ending| ending.services.contains(name))
    }

    /// Keeps the last status of a rollout for those who watch it.
    pub(super) fn keep_ended(&mut self, status: RolloutStatus) {
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(status);
    }

    /// What a rollout came to that ended under an earlier platform process, in the history of its services.
    pub(in super::super) fn recall(&mut self, last: &RolloutStatus) {
        let Some(at) = last.ended_at else { return };
        let what = match &last.problem {
            Some(problem) => format!("release {} serves again: {}", last.from, problem.cause),
            None => format!("release {} serves", last.to),
        };
        for RolloutService { service, .. } in &last.services {
            self.note_at(at, service, None, what.clone());
        }
    }

    /// Tells how the rollout is once that is stored.
    pub(in super::super) fn tell_when_stored(&mut self, waiter: Waiter) {
        match (&mut self.rollout, &mut self.ending) {
            (Some(rollout), _) => rollout.waiters.push(waiter),
            (None, Some(ending)) => ending.waiters.push(waiter),
            (None, None) => waiter(self.rollout_status()),
        }
    }

    /// First the counts, then the outcome, then which release runs, then that nothing is under way: so the end is done again if it
    /// is cut short.
    pub(super) fn remember_end(&mut self, status: RolloutStatus) {
        self.keep_ended(status.clone());
        let counted_anew = self.ending.as_mut().map(|ending| std::mem::take(&mut ending.counted_anew));
        let services = self.ending.iter().flat_map(|ending| &ending.services);
        let slots =
            services.filter_map(|name| Some((name.clone(), self.services.get(name)?.machine.own_slots().gather())));
        let (slots, records, releases) = (slots.collect::<Vec<_>>(), self.records.clone(), self.releases.clone());
        self.beside("remember", async move {
            let written: Result<(), StreamsError> = async {
                for (name, slots) in slots {
                    records.put_slots(&name, &slots).await?;
                }
                for name in counted_anew.into_iter().flatten() {
                    records.forget_scale(&name).await?;
                }
                records.put_last_rollout(&status).await?;
                releases.write().await?;
                records.forget_rollout().await
            }
            .await;
            Input::EndRemembered(written.map_err(|error| error.to_string()))
        });
    }

    /// The end is remembered, and counted: a platform process that does it again, because this one was cut short, is then the
    /// only one to count it. If it cannot be remembered it is looked at again at the next start. What waited for it goes on.
    pub(in super::super) fn end_remembered(&mut self, remembered: Result<(), String>) {
        let Some(ending) = self.ending.take() else { return };
        match remembered {
            Ok(()) => ending.outcome.count_in(&mut self.outcomes),
            Err(cause) => self.cannot_remember(cause),
        }
        ending.services.iter().for_each(|name| self.go_on_scaling(name));
        for waiter in ending.waiters {
            waiter(self.rollout_status());
        }
        for request in ending.held.into_iter().filter(|request| !request.is_left()) {
            self.request(request);
        }
    }
}
