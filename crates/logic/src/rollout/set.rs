//! The instances of one service in one release.

use std::{fmt, time::Duration};

use model::{ServiceName, Timestamp, spec::Side};
use serde::{Deserialize, Serialize};

use super::{Report, State, Target};

/// One instance of a rollout. Those that served before are numbered from 1; a number is never used twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instance {
    /// Its service.
    pub service: ServiceName,
    /// Its release.
    pub side: Side,
    /// Its number in both, from 1.
    pub number: u32,
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({})", self.service, self.number, self.side)
    }
}

/// The two sets of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    pub(super) target: Target,
    pub(super) old: Set,
    pub(super) new: Set,
}

impl Pair {
    pub(super) fn new(target: Target, now: Timestamp) -> Self {
        let mut old = Set::default();
        (0..target.old).for_each(|_| old.start(now));
        Self { target, old, new: Set::default() }
    }

    pub(super) fn set(&self, side: Side) -> &Set {
        if side == Side::Old { &self.old } else { &self.new }
    }

    /// A set ends when all of a lower rank have: after its callers, and that of a service which the other release has not last, for the
    /// others may call it until their end.
    pub(super) fn rank(&self, side: Side) -> (u32, bool) {
        let Target { old, new, waves, .. } = &self.target;
        if side == Side::Old { (waves.old, *new == 0) } else { (waves.new, *old == 0) }
    }

    pub(super) fn instances(&self) -> impl Iterator<Item = (Instance, &Member)> {
        self.of(Side::Old, &self.old).chain(self.of(Side::New, &self.new))
    }

    pub(super) fn of<'a>(&'a self, side: Side, set: &'a Set) -> impl Iterator<Item = (Instance, &'a Member)> {
        let instance = move |number| Instance { service: self.target.service.clone(), side, number };
        (1..).zip(&set.0).map(move |(number, member)| (instance(number), member))
    }
}

/// The instances of one service in one release, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Set(pub(super) Vec<Member>);

/// What is known of one instance. That it shall stop is never taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) asked_at: Timestamp,
    pub(super) stops: bool,
    pub(super) report: Option<Report>,
    /// Whether it was ever healthy for long enough.
    pub(super) was_ready: bool,
}

impl Set {
    pub(super) fn start(&mut self, now: Timestamp) {
        self.0.push(Member::new(now));
    }

    /// Nothing is known any more of those that have not ended.
    pub(super) fn ask_anew(&mut self, now: Timestamp) {
        for member in self.0.iter_mut().filter(|member| !member.is_gone()) {
            *member = Member { stops: member.stops, ..Member::new(now) };
        }
    }

    /// Those that shall run.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Member> {
        self.0.iter().filter(|member| member.is_kept())
    }

    pub(super) fn healthy(&self) -> usize {
        self.kept().filter(|member| member.is_healthy()).count()
    }

    pub(super) fn ready(&self, min: Duration) -> usize {
        self.kept().filter(|member| member.is_ready(min)).count()
    }

    pub(super) fn existing(&self) -> usize {
        self.0.iter().filter(|member| !member.is_gone()).count()
    }

    /// Stops all that the condition holds for, and says whether there was one.
    pub(super) fn stop(&mut self, which: impl Fn(&Member) -> bool) -> bool {
        let mut any = false;
        for member in self.0.iter_mut().filter(|member| member.is_kept() && which(member)) {
            (member.stops, any) = (true, true);
        }
        any
    }

    /// Stops the last one that the condition holds for, and says whether there was one.
    pub(super) fn stop_last(&mut self, which: impl Fn(&Member) -> bool) -> bool {
        let last = self.0.iter_mut().rfind(|member| member.is_kept() && which(member));
        last.map(|member| member.stops = true).is_some()
    }
}

impl Member {
    fn new(asked_at: Timestamp) -> Self {
        Self { asked_at, stops: false, report: None, was_ready: false }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.state() == Some(&State::Healthy)
    }

    /// It is known not to serve.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.state(), Some(State::Unhealthy(_)))
    }

    /// Its process has ended.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.state(), Some(State::Ended(_)))
    }

    /// It shall run, and may.
    pub(super) fn is_kept(&self) -> bool {
        !self.stops && !self.is_gone()
    }

    /// It is known to have been healthy for long enough.
    pub(super) fn is_ready(&self, min: Duration) -> bool {
        self.ready_at(min).is_some_and(|at| self.report.as_ref().is_some_and(|report| at <= report.at))
    }

    /// When it has been healthy for long enough, if it stays so.
    pub(super) fn ready_at(&self, min: Duration) -> Option<Timestamp> {
        self.report.as_ref().filter(|report| report.state == State::Healthy).map(|report| report.since + min)
    }

    /// When it is too late for it to become ready, if it is not.
    pub(super) fn late_at(&self, deadline: Duration) -> Option<Timestamp> {
        match &self.report {
            _ if !self.was_ready => Some(self.asked_at + deadline),
            Some(Report { state: State::Healthy, .. }) => None,
            Some(report) => Some(report.since + deadline),
            None => Some(self.asked_at + deadline),
        }
    }

    pub(super) fn state(&self) -> Option<&State> {
        self.report.as_ref().map(|report| &report.state)
    }
}
