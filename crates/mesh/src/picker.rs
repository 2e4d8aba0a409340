//! How a connection picks among the instances of its callee, and which of them it leaves out.

use std::{cell::Cell, rc::Rc};

use logic::{
    balance::{self, Hashed, Load, Weights},
    outlier::{self, Outlier},
    panic,
};
use model::{
    InstanceId, Timestamp,
    spec::{Balance, Policy, Side},
};

use crate::{instance::Local, view::Endpoints};

/// A way to pick, made anew for each routing state.
#[derive(Default)]
pub(crate) enum Picker {
    /// The better of two by latency and requests in flight.
    #[default]
    PeakEwma,
    /// The better of two by requests in flight.
    LeastRequest,
    RoundRobin,
    Weighted(Weights),
    Hash {
        ring: Hashed,
        load: Cell<Load>,
        load_percent_max: u32,
    },
}

/// The ways to pick among all instances of a service and, where two are told apart, among those of each release.
#[derive(Default)]
pub(crate) struct Pickers {
    all: Picker,
    sides: Option<Box<[Picker; 2]>>,
}

/// Whose turn it is, for each of them; kept from one routing state to the next.
#[derive(Default)]
pub(crate) struct Turns {
    all: Cell<u64>,
    sides: [Cell<u64>; 2],
}

/// What a pick looks at.
pub(crate) struct Candidates<'a> {
    /// Those of the side.
    pub(crate) endpoints: &'a [Rc<Local>],
    /// Those of both if `None`.
    pub(crate) side: Option<Side>,
    pub(crate) policy: &'a Policy,
    /// Those that failed the request.
    pub(crate) tried: &'a [InstanceId],
    /// The hash of what the policy takes as the key.
    pub(crate) key: u64,
    pub(crate) now: Timestamp,
}

impl Pickers {
    pub(crate) fn new(balance: &Balance, endpoints: Option<&Endpoints>, split: bool) -> Self {
        let of = |side| Picker::new(balance, endpoints.map_or(&[][..], |endpoints| endpoints.of(side)));
        Self { all: of(None), sides: split.then(|| Box::new([of(Some(Side::Old)), of(Some(Side::New))])) }
    }

    pub(crate) fn of(&self, side: Option<Side>) -> &Picker {
        let of_side = side.and_then(|side| self.sides.as_deref().map(|sides| &sides[side as usize]));
        of_side.unwrap_or(&self.all)
    }
}

impl Turns {
    pub(crate) fn of(&self, side: Option<Side>) -> &Cell<u64> {
        side.map_or(&self.all, |side| &self.sides[side as usize])
    }
}

impl Picker {
    fn new(balance: &Balance, endpoints: &[Rc<Local>]) -> Self {
        match balance {
            Balance::PeakEwma => Self::PeakEwma,
            Balance::LeastRequest => Self::LeastRequest,
            Balance::RoundRobin => Self::RoundRobin,
            Balance::Weighted { weights } => {
                let ranks = ranks(endpoints).into_iter();
                Self::Weighted(Weights::new(ranks.map(|rank| weights.get(rank).copied().unwrap_or(1))))
            }
            Balance::Hash { load_percent_max, .. } => {
                let name = |local: &Rc<Local>| balance::hash(local.shared.id.slot.to_string().as_bytes());
                let ring = Hashed::new(endpoints.iter().map(name));
                Self::Hash { ring, load: Cell::default(), load_percent_max: *load_percent_max }
            }
        }
    }

    /// Picks an instance by index. `turn` belongs to the caller; `random` gives a number below its argument.
    ///
    /// Ejection is of the instance, whoever's rule it was; a policy without one ignores it. So does any where an ejected one is met and
    /// too few others are left.
    pub(crate) fn pick(
        &self,
        candidates: &Candidates<'_>,
        turn: &Cell<u64>,
        random: impl Fn(usize) -> usize,
    ) -> Option<usize> {
        let (heeds, met) = (candidates.policy.outlier.is_some(), Cell::new(false));
        let usable = |local: &Local| {
            let ejected = heeds && outlier::is_ejected(local.shared.outlier_word(), candidates.now);
            met.set(met.get() || ejected);
            !ejected && !candidates.tried.contains(&local.shared.id)
        };
        let before = turn.get();
        let picked = self.pick_of(candidates, turn, &random, usable);
        if !met.get() || !candidates.panics() {
            return picked;
        }
        // What is picked again is the same turn: else the one behind the last good one would have them all.
        turn.set(before);
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
        // A request may outlive its connection, and with it this picker the instances that it was made for.
        let at = |index: usize| all.get(index).filter(|local| usable(local));
        let share = |index: usize| at(index).map(|local| candidates.share(local));
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
            Self::Hash { ring, load, load_percent_max } => {
                let in_flight = |index: usize| at(index).map(|local| local.shared.in_flight());
                load.set(load.get().next(all.len(), (0..all.len()).map(in_flight)));
                ring.pick(candidates.key, load.get().bound(*load_percent_max), in_flight)
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

    fn panics(&self) -> bool {
        let ejected = ejected(self.endpoints, self.now);
        panic::panic_mode(self.endpoints.len() - ejected, self.endpoints.len(), self.policy.panic_percent)
    }
}

/// The place of each instance among those of its release, by slot: another release has other slots.
fn ranks(endpoints: &[Rc<Local>]) -> Vec<usize> {
    let slot = |local: &Rc<Local>| (local.side.get(), local.shared.id.slot.index);
    let mut slots: Vec<_> = endpoints.iter().map(slot).collect();
    slots.sort_unstable();
    let below = |least| slots.partition_point(|slot| *slot < least);
    endpoints.iter().map(slot).map(|(side, index)| below((side, index)) - below((side, 0))).collect()
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

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use logic::outcome::Outcome;
    use model::{Timestamp, spec::HashKey};
    use ports::traffic::Target;

    use super::*;
    use crate::instance::{Instance, Lease};

    const NOW: Timestamp = Timestamp(1_790_000_000_000_000);
    const RULE: Outlier = Outlier {
        failures_in_row: 1,
        ejection: Duration::from_secs(30),
        ejection_longest: Duration::from_secs(30),
        percent_max: 100,
    };

    fn instance(run: u64) -> Rc<Local> {
        let target = Target::Tcp(([127, 0, 0, 1], 1).into());
        Rc::new(Local::new(Arc::new(Instance::new(format!("users/{run}#{run}").parse().unwrap(), target)), NOW))
    }

    /// Two are left of four, and the first in the key's order has two of three requests: no more than 125 % of the average of
    /// those that are left, but more than that of all.
    #[test]
    fn the_load_bound_is_that_of_those_that_are_left() {
        let endpoints: Vec<_> = (1..=4).map(instance).collect();
        let policy = Policy { panic_percent: 0, ..Policy::default() };
        let candidates =
            Candidates { endpoints: &endpoints, side: None, policy: &policy, tried: &[], key: 7, now: NOW };
        let picker = Picker::new(&Balance::Hash { key: HashKey::Path, load_percent_max: 125 }, &endpoints);
        let pick = || picker.pick(&candidates, &Cell::default(), |_| 0).unwrap();
        let first = pick();
        for index in (0..4).filter(|index| *index != first).skip(1) {
            endpoints[index].shared.judge(&RULE, Outcome::Failure, 0, NOW, 4, || 0);
        }
        let other = (0..4).find(|index| *index != first).unwrap();
        let _leases = [first, first, other].map(|index| Lease::new(endpoints[index].clone()));
        assert_eq!(pick(), first);
    }
}
