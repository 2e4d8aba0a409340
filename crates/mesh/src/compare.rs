//! What each of two releases did since their split began. One writer for each worker, any reader, no lock.

use std::array;

use logic::{histogram, outcome::Outcome};
use model::spec::Side;
use ports::traffic::SideFigures;

use crate::figures::Count;

/// The figures of both releases, by worker.
pub(crate) struct Compared(Box<[[Figures; 2]]>);

struct Figures {
    requests: Count,
    failures: Count,
    latency: Box<[Count]>,
}

impl Compared {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| array::from_fn(|_| Figures::new())).collect())
    }

    /// Takes note of a request that an instance of this release had. Only its worker may.
    pub(crate) fn record(&self, worker: usize, side: Side, outcome: Outcome, micros: u64) {
        let figures = &self.0[worker][side as usize];
        figures.requests.add(1);
        match outcome {
            Outcome::Failure => figures.failures.add(1),
            Outcome::Success | Outcome::Limited => figures.latency[histogram::bucket(micros)].add(1),
        }
    }

    /// The sum of all workers, the old release first.
    pub(crate) fn sum(&self) -> [SideFigures; 2] {
        [Side::Old, Side::New].map(|side| {
            let mut sum = SideFigures { latency: vec![0; histogram::BUCKETS], ..SideFigures::default() };
            self.0.iter().for_each(|sides| sides[side as usize].add_to(&mut sum));
            sum
        })
    }
}

impl Figures {
    fn new() -> Self {
        let latency = (0..histogram::BUCKETS).map(|_| Count::default()).collect();
        Self { requests: Count::default(), failures: Count::default(), latency }
    }

    fn add_to(&self, sum: &mut SideFigures) {
        sum.requests += self.requests.get();
        sum.failures += self.failures.get();
        sum.latency.iter_mut().zip(&self.latency).for_each(|(all, count)| *all += count.get());
    }
}
