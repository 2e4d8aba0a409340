//! The machine of one stream.

use model::{
    Timestamp,
    streams::{Retention, StreamConfig},
};

use super::{
    Due, Expires, Head, Incoming, Index, Outcome, Placed, Removals, Stored, Wishes,
    batch::{Batches, Staged},
    dedup::Dedup,
    expiry::Expiry,
    publish::{Verdict, expires},
    removal::View,
    schedule::Schedules,
    stamps::Stamps,
    subjects::covers,
};

/// Messages that expire in one step.
const EXPIRE_STEP: usize = 1024;

/// How many messages a stream has, and which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// No message is earlier; one more than `last_seq` when there is none.
    pub first_seq: u64,
    /// The last sequence that was used.
    pub last_seq: u64,
    /// When it was used.
    pub last_at: Timestamp,
}

/// One stream. Its memory grows with its subjects, the ids in its duplicate window (at most [`super::IDS_MAX`]) and the
/// deadlines of messages that have one (at most [`super::DEADLINES_MAX`]), never with its messages.
///
/// It decides at once and moves on; whoever drives it carries each decision out in [`Stored`] before the next, and
/// acknowledges it when it is on disk.
#[derive(Debug)]
pub struct Stream {
    pub(super) config: StreamConfig,
    pub(super) counts: Counts,
    pub(super) last_id: Option<Box<str>>,
    pub(super) index: Index,
    pub(super) dedup: Dedup,
    pub(super) expiry: Expiry,
    pub(super) schedules: Schedules,
    pub(super) batches: Batches,
    pub(super) stamps: Stamps,
    /// No message up to here can still become too old.
    pub(super) aged: u64,
    /// When the first message after it does; early where that message has gone.
    pub(super) too_old_at: Option<Timestamp>,
}

impl Stream {
    /// An empty stream with a configuration that [`super::check`] returned.
    pub fn new(config: StreamConfig) -> Self {
        let first_seq = config.first_seq.max(1);
        let counts = Counts { first_seq, last_seq: first_seq - 1, ..Counts::default() };
        Self {
            config,
            counts,
            last_id: None,
            index: Index::default(),
            dedup: Dedup::default(),
            expiry: Expiry::default(),
            schedules: Schedules::default(),
            batches: Batches::default(),
            stamps: Stamps::default(),
            aged: 0,
            too_old_at: None,
        }
    }

    /// Its configuration.
    pub fn config(&self) -> &StreamConfig {
        &self.config
    }

    /// How many messages it has.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Its subjects.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The ids that it remembers.
    pub fn ids(&self) -> &Dedup {
        &self.dedup
    }

    /// Whether a batch of this id is open.
    pub fn has_batch(&self, id: &str) -> bool {
        self.batches.contains(id)
    }

    /// Whether a subject is one of its own.
    pub fn takes(&self, subject: &str) -> bool {
        self.config.subjects.iter().any(|ours| covers(ours, subject))
    }

    /// Decides about a message. `interest` tells whether any consumer wants a subject; it is asked with
    /// [`Retention::Interest`] only.
    pub fn publish(
        &mut self,
        incoming: &Incoming,
        interest: &dyn Fn(&str) -> bool,
        now: Timestamp,
        stored: &dyn Stored,
    ) -> Outcome {
        self.dedup.expire(self.config.duplicate_window, now);
        if incoming.wishes.batch.is_some() {
            return self.publish_in_batch(incoming, interest, now, stored);
        }
        match self.check(incoming, &Staged::default(), stored) {
            Ok(Verdict::Fine) => Outcome::Stored(self.place(incoming, interest, now, &mut View::new(stored))),
            Ok(Verdict::Duplicate(seq)) => Outcome::Duplicate(seq),
            Err(error) => Outcome::Refused(error),
        }
    }

    /// Gives a message its place, and takes away what gives way.
    pub(super) fn place(
        &mut self,
        incoming: &Incoming,
        interest: &dyn Fn(&str) -> bool,
        now: Timestamp,
        view: &mut View<'_>,
    ) -> Placed {
        let at = self.stamp(now);
        let head = Head {
            seq: self.counts.last_seq + 1,
            subject: (*incoming.subject).into(),
            bytes: incoming.bytes(),
            at,
            expires: expires(&incoming.wishes, &self.config, at).unwrap_or_default(),
            marker: false,
        };
        let kept = self.config.retention != Retention::Interest || interest(&incoming.subject);
        let mut removals = Removals::default();
        self.roll_up(incoming, view, &mut removals);
        if kept {
            self.stored(&head, &incoming.wishes, now);
            view.added.push(head.clone());
            self.enforce(Some(&head.subject), view, &mut removals);
        } else {
            self.used(&head, &incoming.wishes, now);
        }
        let Head { seq, subject, bytes, expires, .. } = head;
        Placed { seq, subject, bytes, at, expires, kept, removals }
    }

    /// The time of a message that is stored now.
    fn stamp(&mut self, now: Timestamp) -> Timestamp {
        self.stamps.note(self.counts.last_at, now);
        self.stamps.stamp(now)
    }

