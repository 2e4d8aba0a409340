//! The machine itself, and what it must remember.

use std::{collections::BTreeSet, time::Duration};

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Action, Cause, Event, Instance, Invalid, Outcome, Plan, Routing, Traffic, Verdict, set::Pair};

/// After what time an action is asked for again.
const REPEAT: Duration = Duration::from_secs(5);

/// Where a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// The first routing state is spread, and the migration runs.
    Preparing,
    /// New instances take the place of old ones.
    Rolling,
    /// This step brings its instances up, gets its weight and waits; the last one gives everything to the new release.
    Stepping(usize),
    /// The new release has everything, the old set is warm.
    Keeping,
    /// The old set ends. There is no way back any more.
    Retiring,
    /// The old release comes back.
    Restoring,
    /// It is over.
    Ended(Outcome),
}

/// The durable state of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub(super) plan: Plan,
    pub(super) pairs: Vec<Pair>,
    pub(super) phase: Phase,
    /// When something went on; in the future while a step waits.
    pub(super) progressed_at: Timestamp,
    /// When the step had its weight, or the old set had no requests any more.
    pub(super) waits_since: Option<Timestamp>,
    pub(super) routing: Routing,
    pub(super) acknowledged: u64,
    pub(super) paused: bool,
    /// Whether a person has said, before the first step, that the new release gets everything.
    #[serde(default)]
    pub(super) promoted: bool,
    pub(super) verdict: Option<Verdict>,
    pub(super) migration: MigrationState,
    pub(super) cause: Option<Cause>,
    /// When the last event was handled.
    pub(super) seen_at: Timestamp,
}

/// Where the migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum MigrationState {
    Waiting,
    Running(Timestamp),
    Over,
}

/// The machine of one rollout.
#[derive(Debug)]
pub struct Machine {
    state: Snapshot,
    asked: BTreeSet<Action>,
    repeat_at: Timestamp,
}

impl Machine {
    /// A rollout that begins with the next event, `Due` for one.
    pub fn new(plan: Plan, now: Timestamp) -> Result<Self, Invalid> {
        plan.check()?;
        let traffic = if plan.is_rolling() { Traffic::Alike } else { Traffic::Share(0) };
        let hold = plan.migration.as_ref().is_some_and(|migration| migration.hold);
        let migration = if plan.migration.is_some() { MigrationState::Waiting } else { MigrationState::Over };
        Ok(Self::of(Snapshot {
            pairs: plan.targets.iter().map(|target| Pair::new(target.clone(), now)).collect(),
            plan,
            phase: Phase::Preparing,
            progressed_at: now,
            waits_since: None,
            routing: Routing { epoch: 1, traffic, hold },
            acknowledged: 0,
            paused: false,
            promoted: false,
            verdict: None,
            migration,
            cause: None,
            seen_at: now,
        }))
    }

    /// The rollout as it was, after the events that were recorded since, each with its time. The next event, `Due` for
    /// one, asks for everything again.
    pub fn restore(snapshot: Snapshot, events: impl IntoIterator<Item = (Timestamp, Event)>) -> Self {
        let mut state = snapshot;
        for (now, event) in events {
            state.handle(event, now);
        }
        Self::of(state)
    }

    fn of(state: Snapshot) -> Self {
        Self { state, asked: BTreeSet::new(), repeat_at: Timestamp(0) }
    }

    /// Its durable state.
    pub fn snapshot(&self) -> &Snapshot {
        &self.state
    }

    /// Takes an event, which was recorded, and appends what must be done.
    pub fn handle(&mut self, event: Event, now: Timestamp, actions: &mut Vec<Action>) {
        self.state.handle(event, now);
        if self.repeat_at <= now {
            self.asked.clear();
            self.repeat_at = now + REPEAT;
        }
        let pending = self.state.pending();
        actions.extend(pending.difference(&self.asked).cloned());
        self.asked = pending;
    }

    /// When `Due` must be handled.
    pub fn deadline(&self) -> Option<Timestamp> {
        let is_over = matches!(self.state.phase, Phase::Ended(_));
        if is_over { None } else { self.state.timers().chain([self.repeat_at]).min() }
    }

    /// Where it stands.
    pub fn phase(&self) -> &Phase {
        &self.state.phase
    }

    /// Why it goes back, or went back.
    pub fn cause(&self) -> Option<&Cause> {
        self.state.cause.as_ref()
    }

    /// How requests are routed.
    pub fn routing(&self) -> Routing {
        self.state.routing
    }

    /// Whether a person must say that it goes on.
    pub fn is_paused(&self) -> bool {
        self.state.paused
    }

    /// When it goes back, or ends, if nothing goes on until then; `None` if it is over or a person has paused it.
    pub fn standstill_at(&self) -> Option<Timestamp> {
        self.state.standstill_at()
    }
}

impl Snapshot {
    /// What it shall do.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its instances that have not ended, and whether each shall run.
    pub fn members(&self) -> impl Iterator<Item = (Instance, bool)> {
        let all = self.pairs.iter().flat_map(|pair| pair.instances());
        all.filter(|(_, member)| !member.is_gone()).map(|(instance, member)| (instance, member.is_kept()))
    }

    /// As it goes on when the system comes up again: nothing runs, so everything is asked for anew and has its time anew. The time
    /// in which nothing ran was no standstill.
    pub fn asked_anew(mut self, now: Timestamp) -> Self {
        self.pairs.iter_mut().flat_map(|pair| [&mut pair.old, &mut pair.new]).for_each(|set| set.ask_anew(now));
        if matches!(self.migration, MigrationState::Running(_)) {
            self.migration = MigrationState::Waiting;
        }
        self.progressed_at = self.progressed_at.max(now);
        self
    }

    fn handle(&mut self, event: Event, now: Timestamp) {
        self.seen_at = now;
        self.note(event, now);
        self.advance(now);
    }
}
