//! A rollout as `isles rollout` and the API show it.

use logic::{
    histogram,
    release::strategy_name,
    rollout::{Cause, Instance, Phase, Target, Traffic},
    service,
};
use model::{
    Gather, Problem, ServiceName, Slot, Timestamp,
    api::{RolloutPhase, RolloutService, RolloutSide, RolloutStatus},
    spec::{Side, Strategy, WEIGHT_MAX, Wait},
    status::Trouble,
};
use ports::traffic::SideFigures;

use super::{
    super::{Supervisor, request::Answer},
    Rollout,
};
use crate::release::Release;

impl Rollout {
    fn phase(&self) -> RolloutPhase {
        match self.machine.phase() {
            Phase::Preparing => RolloutPhase::Preparing,
            Phase::Rolling | Phase::Stepping(_) => RolloutPhase::Advancing,
            Phase::Keeping => RolloutPhase::Keeping,
            Phase::Retiring => RolloutPhase::Retiring,
            Phase::Restoring => RolloutPhase::Restoring,
            Phase::Ended(logic::rollout::Outcome::Promoted) => RolloutPhase::Promoted,
            Phase::Ended(logic::rollout::Outcome::RolledBack { .. }) => RolloutPhase::RolledBack,
        }
    }

    fn strategy(&self) -> &Strategy {
        &self.machine.snapshot().plan().strategy
    }

