//! How an instance leaves: drained, stopped, killed, or by itself.

use std::time::Duration;

use model::{InstanceId, Timestamp};

use super::{Action, Cause, Instance, Machine, Phase, backoff};

/// Failures in a row after which a slot is in a crash loop.
pub(super) const CRASH_LOOP: u32 = 3;
/// What a drain may take over its timeout before it is taken as done.
const DRAIN_SLACK: Duration = Duration::from_secs(5);
/// The pause before a kill is repeated.
const KILL_AGAIN: Duration = Duration::from_secs(5);

impl Machine {
    pub(super) fn drained(&mut self, i: &mut Instance, now: Timestamp, actions: &mut Vec<Action>) {
        if i.phase == Phase::Draining {
            self.terminate(i, now, actions);
        }
    }

    pub(super) fn dismiss_by_id(&mut self, id: &InstanceId, now: Timestamp, actions: &mut Vec<Action>) {
        self.change(id, |machine, instance| machine.dismiss(instance, now, actions));
        self.arm(id.slot.index);
    }

    /// Begins the end of an instance: drained first if it may have requests in flight.
    fn dismiss(&self, i: &mut Instance, now: Timestamp, actions: &mut Vec<Action>) {
        match i.phase {
            Phase::Starting => self.terminate(i, now, actions),
            Phase::Healthy | Phase::Unhealthy => {
                let longest = self.settings(&i.id).drain_timeout + DRAIN_SLACK;
                i.enter(Phase::Draining, Some(now + longest), now);
                i.probe_at = None;
                actions.push(Action::Drain(i.id.clone()));
            }
            Phase::Draining | Phase::Stopping => {}
        }
    }

    fn terminate(&self, i: &mut Instance, now: Timestamp, actions: &mut Vec<Action>) {
        i.enter(Phase::Stopping, Some(now + self.settings(&i.id).stop_grace), now);
        i.probe_at = None;
        actions.push(Action::Terminate(i.id.clone()));
    }

    pub(super) fn gone(&mut self, id: &InstanceId, cause: Cause, now: Timestamp, actions: &mut Vec<Action>) {
        let Some(slot) = self.slots.get_mut(&id.slot.index) else { return };
        let Some(at) = slot.instances.iter().position(|instance| instance.id == *id) else { return };
        let instance = slot.instances.remove(at);
        if instance.phase == Phase::Healthy {
            actions.push(Action::Leave(id.clone()));
        }
        if !instance.is_leaving() {
            self.failed(id, instance.was_healthy, cause, now, actions);
        }
        if self.wants.is_once(id.slot.index) {
            self.wants.remove(id.slot.index);
            self.slot(id.slot.index).over = true;
        }
        actions.push(Action::Remove(id.clone()));
        self.after_change(id.slot.index, now, actions);
    }

    pub(super) fn too_late(&mut self, i: &mut Instance, now: Timestamp, actions: &mut Vec<Action>) {
        match i.phase {
            Phase::Starting | Phase::Unhealthy => {
                let said = i.last_miss.clone().unwrap_or_else(|| "had no answer".into());
                self.failed(&i.id, i.was_healthy, Cause::NotHealthyInTime(said), now, actions);
                if i.phase == Phase::Starting {
                    self.terminate(i, now, actions);
                } else {
                    self.dismiss(i, now, actions);
                }
            }
            Phase::Draining => self.terminate(i, now, actions),
            Phase::Stopping => {
                i.deadline = Some(now + KILL_AGAIN);
                actions.push(Action::Kill(i.id.clone()));
            }
            Phase::Healthy => i.deadline = None,
        }
    }

    fn failed(&mut self, id: &InstanceId, was_healthy: bool, cause: Cause, now: Timestamp, actions: &mut Vec<Action>) {
        let jitter = self.random();
        let may_give_up = !self.has_been_healthy && !self.stopping && !self.wants.is_once(id.slot.index);
        let Some(slot) = self.slots.get_mut(&id.slot.index) else { return };
        slot.failures += 1;
        slot.crashes += 1;
        slot.retry_at = Some(now + backoff::pause(slot.failures, was_healthy, jitter));
        let hopeless = slot.failures >= CRASH_LOOP
            || matches!(cause, Cause::NotHealthyInTime(_) | Cause::NotStarted { retry: false, .. });
        slot.failure = Some(cause.clone());
        actions.push(Action::Trouble(id.clone(), cause.clone()));
        if hopeless && may_give_up {
            actions.push(Action::GaveUp(id.clone(), cause.clone()));
        }
        self.fail_restart(id, cause, actions);
    }
}
