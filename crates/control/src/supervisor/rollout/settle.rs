//! Events in, and what they ask for out: once the state is stored that asks for it.

use std::collections::BTreeSet;

use logic::rollout::{Action, Event, Storing};
use model::{Problem, Timestamp, api::RolloutStatus};
use ports::streams::StreamsError;

use super::super::{Supervisor, input::Input, request::Answer};

/// Who is told how the rollout is once that is stored, or that it cannot be.
pub(in super::super) type Waiter = Box<dyn FnOnce(Answer<RolloutStatus>) + Send>;

/// A state of the rollout is stored, or could not be; and what waited for it.
pub(crate) struct Stored {
    number: u64,
    actions: BTreeSet<Action>,
    waiters: Vec<Waiter>,
    outcome: Result<(), StreamsError>,
}

impl Supervisor {
    /// Tells the machine of the rollout an event. What it asks for is done in time.
    pub(super) fn tell_rollout(&mut self, event: Event) {
        let now = self.now();
        let Some(rollout) = self.active() else { return };
        let mut actions = Vec::new();
        rollout.machine.handle(event, now, &mut actions);
        for action in actions {
            if let Action::Run(instance) = &action {
                self.give_place(instance);
            }
            if let Some(rollout) = &mut self.rollout {
                rollout.waiting.insert(action);
            }
        }
    }

    /// When the rollout must be looked at.
    pub(in super::super) fn rollout_deadline(&self) -> Option<Timestamp> {
        let rollout = self.rollout.as_ref().filter(|rollout| rollout.goes_on && self.stop.is_none())?;
        let look = rollout.judging.as_ref().map(|judging| judging.next_at);
        rollout.machine.deadline().into_iter().chain(look).chain(rollout.storing.deadline()).min()
    }

    pub(in super::super) fn rollout_due(&mut self) {
        self.look();
        let now = self.now();
        if self.active().is_some_and(|rollout| rollout.machine.deadline().is_some_and(|at| at <= now)) {
            self.tell_rollout(Event::Due);
        }
    }

    /// Stores the state if it changed, and does what waited for that.
    pub(in super::super) fn go_on_rolling_out(&mut self) {
        self.look_at_problem();
        self.route_gateway();
        let now = self.now();
        let Some(rollout) = self.active().filter(|rollout| rollout.storing.may_begin(now)) else { return };
        let (actions, waiters) = (std::mem::take(&mut rollout.waiting), std::mem::take(&mut rollout.waiters));
        let (number, is_first) = (rollout.number, rollout.stored.is_none());
        let Some(change) = rollout.take_change() else { return self.carry_out(actions, waiters) };
        rollout.storing = Storing::Running;
        let (records, releases) = (self.records.clone(), self.releases.clone());
        self.beside("rollout", async move {
            let outcome = match records.put_rollout(&change).await {
                Ok(()) if is_first => releases.write().await,
                stored => stored,
            };
            Input::Stored(Box::new(Stored { number, actions, waiters, outcome }))
        });
    }

    /// A state was stored, or could not be: then all of it is tried again in time, and nothing is done before.
    pub(in super::super) fn stored(&mut self, stored: Stored) {
        let Stored { number, actions, waiters, outcome } = stored;
        let now = self.now();
        let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.number == number) else { return };
        rollout.storing = Storing::ended(outcome.is_ok(), now);
        match outcome {
            Ok(()) => {
                self.say_unstored(None);
                self.carry_out(actions, waiters);
            }
            Err(error) => {
                rollout.stored = None;
                rollout.waiting.extend(actions);
                let why = format!("the state of the rollout cannot be stored ({error}): it waits for that");
                self.say_unstored(Some(why));
                waiters.into_iter().for_each(|waiter| waiter(Err(not_stored(&error))));
            }
        }
    }

    /// What keeps the rollout from being stored is among the notices as long as it does.
    fn say_unstored(&mut self, why: Option<String>) {
        let Some(rollout) = &mut self.rollout else { return };
        if let Some(said) = std::mem::replace(&mut rollout.unstored, why.clone()) {
            self.notices.remove(&said);
        }
        self.notices.extend(why);
    }

    fn carry_out(&mut self, actions: BTreeSet<Action>, waiters: Vec<Waiter>) {
        for waiter in waiters {
            waiter(self.rollout_status());
        }
        for action in actions {
            if self.active().is_some() {
                self.act_on(action);
            }
        }
    }
}

fn not_stored(error: &StreamsError) -> Box<Problem> {
    let hint = "check the disk of the state folder; what was asked for is done once it can be stored: `isles rollout`";
    let problem = Problem::new(507, "not-stored", "the state of the rollout cannot be stored", hint);
    Box::new(problem.with_detail(error.to_string()))
}
