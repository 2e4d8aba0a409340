//! What the figures of a service's connections tell a person, the most important first.

use std::{cmp::Reverse, collections::BTreeMap};

use model::{
    Reason, ServiceName, TopicName,
    api::{ConsumerStatus, Finding, TopicStatus},
    figures::{BreakerState, ConnectionFigures, EntryFigures},
};

/// The entry, and the caller, of what comes from outside.
const GATEWAY: &str = "gateway";
/// Of each connection, the most frequent reasons.
const REASONS_MAX: usize = 3;
/// All in all.
const FINDINGS_MAX: usize = 20;

/// A finding and its weight: what is so now, then calls to the service before its own, then the larger count.
type Weighed = ((bool, bool, u8, Reverse<u64>), Finding);

/// What the connections by which the service is called or calls tell, and the gateway if it leads there: requests that it refused
/// may have been meant for the service.
pub(crate) fn of(service: &ServiceName, figures: &[ConnectionFigures], entries: &[EntryFigures]) -> Vec<Finding> {
    let mut weighed: Vec<Weighed> = figures.iter().flat_map(|figures| of_connection(service, figures)).collect();
    let is_routed = figures.iter().any(|figures| figures.caller == GATEWAY && figures.callee == *service);
    weighed.extend(entries.iter().filter(|entry| is_routed && entry.entry == GATEWAY).flat_map(of_entry));
    weighed.sort_by(|(one, a), (other, b)| (one, &a.connection).cmp(&(other, &b.connection)));
    weighed.into_iter().take(FINDINGS_MAX).map(|(_, finding)| finding).collect()
}

/// What its consumers could not be given.
pub(crate) fn dead_letters(service: &ServiceName, topics: &[TopicStatus]) -> Vec<Finding> {
    let consumers = topics.iter().flat_map(|topic| topic.consumers.iter().map(move |consumer| (&topic.name, consumer)));
    let own = consumers.filter(|(_, consumer)| consumer.service.as_ref() == Some(service) && consumer.dead > 0);
    let finding = |(topic, consumer): (&TopicName, &ConsumerStatus)| Finding {
        connection: format!("{topic} -> {}", consumer.name),
        now: true,
        what: format!("{} dead: not acknowledged however often delivered, or terminated", messages(consumer.dead)),
        hint: format!("see `isles topic dead ls {topic}`; once it is mended, `isles topic dead replay {topic} --all`"),
    };
    own.map(finding).collect()
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message is".into() } else { format!("{count} messages are") }
}

fn of_entry(figures: &EntryFigures) -> impl Iterator<Item = Weighed> {
    ranked(&figures.refused).into_iter().take(REASONS_MAX).map(|(reason, count)| {
        let what = format!("{count} refused before a route was known: {reason}, {}", reason.title());
        let finding = Finding { connection: figures.entry.clone(), now: false, what, hint: reason.hint().to_owned() };
        ((true, true, 4, Reverse(count)), finding)
    })
}

fn of_connection(service: &ServiceName, figures: &ConnectionFigures) -> Vec<Weighed> {
    let is_own = figures.callee != *service;
    let weigh = |(rank, now, count, what, hint): (u8, bool, u64, String, String)| {
        ((!now, is_own, rank, Reverse(count)), Finding { connection: figures.connection.clone(), now, what, hint })
    };
    let states = [breaker(figures), ejected(figures), crowd(figures)].into_iter().flatten();
    states.chain(server_errors(figures)).chain(reasons(figures, is_own)).map(weigh).collect()
}

/// Rank, whether it is so now, how often, what, and what to do.
type Found = (u8, bool, u64, String, String);

fn breaker(figures: &ConnectionFigures) -> Option<Found> {
    let state = match figures.breaker {
        BreakerState::Closed => return None,
        BreakerState::Open => "the breaker is open: requests are refused",
        BreakerState::Probing => "the breaker is open: one request tries whether the service works again",
    };
    let hint = "it closes by itself once the service answers: the failed requests say what opened it";
    Some((0, true, figures.outcomes.failed, format!("{state}{}", since(figures)), hint.into()))
}

/// What opened the breaker, as far as the counts tell: ` (after 5 answers with 5xx, 3 reset, 1 timeout)`.
fn since(figures: &ConnectionFigures) -> String {
    let errors = Some(figures.outcomes.server_error).filter(|count| *count > 0);
    let errors = errors.map(|count| format!("{count} answers with 5xx"));
    // The deadlines of the gateway's clients open no breaker.
    let opens =
        |reason: Reason| reason.blames_callee() || reason == Reason::DeadlineExceeded && figures.caller != "gateway";
    let failures = ranked(&figures.reasons).into_iter().filter(|(reason, _)| opens(*reason));
    let failures = failures.take(REASONS_MAX).map(|(reason, count)| format!("{count} {reason}"));
    let causes: Vec<_> = errors.into_iter().chain(failures).collect();
    if causes.is_empty() { String::new() } else { format!(" (after {})", causes.join(", ")) }
}

