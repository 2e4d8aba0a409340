//! How a connection picks among the instances of its callee, and which of them it leaves out.

use std::{cell::Cell, rc::Rc};

use logic::{
    balance::{self, Hashed, Weights},
    outlier::{self, Outlier},
    panic,
};
use model::{
    InstanceId, Timestamp,
    spec::{Balance, Policy},
};

use crate::instance::Local;

/// A way to pick, made anew for each routing state.
pub(crate) enum Picker {
    /// The better of two by latency and requests in flight.
    PeakEwma,
    /// The better of two by requests in flight.
    LeastRequest,
    RoundRobin,
    Weighted(Weights),
    Hash {
        ring: Hashed,
        load_percent_max: u32,
    },
}

/// What a pick looks at.
pub(crate) struct Candidates<'a> {
    pub(crate) endpoints: &'a [Rc<Local>],
    pub(crate) policy: &'a Policy,
    /// Those that failed the request.
    pub(crate) tried: &'a [InstanceId],
    /// The hash of what the policy takes as the key.
    pub(crate) key: u64,
    pub(crate) now: Timestamp,
}

impl Picker {
    pub(crate) fn new(balance: &Balance, endpoints: &[Rc<Local>]) -> Self {
        match balance {
            Balance::PeakEwma => Self::PeakEwma,
            Balance::LeastRequest => Self::LeastRequest,
            Balance::RoundRobin => Self::RoundRobin,
            Balance::Weighted { weights } => {
                let of_slot = |local: &Rc<Local>| {
                    let place = usize::try_from(local.shared.id.slot.index).unwrap_or_default().checked_sub(1);
                    place.and_then(|place| weights.get(place)).copied().unwrap_or(1)
                };
                Self::Weighted(Weights::new(endpoints.iter().map(of_slot)))
            }
            Balance::Hash { load_percent_max, .. } => {
                let name = |local: &Rc<Local>| balance::hash(local.shared.id.slot.to_string().as_bytes());
                Self::Hash { ring: Hashed::new(endpoints.iter().map(name)), load_percent_max: *load_percent_max }
            }
        }
    }

    /// Picks an instance by index. `turn` belongs to the caller; `random` gives a number below its argument.
    ///
    /// Where an ejected one is met and too few others are left, ejection is ignored.
    pub(crate) fn pick(
        &self,
        candidates: &Candidates<'_>,
        turn: &Cell<u64>,
        random: impl Fn(usize) -> usize,
    ) -> Option<usize> {
        let met = Cell::new(false);
        let usable = |local: &Local| {
            let ejected = outlier::is_ejected(local.shared.outlier_word(), candidates.now);
            met.set(met.get() || ejected);
            !ejected && !candidates.tried.contains(&local.shared.id)
        };
        let picked = self.pick_of(candidates, turn, &random, usable);
        if !met.get() || !candidates.panics() {
            return picked;
        }
        self.pick_of(candidates, turn, &random, |local| !candidates.tried.contains(&local.shared.id))
    }

    fn pick_of(
        &self,
        candidates: &Candidates<'_>,
        turn: &Cell<u64>,
        random: &impl Fn(usize) -> usize,
        usable: impl Fn(&Local) -> bool,
    ) -> Option<usize> {
        let (all, now) = (candidates.endpoints, candidates.now);
        let share = |index: usize| usable(&all[index]).then(|| candidates.share(&all[index]));
        let mut next = turn.get();
        let picked = match self {
            Self::PeakEwma => {
                let cost = |index: usize| share(index).map(|share| all[index].cost(now) / share);
                balance::pick(all.len(), cost, random)
            }
            Self::LeastRequest => {
                let cost = |index: usize| {
                    share(index).map(|share| balance::least_request_cost(all[index].shared.in_flight(), share))
                };
                balance::pick(all.len(), cost, random)
            }
            Self::RoundRobin => balance::rotate(all.len(), &mut next, share),
            Self::Weighted(weights) => weights.pick(&mut next, share),
            Self::Hash { ring, load_percent_max } => {
                let in_flight = |index: usize| usable(&all[index]).then(|| all[index].shared.in_flight());
                ring.pick(candidates.key, candidates.bound(*load_percent_max), in_flight)
            }
        };
        turn.set(next);
        picked
    }
}

impl Candidates<'_> {
    /// The part of its share that an instance takes.
    fn share(&self, local: &Local) -> f64 {
        self.policy.slow_start.map_or(1.0, |window| balance::slow_start_factor(self.now.since(local.since), window))
    }

    /// How many requests an instance may have in flight before the next one in order is taken.
    fn bound(&self, percent: u32) -> u32 {
        let total: u64 = self.endpoints.iter().map(|local| u64::from(local.shared.in_flight())).sum();
        balance::load_bound(total, self.endpoints.len(), percent)
    }

    fn panics(&self) -> bool {
        let ejected = ejected(self.endpoints, self.now);
        panic::panic_mode(self.endpoints.len() - ejected, self.endpoints.len(), self.policy.panic_percent)
    }
}

/// The rule of a policy.
pub(crate) fn outlier(asked: model::spec::Outlier) -> Outlier {
    Outlier {
        failures_in_row: u8::try_from(asked.consecutive).unwrap_or(u8::MAX),
        ejection: asked.ejection,
        ejection_longest: asked.ejection_max,
        percent_max: asked.percent_max,
    }
}

/// How many instances are ejected.
pub(crate) fn ejected(endpoints: &[Rc<Local>], now: Timestamp) -> usize {
    endpoints.iter().filter(|local| outlier::is_ejected(local.shared.outlier_word(), now)).count()
}
