//! Figures of one connection in one worker: one writer, any reader, no lock.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use logic::histogram;
use model::{
    Reason,
    figures::{Latency, Outcomes},
};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The callee answered with this status.
    Status(u16),
    /// Isles answered, or broke off.
    Failed(Reason),
    /// The caller went away.
    Cancelled,
}

/// What is written down of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) outcome: Outcome,
    /// From the head to the end of the response.
    pub(crate) micros: u64,
    /// Bytes that the figures have not heard of.
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) retries: u32,
    pub(crate) hedged: bool,
}

/// A number that one worker alone changes.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, number: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(number), Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How often each reason was given.
pub(crate) struct Reasons([Count; Reason::ALL.len()]);

impl Default for Reasons {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Count::default()))
    }
}

impl Reasons {
    /// Only its worker may.
    pub(crate) fn add(&self, reason: Reason) {
        self.0[reason as usize].add(1);
    }

    /// Adds those that were given to a sum.
    pub(crate) fn add_to(&self, sum: &mut BTreeMap<Reason, u64>) {
        for (reason, count) in Reason::ALL.iter().zip(&self.0).filter(|(_, count)| count.get() > 0) {
            *sum.entry(*reason).or_default() += count.get();
        }
    }
}

/// The figures of one connection in one worker.
pub(crate) struct Figures {
    worker: usize,
    success: Count,
    client_error: Count,
    server_error: Count,
    failed: Count,
    cancelled: Count,
    refused: Count,
    reasons: Reasons,
    /// Bytes. Only its worker may add.
    pub(crate) received: Count,
    pub(crate) sent: Count,
    retries: Count,
    hedges: Count,
    micros: Count,
    micros_max: Count,
    buckets: Box<[Count]>,
}

impl Figures {
    pub(crate) fn new(worker: usize) -> Self {
        Self {
            worker,
            success: Count::default(),
            client_error: Count::default(),
            server_error: Count::default(),
            failed: Count::default(),
            cancelled: Count::default(),
            refused: Count::default(),
            reasons: Reasons::default(),
            received: Count::default(),
            sent: Count::default(),
            retries: Count::default(),
            hedges: Count::default(),
            micros: Count::default(),
            micros_max: Count::default(),
            buckets: (0..histogram::BUCKETS).map(|_| Count::default()).collect(),
        }
    }

    /// Writes a request down. Only its worker may.
    pub(crate) fn record(&self, record: &Record) {
        match record.outcome {
            Outcome::Status(..400) => self.success.add(1),
            Outcome::Status(400..500) => self.client_error.add(1),
            Outcome::Status(_) => self.server_error.add(1),
            Outcome::Failed(reason) => {
                self.failed.add(1);
                self.reasons.add(reason);
            }
            Outcome::Cancelled => self.cancelled.add(1),
        }
        self.received.add(record.received);
        self.sent.add(record.sent);
        if record.retries > 0 {
            self.retries.add(record.retries.into());
        }
        if record.hedged {
            self.hedges.add(1);
        }
        self.micros.add(record.micros);
        if record.micros > self.micros_max.get() {
            self.micros_max.0.store(record.micros, Relaxed);
        }
        self.buckets[histogram::bucket(record.micros)].add(1);
    }

    /// Writes down a request that was refused at once: it has no latency. Only its worker may.
    pub(crate) fn refuse(&self, reason: Reason, received: usize, sent: usize) {
        let outcome = if reason == Reason::NotAttested { &self.refused } else { &self.failed };
        outcome.add(1);
        self.reasons.add(reason);
        self.received.add(received as u64);
        self.sent.add(sent as u64);
    }

    pub(crate) fn requests(&self) -> u64 {
        let answered = [&self.success, &self.client_error, &self.server_error];
        let others = [&self.failed, &self.cancelled, &self.refused];
        answered.into_iter().chain(others).map(Count::get).sum()
    }

    /// The latencies so far, by bucket.
    pub(crate) fn counts(&self) -> Vec<u64> {
        self.buckets.iter().map(Count::get).collect()
    }
}

/// The sum of all workers.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) outcomes: Outcomes,
    pub(crate) reasons: BTreeMap<Reason, u64>,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) retries: u64,
    pub(crate) hedges: u64,
    pub(crate) latency: Latency,
    pub(crate) by_worker: Vec<u64>,
}

impl Sum {
    pub(crate) fn of(figures: &[Arc<Figures>], workers: usize) -> Self {
        let mut sum = Self { by_worker: vec![0; workers], ..Self::default() };
        let mut counts = vec![0; histogram::BUCKETS];
        for one in figures {
            sum.add(one, &mut counts);
        }
        let quantile = |share| histogram::quantile(&counts, share).unwrap_or_default();
        let latency = &mut sum.latency;
        latency.count = counts.iter().sum();
        latency.p50_micros = quantile(0.5);
        latency.p90_micros = quantile(0.9);
        latency.p99_micros = quantile(0.99);
        latency.buckets = cumulated(&counts);
        sum
    }

    fn add(&mut self, one: &Figures, counts: &mut [u64]) {
        self.outcomes.success += one.success.get();
        self.outcomes.client_error += one.client_error.get();
        self.outcomes.server_error += one.server_error.get();
        self.outcomes.failed += one.failed.get();
        self.outcomes.cancelled += one.cancelled.get();
        self.outcomes.refused += one.refused.get();
        one.reasons.add_to(&mut self.reasons);
        self.received += one.received.get();
        self.sent += one.sent.get();
        self.retries += one.retries.get();
        self.hedges += one.hedges.get();
        self.latency.sum_micros += one.micros.get();
        self.latency.max_micros = self.latency.max_micros.max(one.micros_max.get());
        if let Some(requests) = self.by_worker.get_mut(one.worker) {
            *requests += one.requests();
        }
        counts.iter_mut().zip(one.counts()).for_each(|(all, count)| *all += count);
    }
}

/// The bounds of a Prometheus histogram, in microseconds.
const BOUNDS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// Those at most as long as each bound; a bucket counts where its middle lies.
fn cumulated(counts: &[u64]) -> Vec<(u64, u64)> {
    let middle = |bucket| {
        let (low, high) = histogram::range(bucket);
        low.midpoint(high)
    };
    let upto =
        |bound: u64| counts.iter().enumerate().filter(|(bucket, _)| middle(*bucket) <= bound).map(|(_, n)| n).sum();
    BOUNDS.iter().map(|bound| (*bound, upto(*bound))).collect()
}