fn ejected(figures: &ConnectionFigures) -> Option<Found> {
    let names: Vec<_> = figures.ejected.iter().map(ToString::to_string).collect();
    let verb = if names.len() == 1 { "gets" } else { "get" };
    let what = format!("{} {verb} no requests for now: too many failed there", names.join(", "));
    let hint = format!("see `isles logs {}`; it is tried again by itself after a while", figures.callee);
    (!names.is_empty()).then_some((1, true, names.len() as u64, what, hint))
}

fn crowd(figures: &ConnectionFigures) -> Option<Found> {
    // What is answered and goes on, a WebSocket or a stream, is in flight, but takes no room of the limit.
    let is_full = figures.concurrency_limit.is_some_and(|limit| figures.concurrency >= limit);
    if figures.queued == 0 && !is_full {
        return None;
    }
    let limit = figures.concurrency_limit.map(|limit| format!(", {} of {limit} not answered yet", figures.concurrency));
    let what = format!("{} waiting, {} in flight{}", figures.queued, figures.in_flight, limit.unwrap_or_default());
    let hint = format!("give it more instances: `isles scale {}=N`", figures.callee);
    Some((2, true, figures.queued.into(), what, hint))
}

fn server_errors(figures: &ConnectionFigures) -> Option<Found> {
    let count = figures.outcomes.server_error;
    let what = format!("{count} of {} requests were answered with 5xx by {}", figures.requests, figures.callee);
    let hint = format!("see `isles logs {}`", figures.callee);
    (count > 0).then_some((3, false, count, what, hint))
}

fn reasons(figures: &ConnectionFigures, is_own: bool) -> impl Iterator<Item = Found> {
    let requests = figures.requests;
    ranked(&figures.reasons).into_iter().take(REASONS_MAX).map(move |(reason, count)| {
        let what = format!("{count} of {requests} requests: {reason}, {}", reason.title());
        (3, false, count, what, hint(reason, figures, is_own))
    })
}

/// Whoever reads it has asked already why the service is as it is, unless that is another one.
fn hint(reason: Reason, figures: &ConnectionFigures, is_own: bool) -> String {
    let callee = &figures.callee;
    match reason {
        Reason::NoUpstream | Reason::NotReady | Reason::BreakerOpen if is_own => format!("run `isles why {callee}`"),
        Reason::NoUpstream | Reason::NotReady => {
            format!("the first line, and the events, tell of the instances of {callee}")
        }
        Reason::BreakerOpen => "the failed requests tell what opened it".into(),
        Reason::Refused if !is_own => format!("see `isles logs {callee}`"),
        Reason::ConnectTimeout if !is_own => {
            format!("is it overloaded? `isles scale {callee}=N` gives it more instances")
        }
        Reason::Timeout if !is_own => format!("raise `timeout` of the connection, or see `isles logs {callee}`"),
        _ => reason.hint_for(callee),
    }
}

