//! Two releases of a service while requests are shared between them: which one a request goes to.

use std::{cell::Cell, sync::Arc};

use logic::share;
use model::spec::{Side, Sticky, WEIGHT_MAX};
use ports::traffic;

use crate::{compare::Compared, worker::Worker};

/// How requests are shared.
pub(crate) struct Split {
    /// The share of the new release; by instance if `None`.
    pub(crate) weight: Option<u16>,
    pub(crate) sticky: Sticky,
    /// What each release did since the split began.
    pub(crate) compared: Arc<Compared>,
}

impl Split {
    /// What is asked for, as the continuation of `before` if there was a split.
    pub(crate) fn new(asked: &traffic::Split, before: Option<&Self>, workers: usize) -> Self {
        let compared = before.map_or_else(|| Arc::new(Compared::new(workers)), |before| before.compared.clone());
        Self { weight: asked.weight, sticky: asked.sticky.clone(), compared }
    }
}

/// Where a request stands between two releases, whether or not there are two. It is decided when an instance is picked, and
/// holds for its retries.
#[derive(Default)]
pub(crate) struct Lot {
    /// The release that it must stay on.
    pinned: Option<Side>,
    /// Its point on the scale of weights, once it has one.
    point: Cell<Option<u16>>,
    /// The release by whose policy it goes, where requests are shared by instance: it is tried first.
    first: Cell<Option<Side>>,
    /// The release of the instance that was asked last.
    asked: Cell<Option<Side>>,
}

impl Lot {
    /// That of a request whose caller stays on a release, and whose client stays with this hash.
    pub(crate) fn new(pinned: Option<Side>, sticky: Option<u64>) -> Self {
        Self { pinned, point: Cell::new(sticky.map(share::point)), ..Self::default() }
    }

    /// The release that it goes to; any if `None`. Unless it is pinned, it goes where somebody `serves`.
    pub(crate) fn side(&self, split: &Split, worker: &Worker, serves: impl Fn(Side) -> bool) -> Option<Side> {
        if self.pinned.is_some() {
            return self.pinned;
        }
        let Some(weight) = split.weight else {
            return self.first.get().filter(|side| self.asked.get().is_none() && serves(*side));
        };
        let side = self.asked.get().unwrap_or_else(|| share::side(self.point(worker), weight));
        Some(if serves(side) { side } else { other(side) })
    }

    /// An instance of this release is tried first; by instance, others may follow.
    pub(crate) fn begin_with(&self, side: Side) {
        self.first.set(Some(side));
    }

    /// An instance of this release is asked.
    pub(crate) fn ask(&self, side: Side) {
        self.asked.set(Some(side));
    }

    /// The release of the instance that was asked last.
    pub(crate) fn asked(&self) -> Option<Side> {
        self.asked.get()
    }

    fn point(&self, worker: &Worker) -> u16 {
        let by_chance = || u16::try_from(worker.random(WEIGHT_MAX.into())).unwrap_or_default();
        let point = self.point.get().unwrap_or_else(by_chance);
        self.point.set(Some(point));
        point
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Old => Side::New,
        Side::New => Side::Old,
    }
}
