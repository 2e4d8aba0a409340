//! Whether a service is as it shall be, or never will be.

use super::{Machine, Phase, leaving::CRASH_LOOP};

impl Machine {
    /// Whether a slot of the service fails again and again. What becomes of those of a release that is being rolled out is
    /// for the rollout to say.
    pub fn is_in_crash_loop(&self) -> bool {
        self.own_slots().any(|index| self.failures(index) >= CRASH_LOOP)
    }

    /// Whether it has exactly the healthy instances that are asked for, and nothing is under way.
    pub fn is_settled(&self) -> bool {
        self.are_settled(|_| true)
    }

    /// The same, but for slots of a release that is being rolled out in which an instance has failed: nobody waits for those.
    pub fn has_come_up(&self) -> bool {
        self.are_settled(|index| self.wants.is_own(index) || self.failures(index) == 0)
    }

    fn are_settled(&self, counts: impl Fn(u32) -> bool) -> bool {
        let wanted = self.wants.all().filter(|index| counts(*index)).count();
        let phases: Vec<_> = self.instances().filter(|(i, _)| counts(i.id.slot.index)).map(|(i, _)| i.phase).collect();
        self.restart.is_none() && phases.len() == wanted && phases.iter().all(|phase| *phase == Phase::Healthy)
    }

    /// In a row.
    fn failures(&self, index: u32) -> u32 {
        self.slots.get(&index).map_or(0, |slot| slot.failures)
    }
}