/// The reasons, the most frequent first.
fn ranked(reasons: &BTreeMap<Reason, u64>) -> Vec<(Reason, u64)> {
    let mut reasons: Vec<_> = reasons.iter().map(|(reason, count)| (*reason, *count)).collect();
    reasons.sort_by_key(|(_, count)| Reverse(*count));
    reasons
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixture::figures;

    #[track_caller]
    fn check(figures: &[ConnectionFigures], expected: &[(bool, &str)]) {
        check_with(figures, &[], expected);
    }

    #[track_caller]
    fn check_with(figures: &[ConnectionFigures], entries: &[EntryFigures], expected: &[(bool, &str)]) {
        let found = of(&"users".parse().unwrap(), figures, entries);
        let shown: Vec<_> = found.iter().map(|f| (f.now, format!("{}: {}", f.connection, f.what))).collect();
        let expected: Vec<_> = expected.iter().map(|(now, text)| (*now, (*text).to_owned())).collect();
        assert_eq!(shown, expected);
        assert!(found.iter().all(|finding| !finding.hint.is_empty()), "{found:?}");
    }

    fn orders(fields: Value) -> ConnectionFigures {
        figures("orders -> users", fields)
    }

    #[test]
    fn each_state_and_count_is_told() {
        let streams = json!({ "requests": 9, "in_flight": 1024, "concurrency": 3, "concurrency_limit": 4 });
        check(&[orders(streams)], &[]);
        for (fields, expected) in [
            (json!({ "breaker": "open" }), (true, "orders -> users: the breaker is open: requests are refused")),
            (
                json!({ "ejected": ["users/1#2"] }),
                (true, "orders -> users: users/1#2 gets no requests for now: too many failed there"),
            ),
            (
                json!({ "ejected": ["users/1#2", "users/3#1"] }),
                (true, "orders -> users: users/1#2, users/3#1 get no requests for now: too many failed there"),
            ),
            (json!({ "queued": 7, "in_flight": 3 }), (true, "orders -> users: 7 waiting, 3 in flight")),
            (
                json!({ "in_flight": 1, "concurrency": 4, "concurrency_limit": 4 }),
                (true, "orders -> users: 0 waiting, 1 in flight, 4 of 4 not answered yet"),
            ),
            (
                json!({ "requests": 9, "reasons": { "rate-limited": 2 } }),
                (false, "orders -> users: 2 of 9 requests: rate-limited, more requests came than the rate allows"),
            ),
        ] {
            check(&[orders(fields)], &[expected]);
        }
    }

    #[test]
    fn no_hint_leads_back_to_where_it_stands() {
        let hint = |connection: &str, reason: Reason| {
            let figures = figures(connection, json!({ "requests": 9, "reasons": { reason.code(): 2 } }));
            of(&"users".parse().unwrap(), &[figures], &[]).remove(0).hint
        };
        for reason in Reason::ALL {
            let hint = hint("orders -> users", *reason);
            assert!(!hint.contains("isles why") && !hint.contains("SERVICE"), "{hint}");
        }
        for reason in [Reason::NoUpstream, Reason::NotReady, Reason::BreakerOpen] {
            assert_eq!(hint("users -> stock", reason), "run `isles why stock`");
        }
    }

    #[test]
    fn what_the_gateway_refused_is_told_of_what_it_leads_to() {
        let refused = |entry: &str, reason| EntryFigures { entry: entry.into(), refused: [(reason, 3)].into() };
        let entries = [refused("gateway", Reason::NoRoute), refused("undeclared", Reason::NotDeclared)];
        for (connection, expected) in [
            (
                "gateway -> users",
                &[(false, "gateway: 3 refused before a route was known: no-route, no route fits this host and path")][..],
            ),
            ("gateway -> stock", &[]),
            ("orders -> users", &[]),
        ] {
            check_with(&[figures(connection, json!({}))], &entries, expected);
        }
    }

    #[test]
    fn the_most_important_comes_first() {
        let none = json!({ "success": 0, "client_error": 0, "server_error": 0, "failed": 0, "cancelled": 0 });
        let mut failing = none;
        failing["server_error"] = json!(5);
        let reasons = json!({ "breaker-open": 40, "reset": 3, "timeout": 1, "queue-full": 2 });
        let broken = orders(json!({
            "requests": 90, "breaker": "probing", "queued": 1, "outcomes": failing, "reasons": reasons,
        }));
        let own = figures("users -> stock", json!({ "breaker": "open", "reasons": { "no-upstream": 70 } }));
        check(
            &[broken, own],
            &[
                (
                    true,
                    "orders -> users: the breaker is open: one request tries whether the service works again \
                     (after 5 answers with 5xx, 3 reset, 1 timeout)",
                ),
                (true, "orders -> users: 1 waiting, 0 in flight"),
                (true, "users -> stock: the breaker is open: requests are refused"),
                (
                    false,
                    "orders -> users: 40 of 90 requests: breaker-open, the service failed too often and is given a rest",
                ),
                (false, "orders -> users: 5 of 90 requests were answered with 5xx by users"),
                (
                    false,
                    "orders -> users: 3 of 90 requests: reset, the instance closed the connection before it answered",
                ),
                (
                    false,
                    "orders -> users: 2 of 90 requests: queue-full, too many requests wait for an instance, or for a connection to one",
                ),
                (false, "users -> stock: 70 of 0 requests: no-upstream, the service has no healthy instance"),
            ],
        );
    }

    #[test]
    fn however_many_connections_the_list_is_bounded() {
        let many: Vec<_> = (0..99).map(|i| figures(&format!("c{i} -> users"), json!({ "breaker": "open" }))).collect();
        assert_eq!(of(&"users".parse().unwrap(), &many, &[]).len(), FINDINGS_MAX);
    }

    #[test]
    fn dead_letters_of_its_own_consumers() {
        let consumer = |name: &str, service: &str, dead: u64| {
            json!({
                "name": name, "service": service, "durable": true, "delivered_sequence": 0, "pending": 0,
                "unacknowledged": 0, "redelivered": 0, "paused": false, "dead": dead,
            })
        };
        let topic = json!({
            "name": "orders.placed", "stream": "orders_placed", "publishers": [], "subscribers": [], "messages": 9, "bytes": 0,
            "first_sequence": 1, "last_sequence": 9, "retention": "limits", "dead": 4,
            "consumers": [consumer("mailer", "mailer", 1), consumer("mailer-2", "mailer", 0), consumer("stats", "stats", 3)],
        });
        let found = dead_letters(&"mailer".parse().unwrap(), &[serde_json::from_value(topic).unwrap()]);
        let said: Vec<_> = found.iter().map(|finding| (finding.now, &*finding.connection, &*finding.what)).collect();
        assert_eq!(
            said,
            [(
                true,
                "orders.placed -> mailer",
                "1 message is dead: not acknowledged however often delivered, or terminated"
            )]
        );
        assert!(found[0].hint.contains("`isles topic dead replay orders.placed --all`"));
    }
}
