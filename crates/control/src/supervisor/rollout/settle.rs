//! Events in, and what they ask for out: once the state is stored that asks for it.

use logic::rollout::{Action, Event};
use model::{Timestamp, api::RolloutStatus};
use ports::streams::StreamsError;

use super::super::{Supervisor, input::Input, request::Answer};

/// Who is told how the rollout is once that is stored.
pub(in super::super) type Waiter = Box<dyn FnOnce(Answer<RolloutStatus>) + Send>;

/// A state of the rollout is stored, or could not be; and what waited for it.
pub(crate) struct Stored {
    number: u64,
    actions: Vec<Action>,
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
                rollout.waiting.push(action);
            }
        }
    }

    /// When the rollout must be looked at.
    pub(in super::super) fn rollout_deadline(&self) -> Option<Timestamp> {
        let rollout = self.rollout.as_ref().filter(|rollout| rollout.goes_on && self.stop.is_none())?;
        let look = rollout.judging.as_ref().map(|judging| judging.next_at);
        rollout.machine.deadline().into_iter().chain(look).min()
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
        let Some(rollout) = self.active().filter(|rollout| !rollout.is_storing) else { return };
        let record = rollout.record();
        let is_stored = rollout.stored.as_ref().is_some_and(|stored| stored.says(&record));
        let (actions, waiters) = (std::mem::take(&mut rollout.waiting), std::mem::take(&mut rollout.waiters));
        let number = rollout.number;
        if is_stored {
            return self.carry_out(actions, waiters);
        }
        rollout.is_storing = true;
        let is_first = rollout.stored.replace(record.clone()).is_none();
        let (records, releases) = (self.records.clone(), self.releases.clone());
        self.beside("rollout", async move {
            let outcome = match records.put_rollout(&record).await {
                Ok(()) if is_first => releases.write().await,
                stored => stored,
            };
            Input::Stored(Box::new(Stored { number, actions, waiters, outcome }))
        });
    }

    /// A state was stored, or could not be: then it is tried again with the next event, and nothing is done before.
    pub(in super::super) fn stored(&mut self, stored: Stored) {
        let Stored { number, actions, waiters, outcome } = stored;
        let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.number == number) else { return };
        rollout.is_storing = false;
        match outcome {
            Ok(()) => self.carry_out(actions, waiters),
            Err(error) => {
                rollout.stored = None;
                rollout.waiting.splice(0..0, actions);
                rollout.waiters.splice(0..0, waiters);
                self.cannot_remember(error.to_string());
            }
        }
    }

    fn carry_out(&mut self, actions: Vec<Action>, waiters: Vec<Waiter>) {
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
