//! What a rollout shall do.

use std::{collections::BTreeSet, time::Duration};

use model::{
    ServiceName,
    spec::{Scarce, Strategy, Terms, WEIGHT_MAX, Wait},
};
use serde::{Deserialize, Serialize};

const STEPS_MAX: usize = 100;
/// With these two bounds, the state of a rollout can be stored at once, whatever happens in it.
const TARGETS_MAX: usize = 2_500;
/// Of both releases.
const INSTANCES_MAX: u32 = 10_000;

/// What a rollout shall do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The services that change.
    pub targets: Vec<Target>,
    /// How.
    pub strategy: Strategy,
    /// What runs before the first new instance.
    pub migration: Option<Migration>,
    /// The longest time without an instance that becomes ready or ends, or a step that is done.
    pub progress_deadline: Duration,
    /// Whether it goes back only at a standstill or for another deploy, because it is itself the way back: instances that end
    /// are started again.
    #[serde(default)]
    pub one_way: bool,
}

/// One service of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The service.
    pub service: ServiceName,
    /// Its instances in the old release; 0 if it is not in it or scaled to nothing.
    pub old: u32,
    /// Its instances in the new release; 0 if it is not in it or scaled to nothing.
    pub new: u32,
    /// What it promises meanwhile.
    pub terms: Terms,
    /// When its sets end among those of the others.
    #[serde(default)]
    pub waves: Waves,
    /// Whether its old set sleeps and must serve before anything new starts: what stays on the old release finds it nowhere else.
    #[serde(default)]
    pub wakes: bool,
}

/// When the sets of a service end among those of the others: one ends after all of a lower number have. They differ only if
/// requests stay on their release, for then callers must end before what they call; else all calls find the other set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waves {
    /// That of the old release.
    pub old: u32,
    /// That of the new release.
    pub new: u32,
}

/// What runs once before the first new instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Whether requests are held meanwhile.
    pub hold: bool,
    /// The time it may take; none of it counts as a standstill.
    pub deadline: Duration,
}

/// Why a plan makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// It has no service, or one twice.
    Targets,
    /// It has more than 2,500 services, or 10,000 instances of both releases together.
    TooLarge,
    /// `max_surge` and `max_unavailable` are both 0, or exceed 10,000.
    NoRoom(usize),
    /// `min_healthy_time` is not below `healthy_deadline`.
    HealthyDeadline(usize),
    /// A `healthy_deadline` is not below `progress_deadline`.
    ProgressDeadline(usize),
    /// There are more than 100 steps, or their weights do not grow from 1 to 10,000.
    Steps,
}

/// What one step of a rollout by weight comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stage {
    /// The part of the new set that must be up.
    pub(super) size: u16,
    pub(super) weight: u16,
    pub(super) wait: Wait,
    pub(super) judged: Option<Scarce>,
}

impl Plan {
    /// Whether it makes sense. The number is that of the target.
    pub fn check(&self) -> Result<(), Invalid> {
        let names: BTreeSet<_> = self.targets.iter().map(|target| &target.service).collect();
        if names.is_empty() || names.len() != self.targets.len() {
            return Err(Invalid::Targets);
        }
        let counts = self.targets.iter().flat_map(|target| [target.old, target.new]);
        if names.len() > TARGETS_MAX || counts.fold(0, u32::saturating_add) > INSTANCES_MAX {
            return Err(Invalid::TooLarge);
        }
        self.targets.iter().enumerate().try_for_each(|(at, target)| self.check_target(at, target))?;
        if let Strategy::Canary { steps, .. } = &self.strategy {
            let weights: Vec<_> = std::iter::once(0).chain(steps.iter().map(|step| step.weight)).collect();
            let grow = weights.windows(2).all(|pair| pair[0] < pair[1]);
            if steps.len() > STEPS_MAX || !grow || weights.iter().any(|weight| *weight > WEIGHT_MAX) {
                return Err(Invalid::Steps);
            }
        }
        Ok(())
    }

    fn check_target(&self, at: usize, Target { terms, .. }: &Target) -> Result<(), Invalid> {
        let room = [terms.max_surge, terms.max_unavailable];
        if room == [0, 0] || room.iter().any(|count| *count > INSTANCES_MAX) {
            return Err(Invalid::NoRoom(at));
        }
        if terms.min_healthy_time >= terms.healthy_deadline {
            return Err(Invalid::HealthyDeadline(at));
        }
        if terms.healthy_deadline >= self.progress_deadline {
            return Err(Invalid::ProgressDeadline(at));
        }
        Ok(())
    }

    /// Whether instances are replaced one by one.
    pub(super) fn is_rolling(&self) -> bool {
        matches!(self.strategy, Strategy::Rolling)
    }

    pub(super) fn keep(&self) -> Duration {
        match self.strategy {
            Strategy::Rolling => Duration::ZERO,
            Strategy::BlueGreen { keep, .. } | Strategy::Canary { keep, .. } => keep,
        }
    }

    /// A step of a rollout by weight. The last one gives everything to the new release.
    pub(super) fn stage(&self, index: usize) -> Stage {
        let last = Stage { size: WEIGHT_MAX, weight: WEIGHT_MAX, wait: Wait::For(Duration::ZERO), judged: None };
        match &self.strategy {
            Strategy::BlueGreen { preview, .. } if index == 0 => Stage { weight: 0, wait: *preview, ..last },
            Strategy::Canary { steps, judged, .. } => steps.get(index).map_or(last, |step| Stage {
                size: step.weight,
                weight: step.weight,
                wait: step.wait,
                judged: *judged,
            }),
            Strategy::BlueGreen { .. } | Strategy::Rolling => last,
        }
    }

    pub(super) fn last_stage(&self) -> usize {
        match &self.strategy {
            Strategy::Rolling => 0,
            Strategy::BlueGreen { .. } => 1,
            Strategy::Canary { steps, .. } => steps.len(),
        }
    }
}

impl Target {
    /// How many instances may exist in a rolling rollout.
    pub(super) fn existing_max(&self) -> usize {
        (self.old.max(self.new) + self.terms.max_surge) as usize
    }

    /// How many must serve in a rolling rollout.
    pub(super) fn serving_min(&self) -> usize {
        self.old.min(self.new).saturating_sub(self.terms.max_unavailable) as usize
    }

    /// How many new instances a step needs.
    pub(super) fn needed(&self, size: u16) -> usize {
        let share = (self.new * u32::from(size)).div_ceil(u32::from(WEIGHT_MAX));
        share.max(self.new.min(1)) as usize
    }
}
