//! What happened on a connection between two moments.

use std::collections::BTreeMap;

use model::{
    Gather, InstanceId,
    figures::{BreakerState, ConnectionFigures, Latency},
};
use serde::Serialize;

use super::latency::quantile;

/// What happened on a connection between two moments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Rates {
    pub(super) connection: String,
    pub(super) requests_per_second: f64,
    /// Estimated from the buckets of the histogram, as the next one.
    pub(super) p50_micros: Option<u64>,
    pub(super) p99_micros: Option<u64>,
    /// The share of requests that were answered with 5xx, by the service or by Isles, or broken off for a reason that is answered so. What
    /// clients do wrong is none, and requests of strangers do not count.
    pub(super) errors_percent: Option<f64>,
    pub(super) retries_per_second: f64,
    pub(super) in_flight: u32,
    pub(super) queued: u32,
    pub(super) breaker: BreakerState,
    pub(super) ejected: Vec<InstanceId>,
}

/// The rates of each connection, the busiest first.
pub(super) fn between(before: &[ConnectionFigures], after: &[ConnectionFigures], seconds: f64) -> Vec<Rates> {
    let before: BTreeMap<_, _> = before.iter().map(|figures| (&figures.connection, figures)).gather();
    let mut rates: Vec<_> =
        after.iter().map(|after| of(before.get(&after.connection).copied(), after, seconds)).collect();
    let order = |a: &Rates, b: &Rates| b.requests_per_second.total_cmp(&a.requests_per_second);
    rates.sort_by(|a, b| order(a, b).then_with(|| a.connection.cmp(&b.connection)));
    rates
}

fn of(before: Option<&ConnectionFigures>, after: &ConnectionFigures, seconds: f64) -> Rates {
    // Counters begin anew with the platform process.
    let before = before.filter(|before| before.requests <= after.requests);
    let since = |count: fn(&ConnectionFigures) -> u64| count(after).saturating_sub(before.map_or(0, count));
    let requests = since(|figures| figures.requests);
    let errors = since(errors);
    let own = requests.saturating_sub(since(|figures| figures.outcomes.refused));
    let latency = before.map_or_else(Latency::default, |before| before.latency.clone());
    Rates {
        connection: after.connection.clone(),
        requests_per_second: requests as f64 / seconds,
        p50_micros: quantile(&latency, &after.latency, 500),
        p99_micros: quantile(&latency, &after.latency, 990),
        errors_percent: (own > 0).then(|| errors.min(own) as f64 * 100.0 / own as f64),
        retries_per_second: since(|figures| figures.retries) as f64 / seconds,
        in_flight: after.in_flight,
        queued: after.queued,
        breaker: after.breaker,
        ejected: after.ejected.clone(),
    }
}

fn errors(figures: &ConnectionFigures) -> u64 {
    let reasons = figures.reasons.iter().filter(|(reason, _)| !reason.blames_caller());
    figures.outcomes.server_error + reasons.map(|(_, count)| count).sum::<u64>()
}
