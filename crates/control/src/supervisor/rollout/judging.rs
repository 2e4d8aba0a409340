//! How the new release does beside the old one, while a step is judged.

use std::{collections::BTreeMap, time::Duration};

use logic::{
    histogram::BUCKETS,
    judge::{Figures, Judge, Settings},
    release,
    rollout::{Cause, Event, Verdict},
};
use model::{Gather, ServiceName, Timestamp, spec::Tolerance, status::Trouble};
use ports::traffic::SideFigures;

use super::{super::Supervisor, Rollout};

/// The time between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// A step that is judged.
pub(super) struct Judging {
    step: usize,
    judges: BTreeMap<ServiceName, (Judge, Option<[SideFigures; 2]>)>,
    verdict: Option<Verdict>,
    /// The service whose verdict that is.
    of: Option<ServiceName>,
    pub(super) next_at: Timestamp,
}

impl Supervisor {
    /// Begins to judge a step, or says again what is known of it.
    pub(super) fn judge(&mut self, step: usize) {
        let now = self.now();
        let Some(rollout) = &mut self.rollout else { return };
        if let Some(judging) = rollout.judging.as_ref().filter(|judging| judging.step == step) {
            return if let Some(verdict) = judging.verdict {
                self.tell_rollout(Event::Judged(step, verdict));
            };
        }
        let both = rollout.targets().filter(|target| target.old > 0 && target.new > 0);
        let names = both.map(|target| target.service.clone());
        // A second set runs the same bundle, and nobody asks anything of what nobody calls: there is nothing to judge.
        let is_new = |name: &ServiceName| rollout.from.bundles.get(name) != rollout.bundle(name);
        let names: Vec<_> = names.filter(|name| is_new(name) && release::is_called(name, &rollout.to.system)).collect();
        let judge = |name: ServiceName| {
            let spec = rollout.to.system.services.get(&name);
            let tolerance = spec.map(|spec| spec.upgrade.tolerance).unwrap_or_default();
            let figures = self.engines.traffic.compare(&name);
            (name, (Judge::new(settings(tolerance)), figures))
        };
        let judges = names.into_iter().map(judge).gather();
        rollout.judging = Some(Judging { step, judges, verdict: None, of: None, next_at: now + PAUSE });
    }

    /// Takes another look, if it is time.
    pub(super) fn look(&mut self) {
        let now = self.now();
        let traffic = self.engines.traffic.clone();
        let Some(rollout) = self.active() else { return };
        let phase = rollout.machine.phase().clone();
        let Some(judging) = rollout.judging.as_mut().filter(|judging| judging.next_at <= now) else { return };
        if phase != logic::rollout::Phase::Stepping(judging.step) {
            rollout.judging = None;
            return;
        }
        judging.next_at = now + PAUSE;
        let verdicts = judging.judges.iter_mut().map(|(name, (judge, last))| {
            let figures = traffic.compare(name);
            let [old, new] = [0, 1].map(|side| since(figures.as_ref(), last.as_ref(), side));
            *last = figures;
            (name, judge.look(&old, &new))
        });
        let (of, verdict) =
            worst(verdicts).map_or((None, Verdict::Same), |(name, verdict)| (Some(name.clone()), verdict));
        let step = judging.step;
        judging.of = of;
        if judging.verdict != Some(verdict) {
            judging.verdict = Some(verdict);
            self.tell_rollout(Event::Judged(step, verdict));
        }
    }
}

impl Rollout {
    /// What was seen of the service for which it goes back, once, if it goes back for a verdict.
    pub(super) fn why_judged(&mut self) -> Option<Trouble> {
        let Some(Cause::Worse(_) | Cause::NotEnoughTraffic(_)) = self.machine.cause() else { return None };
        let judging = self.judging.take()?;
        let name = judging.of?;
        let (judge, _) = judging.judges.get(&name)?;
        let [old, new] = judge.seen();
        let hint = match self.machine.cause() {
            Some(Cause::Worse(_)) => format!("run `isles why {name}` and `isles logs {name}`"),
            _ => "make the step longer, give it more weight, or say `scarce` in `[upgrade]`".into(),
        };
        Some(Trouble::new(format!("`{name}`: {new}; of the old release {old}"), hint))
    }
}

/// The one that says most against the new release. Where nothing can be compared, nothing is worse.
fn worst<T>(verdicts: impl Iterator<Item = (T, Verdict)>) -> Option<(T, Verdict)> {
    verdicts.max_by_key(|(_, verdict)| match verdict {
        Verdict::Better => 0,
        Verdict::Same => 1,
        Verdict::NotEnoughTraffic => 2,
        Verdict::Worse => 3,
    })
}

fn settings(tolerance: Tolerance) -> Settings {
    Settings {
        requests_min: tolerance.requests_min,
        failures_tolerated: f64::from(tolerance.failures) / 10_000.0,
        latency_tolerated: f64::from(tolerance.latency_percent) / 100.0,
        ..Settings::default()
    }
}

/// What a release did since the last look.
fn since(now: Option<&[SideFigures; 2]>, last: Option<&[SideFigures; 2]>, side: usize) -> Figures {
    let Some(now) = now.map(|both| &both[side]) else { return Figures::default() };
    let nothing = SideFigures::default();
    let last = last.map_or(&nothing, |both| &both[side]);
    let before = last.latency.iter().copied().chain(std::iter::repeat(0));
    let mut latency: Vec<_> = now.latency.iter().zip(before).map(|(now, last)| now.saturating_sub(last)).collect();
    latency.resize(BUCKETS, 0);
    Figures {
        requests: now.requests.saturating_sub(last.requests),
        failures: now.failures.saturating_sub(last.failures),
        latency,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_counts() {
        use Verdict::{Better, NotEnoughTraffic, Same, Worse};
        for (verdicts, expected) in [
            (vec![], None),
            (vec![Better, Same], Some((1, Same))),
            (vec![Same, NotEnoughTraffic], Some((1, NotEnoughTraffic))),
            (vec![NotEnoughTraffic, Worse, Better], Some((1, Worse))),
        ] {
            assert_eq!(worst(verdicts.into_iter().enumerate()), expected);
        }
    }

    #[test]
    fn figures_are_what_was_added() {
        let figures = |requests, failures, latency: &[u64]| {
            [SideFigures { requests, failures, latency: latency.to_vec() }, SideFigures::default()]
        };
        let (last, now) = (figures(5, 1, &[2]), figures(9, 1, &[2, 3]));
        let added = since(Some(&now), Some(&last), 0);
        assert_eq!((added.requests, added.failures, &added.latency[..3]), (4, 0, &[0, 3, 0][..]));
        assert_eq!(since(Some(&last), Some(&now), 0).requests, 0, "they began anew");
        assert_eq!(since(None, Some(&now), 0), Figures::default());
    }
}
