//! The families of connections.

use model::figures::{BreakerState, ConnectionFigures};

use super::text::{Family, Kind, Labels};

/// A family with one value a connection.
type Single = (&'static str, Kind, &'static str, fn(&ConnectionFigures) -> Option<u64>);

const SINGLES: [Single; 10] = [
    ("isles_retries_total", Kind::Counter, "Further tries of requests.", |f| Some(f.retries)),
    ("isles_hedges_total", Kind::Counter, "Requests sent to a second instance because the first took long.", |f| {
        Some(f.hedges)
    }),
    ("isles_received_bytes_total", Kind::Counter, "Bytes from callers, heads and framing included.", |f| {
        Some(f.bytes_received)
    }),
    ("isles_sent_bytes_total", Kind::Counter, "Bytes to callers, heads and framing included.", |f| Some(f.bytes_sent)),
    ("isles_requests_in_flight", Kind::Gauge, "Requests in flight, to the end of their response.", |f| {
        Some(f.in_flight.into())
    }),
    ("isles_requests_queued", Kind::Gauge, "Requests that wait for an instance.", |f| Some(f.queued.into())),
    ("isles_concurrency", Kind::Gauge, "Requests that the callee has yet to answer, of all its connections.", |f| {
        Some(f.concurrency.into())
    }),
    ("isles_concurrency_limit", Kind::Gauge, "How many it may have to answer at a time, by its latency.", |f| {
        f.concurrency_limit.map(u64::from)
    }),
    ("isles_breaker_open", Kind::Gauge, "1 while the breaker is open or tries the callee.", |f| {
        Some((f.breaker != BreakerState::Closed).into())
    }),
    ("isles_instances_ejected", Kind::Gauge, "Instances that get no requests for now because they failed.", |f| {
        Some(f.ejected.len() as u64)
    }),
];

pub(super) fn families(figures: &[ConnectionFigures]) -> Vec<Family> {
    let mut families = vec![requests(figures), reasons(figures)];
    families.extend(SINGLES.iter().map(|single| of_single(single, figures)));
    families.push(durations(figures));
    families
}

/// Who calls whom. A route with a policy of its own is a connection of its own, told apart by its name in the manifest.
fn labels(figures: &ConnectionFigures) -> Labels {
    let mut labels = vec![("caller", figures.caller.clone()), ("callee", figures.callee.to_string())];
    labels.extend(figures.route().map(|route| ("route", route.to_owned())));
    labels
}

fn with(figures: &ConnectionFigures, name: &'static str, value: &str) -> Labels {
    let mut labels = labels(figures);
    labels.push((name, value.into()));
    labels
}

fn requests(figures: &[ConnectionFigures]) -> Family {
    let mut family = Family::new("isles_requests_total", Kind::Counter, "Requests that ended, by how they ended.");
    for figures in figures {
        let outcomes = &figures.outcomes;
        for (outcome, count) in [
            ("success", outcomes.success),
            ("client_error", outcomes.client_error),
            ("server_error", outcomes.server_error),
            ("failed", outcomes.failed),
            ("cancelled", outcomes.cancelled),
            ("refused", outcomes.refused),
        ] {
            family.add(&with(figures, "outcome", outcome), count);
        }
    }
    family
}

fn reasons(figures: &[ConnectionFigures]) -> Family {
    let help = "Requests that Isles answered itself or broke off, by reason code.";
    let mut family = Family::new("isles_reasons_total", Kind::Counter, help);
    for figures in figures {
        for (reason, count) in &figures.reasons {
            family.add(&with(figures, "reason", reason.code()), count);
        }
    }
    family
}

fn of_single((name, kind, help, value): &Single, figures: &[ConnectionFigures]) -> Family {
    let mut family = Family::new(name, *kind, help);
    for figures in figures {
        if let Some(value) = value(figures) {
            family.add(&labels(figures), value);
        }
    }
    family
}

fn durations(figures: &[ConnectionFigures]) -> Family {
    let help = "From a request's head to the end of its response.";
    let mut family = Family::new("isles_request_duration_seconds", Kind::Histogram, help);
    for figures in figures {
        let latency = &figures.latency;
        family.add_histogram(&labels(figures), &latency.buckets, latency.sum_micros, latency.count);
    }
    family
}
