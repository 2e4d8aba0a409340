//! What checks of its health make of an instance.

use std::time::Duration;

use model::Timestamp;

use super::{Action, Cause, Instance, Machine, Phase, ProbeVerdict};

/// Failed checks in a row after which a healthy instance leaves.
const MISSES_MAX: u32 = 3;
/// The time for which an instance must be healthy before its slot's failures are forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(10);
/// The time after which a starting instance that fails its checks is said to be in trouble.
const SLOW_START: Duration = Duration::from_secs(2);
/// The shortest pause between checks of an instance that is not healthy; the longest is `interval_starting`.
const PROBE_PAUSE_MIN: Duration = Duration::from_millis(10);
/// Between the two a check is late by this part of the time that the instance has taken so far.
const PROBE_PAUSE_PART: u32 = 8;

impl Machine {
    pub(super) fn started(&mut self, instance: &mut Instance, now: Timestamp, actions: &mut Vec<Action>) {
        if instance.phase == Phase::Starting {
            let grace = self.settings(&instance.id).health.grace;
            instance.enter(Phase::Starting, Some(now + grace), now);
            instance.probe_at = Some(now);
        } else {
            actions.push(Action::Terminate(instance.id.clone()));
        }
    }

    pub(super) fn probed(
        &mut self,
        i: &mut Instance,
        verdict: &ProbeVerdict,
        now: Timestamp,
        actions: &mut Vec<Action>,
    ) {
        if i.is_leaving() {
            return;
        }
        match verdict {
            ProbeVerdict::Passed => self.passed(i, now, actions),
            ProbeVerdict::Failed(said) => self.missed(i, said, false, now, actions),
            ProbeVerdict::Refused(said) => self.missed(i, said, true, now, actions),
        }
    }

    fn passed(&mut self, i: &mut Instance, now: Timestamp, actions: &mut Vec<Action>) {
        (i.misses, i.last_miss) = (0, None);
        if i.phase != Phase::Healthy {
            self.become_healthy(i, now, actions);
        } else if now.since(i.since) >= FORGIVEN_AFTER {
            self.slot(i.id.slot.index).failures = 0;
        }
        let jitter = 0.9 + 0.2 * self.random();
        i.probe_at = Some(now + self.settings(&i.id).health.interval.mul_f64(jitter));
    }

    pub(super) fn become_healthy(&mut self, i: &mut Instance, now: Timestamp, actions: &mut Vec<Action>) {
        i.enter(Phase::Healthy, None, now);
        i.was_healthy = true;
        self.has_been_healthy = true;
        actions.push(Action::Enter(i.id.clone()));
    }

    fn missed(&mut self, i: &mut Instance, said: &str, certain: bool, now: Timestamp, actions: &mut Vec<Action>) {
        let first_slow = i.phase == Phase::Starting && now.since(i.since) >= SLOW_START;
        i.misses += 1;
        i.last_miss = Some(said.into());
        let health = &self.settings(&i.id).health;
        let pause = (now.since(i.since) / PROBE_PAUSE_PART).max(PROBE_PAUSE_MIN).min(health.interval_starting);
        i.probe_at = Some(now + if i.phase == Phase::Healthy { health.interval_starting } else { pause });
        if i.phase == Phase::Healthy && (certain || i.misses >= MISSES_MAX) {
            i.enter(Phase::Unhealthy, Some(now + health.grace), now);
            actions.push(Action::Leave(i.id.clone()));
            actions.push(Action::Trouble(i.id.clone(), Cause::CheckFails(said.into())));
        } else if first_slow && !std::mem::replace(&mut i.slow_said, true) {
            actions.push(Action::Trouble(i.id.clone(), Cause::CheckFails(said.into())));
        }
    }
}
