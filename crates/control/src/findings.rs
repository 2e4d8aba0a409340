//! What the figures of a service's connections tell a person, the most important first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use model::{
    InstanceId, Reason, ServiceName, TopicName,
    api::{ConsumerStatus, Finding, TopicStatus},
    figures::{BreakerState, ConnectionFigures, EntryFigures},
};

/// The entry, and the caller, of what comes from outside.
const GATEWAY: &str = "gateway";
/// Of each connection, the most frequent reasons.
const REASONS_MAX: usize = 3;
/// Of what is so now, and as many of what was counted.
const FINDINGS_MAX: usize = 20;

/// A finding and its weight: what is so now, then calls to the service before its own, then the larger count.
type Weighed = ((bool, bool, u8, Reverse<u64>), Finding);

/// What the connections by which the service is called or calls tell, and the gateway if it leads there: requests that it refused
/// may have been meant for the service.
pub(crate) fn of(service: &ServiceName, figures: &[ConnectionFigures], entries: &[EntryFigures]) -> Vec<Finding> {
    let mut weighed: Vec<Weighed> = figures.iter().flat_map(|figures| of_connection(service, figures)).collect();
    let is_routed = figures.iter().any(|figures| figures.caller == GATEWAY && figures.callee == *service);
    weighed.extend(entries.iter().filter(|entry| is_routed && entry.entry == GATEWAY).flat_map(of_entry));
    weighed.extend(ejected(service, figures));
    weighed.sort_by(|(one, a), (other, b)| (one, &a.connection).cmp(&(other, &b.connection)));
    let (now, counted): (Vec<_>, Vec<_>) =
        weighed.into_iter().map(|(_, finding)| finding).partition(|finding| finding.now);
    now.into_iter().take(FINDINGS_MAX).chain(counted.into_iter().take(FINDINGS_MAX)).collect()
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

/// The ejected instances of each service, once however many connections lead to them.
fn ejected(service: &ServiceName, figures: &[ConnectionFigures]) -> Vec<Weighed> {
    let mut all: BTreeMap<&ServiceName, BTreeSet<&InstanceId>> = BTreeMap::new();
    for figures in figures.iter().filter(|figures| !figures.ejected.is_empty()) {
        all.entry(&figures.callee).or_default().extend(&figures.ejected);
    }
    let weigh = |(callee, instances): (&ServiceName, BTreeSet<&InstanceId>)| {
        let names: Vec<_> = instances.iter().map(ToString::to_string).collect();
        let verb = if names.len() == 1 { "gets" } else { "get" };
        let what = format!("{} {verb} no requests for now: too many failed there", names.join(", "));
        let hint = format!("see `isles logs {callee}`; it is tried again by itself after a while");
        let finding = Finding { connection: callee.to_string(), now: true, what, hint };
        ((false, callee != service, 1, Reverse(names.len() as u64)), finding)
    };
    all.into_iter().map(weigh).collect()
}

fn of_connection(service: &ServiceName, figures: &ConnectionFigures) -> Vec<Weighed> {
    let is_own = figures.callee != *service;
    let weigh = |(rank, now, count, what, hint): (u8, bool, u64, String, String)| {
        ((!now, is_own, rank, Reverse(count)), Finding { connection: figures.connection.clone(), now, what, hint })
    };
    let states = [breaker(figures), crowd(figures)].into_iter().flatten();
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
mod tests;