    /// A sequence was used: as part of a decision, or read again from storage after a restart.
    pub fn used(&mut self, head: &Head, wishes: &Wishes, now: Timestamp) {
        self.stamps.note(head.at, now);
        self.counts.last_seq = head.seq;
        self.counts.last_at = head.at;
        self.last_id = wishes.id.clone();
        self.remember(head, wishes);
        if self.counts.messages == 0 {
            self.counts.first_seq = head.seq + 1;
        }
    }

    /// A message is stored: as part of a decision, or read again from storage after a restart, in the order of sequences.
    pub fn stored(&mut self, head: &Head, wishes: &Wishes, now: Timestamp) {
        if self.counts.messages == 0 {
            self.counts.first_seq = head.seq;
        }
        self.counts.messages += 1;
        self.counts.bytes += head.bytes;
        self.stamps.note(head.at, now);
        self.index.add(&head.subject, head.seq);
        self.schedule(head, wishes, now);
        if !self.config.max_age.is_zero() && self.too_old_at.is_none() {
            self.too_old_at = Some(self.too_old_at(head));
        }
        self.used(head, wishes, now);
    }

    /// A message that the stream was restored with asks for this: read again from storage after a restart, in the order of
    /// sequences.
    pub fn recall(&mut self, head: &Head, wishes: &Wishes, now: Timestamp) {
        self.stamps.note(self.counts.last_at, now);
        self.schedule(head, wishes, now);
        self.remember(head, wishes);
    }

    fn schedule(&mut self, head: &Head, wishes: &Wishes, now: Timestamp) {
        if let Some(at) = self.stamps.expires_at(head) {
            self.expiry.insert(at, head.seq);
        }
        if let Some(wish) = &wishes.schedule {
            self.schedules.insert(&head.subject, head.seq, wish, self.stamps.stored_at(head.at), now);
        }
    }

    fn remember(&mut self, head: &Head, wishes: &Wishes) {
        if let Some(id) = &wishes.id {
            let at = self.stamps.stored_at(head.at);
            self.dedup.expire(self.config.duplicate_window, at);
            self.dedup.insert(id, head.seq, at);
        }
    }

    /// When [`Stream::due`] must be called.
    pub fn deadline(&self) -> Option<Timestamp> {
        let deadlines = [self.too_old_at, self.expiry.next(), self.schedules.next(), self.batches.next()];
        deadlines.into_iter().flatten().min()
    }

    /// Does what time has brought, in steps: call it until [`Stream::deadline`] lies in the future.
    pub fn due(&mut self, now: Timestamp, stored: &dyn Stored) -> Due {
        let mut due = Due { abandoned: self.batches.expire(now), ..Due::default() };
        while due.firings.len() < EXPIRE_STEP
            && let Some(firing) = self.schedules.pop(now)
        {
            due.firings.push(firing);
        }
        self.expire(now, &mut View::new(stored), &mut due);
        due
    }

    fn expire(&mut self, now: Timestamp, view: &mut View<'_>, due: &mut Due) {
        for _ in 0..EXPIRE_STEP {
            let head = match self.expiry.pop(now, view.stored, &self.stamps) {
                Some(seq) => view.get(seq),
                None if self.too_old_at.is_some_and(|at| at <= now) => self.pop_too_old(now, view),
                None => return,
            };
            if let Some(head) = head {
                self.take(head.clone().into(), view, &mut due.removals);
                due.markers.extend(self.mark(&head, now, view));
            }
        }
    }

    /// The next message that is too old. Those that never expire are passed over, once.
    fn pop_too_old(&mut self, now: Timestamp, view: &View<'_>) -> Option<Head> {
        let head = view.next(self.aged.max(self.counts.first_seq.saturating_sub(1)));
        self.too_old_at = head.as_ref().map(|head| self.too_old_at(head));
        let head = head.filter(|head| self.too_old_at(head) <= now)?;
        self.aged = head.seq;
        (head.expires != Expires::Never).then_some(head)
    }

    /// When a message is too old.
    pub(super) fn too_old_at(&self, head: &Head) -> Timestamp {
        self.stamps.stored_at(head.at) + self.config.max_age
    }

    /// A marker in the place of a subject whose last message has expired, if the stream wants one.
    fn mark(&mut self, gone: &Head, now: Timestamp, view: &mut View<'_>) -> Option<Placed> {
        let ttl = self.config.subject_delete_marker_ttl;
        if ttl.is_zero() || gone.marker || self.index.get(&gone.subject).is_some() {
            return None;
        }
        let at = self.stamp(now);
        let head = Head {
            seq: self.counts.last_seq + 1,
            subject: gone.subject.clone(),
            bytes: gone.subject.len() as u64,
            at,
            expires: Expires::At(at + ttl),
            marker: true,
        };
        self.stored(&head, &Wishes::default(), now);
        view.added.push(head.clone());
        let Head { seq, subject, bytes, expires, .. } = head;
        Some(Placed { seq, subject, bytes, at, expires, kept: true, removals: Removals::default() })
    }
}