    fn step(&self) -> Option<(u32, u32)> {
        let (Strategy::Canary { steps, .. }, Phase::Stepping(step)) = (self.strategy(), self.machine.phase()) else {
            return None;
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        (*step < steps.len()).then(|| (number(step + 1), number(steps.len())))
    }

    /// Whether there is time for a look at the new set before it has requests.
    pub(super) fn has_preview(&self) -> bool {
        matches!(self.strategy(), Strategy::BlueGreen { preview, .. } if *preview != Wait::For(std::time::Duration::ZERO))
    }

    pub(super) fn what(&self) -> String {
        let (from, to) = (self.from.number, self.to.number);
        if let Some(why) = &self.unstored {
            return why.clone();
        }
        match self.machine.phase() {
            _ if self.machine.is_paused() => "waits for a person: promote, resume or abort".into(),
            Phase::Preparing if self.migrating.is_some() => "the migration runs".into(),
            Phase::Preparing => "the first routing state is spread".into(),
            Phase::Rolling => format!("instances of release {to} take the place of those of release {from}"),
            Phase::Stepping(0) if matches!(self.strategy(), Strategy::BlueGreen { .. }) => {
                format!("the whole set of release {to} comes up")
            }
            Phase::Stepping(_) => match (self.step(), self.judging.is_some()) {
                (Some((step, steps)), true) => format!("step {step} of {steps} is judged"),
                (Some((step, steps)), false) => format!("step {step} of {steps}"),
                (None, _) => format!("release {to} gets everything"),
            },
            Phase::Keeping => format!("release {to} has everything; the set of release {from} is kept warm"),
            Phase::Retiring => format!("the set of release {from} ends"),
            Phase::Restoring => format!("release {from} comes back"),
            Phase::Ended(logic::rollout::Outcome::Promoted) => format!("release {to} serves alone"),
            Phase::Ended(logic::rollout::Outcome::RolledBack { whole: true, .. }) => {
                format!("release {from} serves alone")
            }
            Phase::Ended(_) => format!("release {from} serves, but not all of its instances are healthy"),
        }
    }

    /// The instance that it goes back for, if it is for one.
    pub(super) fn culprit(&self) -> Option<&Instance> {
        match self.machine.cause()? {
            Cause::Ended(instance, _) | Cause::NotHealthyInTime(instance, _) => Some(instance),
            _ => None,
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        let known = self.problem.clone().unwrap_or_default();
        let cause = match self.machine.cause() {
            None if matches!(self.machine.phase(), Phase::Ended(_)) => return None,
            // It goes on all the same, so far.
            None => known.cause.clone(),
            Some(cause) if !known.cause.is_empty() && is_general(cause) => format!("{cause}: {}", known.cause),
            Some(cause) => cause.to_string(),
        };
        (!cause.is_empty()).then_some(Trouble { cause, ..known })
    }
}

impl Supervisor {
    /// The rollout under way, or the last one.
    pub(in super::super) fn rollout_status(&self) -> Answer<RolloutStatus> {
        let last = || self.ended.back().map(|last| RolloutStatus { queued: self.queued(), ..last.clone() });
        self.current_status().or_else(last).ok_or_else(no_rollout)
    }

    /// The rollout of this number, as long as it is kept.
    pub(in super::super) fn status_of_rollout(&self, number: u64) -> Answer<RolloutStatus> {
        let ended = || self.ended.iter().rev().find(|ended| ended.number == number).cloned();
        let current = self.current_status().filter(|current| current.number == number);
        current.or_else(ended).ok_or_else(|| not_kept(number))
    }

    /// Where the rollout under way stands, and whether a person must say that it goes on.
    pub(in super::super) fn rollout_phase(&self) -> Option<(RolloutPhase, bool)> {
        self.rollout.as_ref().map(|rollout| (rollout.phase(), rollout.machine.is_paused()))
    }

    /// How many instances a service shall have, while two sets of them are there.
    pub(in super::super) fn asked_in_rollout(&self, name: &ServiceName) -> Option<u32> {
        let rollout = self.rollout.as_ref()?;
        let target = rollout.targets().find(|target| target.service == *name)?;
        let is_back = *rollout.machine.phase() == Phase::Restoring || target.new == 0;
        Some(if is_back { target.old } else { target.new })
    }

    /// The number of the next one.
    pub(super) fn next_rollout(&self) -> u64 {
        self.ended.back().map_or(0, |last| last.number) + 1
    }

    /// The release of a slot, and which of two that is while a rollout of its service is under way. One that a rollout has left,
    /// where an instance still ends, is of none that serves.
    pub(in super::super) fn release_of(&self, slot: &Slot) -> (Option<&Release>, Option<Side>) {
        let running = self.release.as_deref();
        let Some(rollout) = self.rollout.as_ref().filter(|rollout| rollout.has(&slot.service)) else {
            let service = self.services.get(&slot.service);
            let is_left = service.is_some_and(|service| service.leaves || service.others.contains_key(&slot.index));
            return (running.filter(|_| !is_left), None);
        };
        match rollout.instance_in(&slot.service, slot.index).map_or(Side::Old, |instance| instance.side) {
            Side::Old => (running, Some(Side::Old)),
            Side::New => (Some(&rollout.to), Some(Side::New)),
        }
    }

    fn current_status(&self) -> Option<RolloutStatus> {
        let rollout = self.rollout.as_ref()?;
        Some(RolloutStatus {
            number: rollout.number,
            from: rollout.from.number,
            to: rollout.to.number,
            strategy: strategy_name(rollout.strategy()).into(),
            overruled: rollout.overruled.clone(),
            phase: rollout.phase(),
            what: rollout.what(),
            paused: rollout.machine.is_paused(),
            step: rollout.step(),
            weight_percent: match rollout.machine.routing().traffic {
                Traffic::Alike => None,
                Traffic::Share(share) => Some(f64::from(share) * 100.0 / f64::from(WEIGHT_MAX)),
            },
            began_at: rollout.began_at,
            ended_at: None,
            deadline_at: rollout.machine.standstill_at(),
            services: rollout.targets().map(|target| self.sides(rollout, target)).collect(),
            problem: rollout.trouble(),
            preview: self.previews(rollout),
            queued: self.queued(),
        })
    }

    /// The status with which it ends.
    pub(super) fn ended_status(&self) -> Option<RolloutStatus> {
        Some(RolloutStatus { ended_at: Some(self.now()), preview: Default::default(), ..self.current_status()? })
    }

    fn sides(&self, rollout: &Rollout, target: &Target) -> RolloutService {
        let figures = self.engines.traffic.compare(&target.service).unwrap_or_default();
        let sides = [(Side::Old, target.old), (Side::New, target.new)].into_iter().zip(figures);
        let sides = sides.map(|((side, wanted), figures)| {
            let (instances, healthy) = self.counts(rollout, &target.service, side);
            shown(RolloutSide { side, wanted, instances, healthy, requests: 0, failures: 0, p99_us: None }, &figures)
        });
        RolloutService { service: target.service.clone(), sides: sides.collect() }
    }

    /// How many instances there are, and how many of them are healthy.
    fn counts(&self, rollout: &Rollout, name: &ServiceName, side: Side) -> (u32, u32) {
        let Some(service) = self.services.get(name) else { return (0, 0) };
        let of_side = rollout.instances_of(name).filter(|(instance, _)| instance.side == side);
        let found: Vec<_> = of_side.filter_map(|(_, slot)| service.machine.instance_in(slot)).collect();
        let healthy = found.iter().filter(|instance| instance.phase == service::Phase::Healthy).count();
        (u32::try_from(found.len()).unwrap_or(u32::MAX), u32::try_from(healthy).unwrap_or(u32::MAX))
    }

    fn previews(&self, rollout: &Rollout) -> std::collections::BTreeMap<ServiceName, std::net::SocketAddr> {
        let address = |name: ServiceName| Some((name.clone(), self.addresses.preview(&name)?));
        rollout.services().into_iter().filter_map(address).gather()
    }
}

/// The status of one, between these releases, that is over and of whose services nothing is to be told.
pub(super) fn over(
    number: u64,
    (from, to): (u64, u64),
    strategy: &str,
    phase: RolloutPhase,
    now: Timestamp,
) -> RolloutStatus {
    RolloutStatus {
        number,
        from,
        to,
        strategy: strategy.into(),
        overruled: Default::default(),
        phase,
        what: String::new(),
        paused: false,
        step: None,
        weight_percent: None,
        began_at: now,
        ended_at: Some(now),
        deadline_at: None,
        services: Vec::new(),
        problem: None,
        preview: Default::default(),
        queued: 0,
    }
}

fn shown(side: RolloutSide, figures: &SideFigures) -> RolloutSide {
    RolloutSide {
        requests: figures.requests,
        failures: figures.failures,
        p99_us: histogram::quantile(&figures.latency, 0.99),
        ..side
    }
}

/// Whether it does not say of what.
fn is_general(cause: &Cause) -> bool {
    use Cause::{MigrationTooLong, NotEnoughTraffic, Standstill, Worse};
    matches!(cause, Standstill | Worse(_) | NotEnoughTraffic(_) | MigrationTooLong)
}

fn no_rollout() -> Box<Problem> {
    let hint = "run `isles deploy` to begin one";
    Box::new(Problem::new(404, "no-rollout", "there was no rollout yet", hint))
}

fn not_kept(number: u64) -> Box<Problem> {
    let hint = "see `isles releases` for what became of its release";
    let problem = Problem::new(404, "no-rollout", "there is no such rollout, or it is not kept any more", hint);
    Box::new(problem.with_detail(format!("rollout {number} is not kept any more, or has not begun")))
}
