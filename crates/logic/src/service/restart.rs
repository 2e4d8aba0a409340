//! A restart: every instance replaced, one slot at a time, the new one healthy before the old one is drained.

use std::collections::VecDeque;

use model::{InstanceId, Timestamp};

use super::{Action, Cause, Machine, Phase};

/// A restart under way.
#[derive(Debug)]
pub(super) struct Restart {
    slots: VecDeque<u32>,
    current: Option<Replacement>,
}

#[derive(Debug)]
struct Replacement {
    index: u32,
    old: Vec<InstanceId>,
    new: InstanceId,
}

impl Restart {
    pub(super) fn is_at(&self, index: u32) -> bool {
        self.current.as_ref().is_some_and(|current| current.index == index)
    }
}

impl Machine {
    pub(super) fn begin_restart(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        if self.stopping {
            return actions.push(Action::RestartEnded(Err(Cause::Interrupted)));
        }
        self.end_restart(actions);
        self.restart = Some(Restart { slots: self.wants.own().collect(), current: None });
        self.advance_restart(now, actions);
    }

    pub(super) fn end_restart(&mut self, actions: &mut Vec<Action>) {
        if self.restart.take().is_some() {
            actions.push(Action::RestartEnded(Err(Cause::Interrupted)));
        }
    }

    /// Goes on as far as it can go now.
    pub(super) fn advance_restart(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        while let Some(mut restart) = self.restart.take() {
            let waits = match &restart.current {
                Some(current) => !self.is_replaced(current, now, actions),
                None => false,
            };
            if waits {
                self.restart = Some(restart);
                return;
            }
            let Some(index) = restart.slots.pop_front() else {
                return actions.push(Action::RestartEnded(Ok(())));
            };
            restart.current = self.wants.is_own(index).then(|| self.replace(index, now, actions));
            self.restart = Some(restart);
        }
    }

    fn replace(&mut self, index: u32, now: Timestamp, actions: &mut Vec<Action>) -> Replacement {
        self.settle_pair(index, now, actions);
        let instances = self.slots.get(&index).map(|slot| slot.instances.as_slice()).unwrap_or_default();
        let old = instances.iter().map(|instance| instance.id.clone()).collect();
        Replacement { index, old, new: self.start(index, now, actions) }
    }

    /// Whether the new instance is healthy and the old one gone; dismisses the old one when it is time.
    fn is_replaced(&mut self, current: &Replacement, now: Timestamp, actions: &mut Vec<Action>) -> bool {
        let Some(slot) = self.slots.get(&current.index) else { return true };
        let Some(new) = slot.instances.iter().find(|instance| instance.id == current.new) else { return true };
        if new.phase != Phase::Healthy {
            return new.is_leaving();
        }
        let left: Vec<_> =
            slot.instances.iter().filter(|i| current.old.contains(&i.id)).map(|i| i.id.clone()).collect();
        for id in &left {
            self.dismiss_by_id(id, now, actions);
        }
        left.is_empty()
    }

    /// Ends the restart if the failed instance is its new one; the old one stays.
    pub(super) fn fail_restart(&mut self, failed: &InstanceId, cause: Cause, actions: &mut Vec<Action>) {
        let is_new = |restart: &Restart| restart.current.as_ref().is_some_and(|current| current.new == *failed);
        if self.restart.take_if(|restart| is_new(restart)).is_some() {
            actions.push(Action::RestartEnded(Err(cause)));
        }
    }
}
