//! Whether a connection's service is asked at all: a circuit breaker whose state any number of workers share.
//!
//! It opens after a run of failures, or if too small a share of the requests of the last 10 s succeeded; then, after a
//! time that doubles with every failed attempt, one request probes the service and decides. The shape is that of
//! Linkerd's unified breaker: exact counts, since an average over time hides a tight burst; an answer "too many" counts
//! against the share but not in the run, and fails a probe.
//!
//! There are three kinds of words, each in an atomic of its own and 0 at first: the gate (see [`Gate`]), the run, and
//! [`BUCKETS`] of counts. Any interleaving of these steps is safe:
//!
//! - Admission: load the gate and ask [`Breaker::admit`]. A `Probe` takes its word by `compare_exchange` from the
//!   loaded one, or asks again if that fails. Whoever was admitted keeps the word of the gate as it stood after
//!   admission.
//! - The end of a request that was not the probe: only if the gate still is the kept word, that is, the evidence is of
//!   this period, count it by [`run_after`] and [`Breaker::counted`] (in bucket [`Breaker::index`]), and if it was no
//!   success and [`Breaker::opens`], `compare_exchange` the kept word for [`Breaker::opened`].
//! - The end of the probe: if it succeeded, first set run and counts to 0; then `compare_exchange` the kept word for
//!   [`Breaker::probe_ended`], or [`Breaker::probe_lost`] if nobody knows how it ended. If that fails, another probe
//!   has taken its place.
//! - A success that turns out to be none (see [`crate::outcome`]): if it was a probe's, `compare_exchange` the gate that
//!   it closed for [`Breaker::probe_ended`] of a failure. If not, the failure counts like any other, but first the run
//!   that the success ended is added, and the success taken out of its bucket by [`Breaker::uncounted`].

mod gate;
#[cfg(test)]
mod interleavings;
mod window;

use std::time::Duration;

pub use gate::{Admit, Gate};
pub use window::{BUCKETS, run_after};

/// When a breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breaker {
    /// Failures in a row that open it; 0 for never.
    pub failures_in_row: u32,
    /// It opens if a smaller share succeeds (0 to 1); 0 for never.
    pub success_ratio: f64,
    /// With fewer requests in the window the share says nothing.
    pub requests_min: u32,
    /// How far back the share looks.
    pub window: Duration,
    /// How long it is open the first time, jitter apart; never less.
    pub backoff_first: Duration,
    /// How long it is open at the most; no less than the first time.
    pub backoff_longest: Duration,
    /// The share of the back-off that is added to it at most, by chance, within the bounds.
    pub jitter: f64,
    /// After this a probe counts as lost, and another request may probe: no less than a request may take.
    pub probe_timeout: Duration,
}

/// The usual jitter, Linkerd's.
pub const JITTER: f64 = 0.5;

#[cfg(test)]
const USUAL: Breaker = Breaker {
    failures_in_row: 7,
    success_ratio: 0.5,
    requests_min: 20,
    window: Duration::from_secs(10),
    backoff_first: Duration::from_secs(1),
    backoff_longest: Duration::from_secs(60),
    jitter: JITTER,
    probe_timeout: Duration::from_secs(15),
};
