//! Messages that are published again later: one schedule a subject (ADR-51).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use model::{Timestamp, streams::ApiError};

use super::{
    subjects::{is_literal, is_valid, overlap},
    wishes::{Pattern, ScheduleWish, Ttl, Wishes, parse_ttl},
};

/// The time after which a schedule that was not carried out is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A schedule whose time has come: publish its message to `target`, without its `Nats-Schedule*`, `Nats-Expected-*`,
/// `Nats-Msg-Id`, `Nats-TTL` and `Nats-Rollup`, and with `Nats-Scheduler: subject`, `Nats-Schedule-Next: next`, and
/// `ttl` and `rollup` where they are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// The schedule's message.
    pub seq: u64,
    /// Its subject.
    pub subject: Box<str>,
    /// Where to.
    pub target: Box<str>,
    /// Publish the last message of this subject instead; the schedule's own where there is none.
    pub source: Option<Box<str>>,
    /// `Nats-TTL` of what is published.
    pub ttl: Option<Box<str>>,
    /// `Nats-Rollup` of what is published.
    pub rollup: Option<Box<str>>,
    /// `Nats-Schedule-Next`: a time, or `purge`, which takes the schedule away.
    pub next: Box<str>,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its message.
    pub seq: u64,
    /// When it fires.
    pub due: Timestamp,
    pattern: Pattern,
    target: Box<str>,
    source: Option<Box<str>>,
    ttl: Option<Box<str>>,
    rollup: Option<Box<str>>,
}

/// The schedules of a stream: as many as it has subjects with one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Schedules {
    by_subject: BTreeMap<Box<str>, Schedule>,
    due: BTreeSet<(Timestamp, Box<str>)>,
}

impl Schedules {
    /// Takes a stored message that has a schedule.
    pub(super) fn insert(&mut self, subject: &str, seq: u64, wish: &ScheduleWish, at: Timestamp, now: Timestamp) {
        let Some(pattern) = wish.pattern.as_deref().and_then(Pattern::parse) else { return };
        self.remove(subject, None);
        let schedule = Schedule {
            seq,
            due: pattern.first(at, now),
            pattern,
            target: wish.target.clone().unwrap_or_default(),
            source: wish.source.clone(),
            ttl: wish.ttl.clone(),
            rollup: wish.rollup.clone(),
        };
        self.due.insert((schedule.due, subject.into()));
        self.by_subject.insert(subject.into(), schedule);
    }

    /// Takes a schedule away, if its message is this one (`None` for any).
    pub(super) fn remove(&mut self, subject: &str, seq: Option<u64>) {
        if self.by_subject.get(subject).is_some_and(|schedule| seq.is_none_or(|seq| schedule.seq == seq))
            && let Some(schedule) = self.by_subject.remove(subject)
        {
            self.due.remove(&(schedule.due, subject.into()));
        }
    }

    pub(super) fn get(&self, subject: &str) -> Option<&Schedule> {
        self.by_subject.get(subject)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Schedule)> {
        self.by_subject.iter().map(|(subject, schedule)| (subject.as_ref(), schedule))
    }

    pub(super) fn restore(&mut self, subject: Box<str>, schedule: Schedule) {
        self.due.insert((schedule.due, subject.clone()));
        self.by_subject.insert(subject, schedule);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// A schedule whose time has come; it is due again at its next time, or soon if it is still there then.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Firing> {
        let (at, subject) = self.due.first().filter(|(at, _)| *at <= now)?.clone();
        self.due.remove(&(at, subject.clone()));
        let schedule = self.by_subject.get_mut(&subject)?;
        let next = match schedule.pattern {
            Pattern::At(_) => "purge".into(),
            Pattern::Every(_) => schedule.pattern.first(at, now).to_rfc3339().into(),
        };
        schedule.due = match schedule.pattern {
            Pattern::At(_) => now + RETRY,
            Pattern::Every(_) => schedule.pattern.first(at, now),
        };
        self.due.insert((schedule.due, subject.clone()));
        Some(Firing {
            seq: schedule.seq,
            target: schedule.target.clone(),
            source: schedule.source.clone(),
            ttl: schedule.ttl.clone(),
            rollup: schedule.rollup.clone(),
            next,
            subject,
        })
    }
}

/// What a stream that takes these subjects says to the schedule headers of a message.
pub(super) fn check(
    wish: &ScheduleWish,
    wishes: &Wishes,
    subject: &str,
    subjects: &[String],
    allow_ttl: bool,
) -> Result<(), ApiError> {
    let Some(pattern) = &wish.pattern else { return Ok(()) };
    if Pattern::parse(pattern).is_none() || wish.zone.is_some() {
        return Err(ApiError::SchedulePatternInvalid);
    }
    match wish.ttl.as_deref().map(parse_ttl) {
        Some(Err(_)) => return Err(ApiError::ScheduleTtlInvalid),
        Some(Ok(ttl)) if ttl != Ttl::Default && !allow_ttl => return Err(ApiError::TtlDisabled),
        _ => {}
    }
    let is_ours = |other: &str| {
        is_valid(other) && is_literal(other) && other != subject && subjects.iter().any(|ours| overlap(ours, other))
    };
    if wish.rollup.as_deref().is_some_and(|rollup| rollup != "sub")
        || wishes.rollup.as_deref().is_some_and(|rollup| rollup != "sub")
    {
        return Err(ApiError::ScheduleRollupInvalid);
    }
    if !wish.target.as_deref().is_some_and(is_ours) {
        return Err(ApiError::ScheduleTargetInvalid);
    }
    if wish.source.as_deref().is_some_and(|source| !is_ours(source) || wish.target.as_deref() == Some(source)) {
        return Err(ApiError::ScheduleSourceInvalid);
    }
    Ok(())
}
