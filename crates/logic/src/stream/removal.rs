//! What goes: by a limit, by a purge, by hand, or because it was acknowledged.

use std::collections::BTreeSet;

use model::streams::{ApiError, StreamConfig, limit};

use super::{Entry, Head, Incoming, Purge, Purged, Removals, Removed, Search, Spent, Stored, Stream, scan};

/// Messages that a purge looks for at a time.
const PURGE_STEP: usize = 256;

/// Storage as it will be when the decision at hand has been carried out.
pub(super) struct View<'a> {
    pub(super) stored: &'a dyn Stored,
    /// What the decision has stored.
    pub(super) added: Vec<Head>,
    before: u64,
    gone: BTreeSet<u64>,
}

impl<'a> View<'a> {
    pub(super) fn new(stored: &'a dyn Stored) -> Self {
        Self { stored, added: Vec::new(), before: 0, gone: BTreeSet::new() }
    }

    pub(super) fn get(&self, seq: u64) -> Option<Head> {
        self.stored.get(seq).filter(|head| self.is_there(head))
    }

    pub(super) fn next(&self, after: u64) -> Option<Head> {
        self.find(after, |after| self.stored.next(after), |_| true)
    }

    fn next_of(&self, subject: &str, after: u64) -> Option<Head> {
        self.find(after, |after| self.stored.next_of(subject, after), |head| *head.subject == *subject)
    }

    /// The first message of a subject that has too many, one of which may be what was added.
    fn displaced(&self, subject: &str, entry: &Entry) -> Option<Spent> {
        let is_sole = entry.messages == 2 && self.added.len() == 1 && self.before == 0 && self.gone.is_empty();
        if is_sole {
            return self.stored.sole_of(subject);
        }
        self.next_of(subject, entry.first.saturating_sub(1)).map(Spent::from)
    }

    fn find(
        &self,
        mut after: u64,
        next: impl Fn(u64) -> Option<Head>,
        is_wanted: impl Fn(&Head) -> bool,
    ) -> Option<Head> {
        after = after.max(self.before.saturating_sub(1));
        while let Some(head) = next(after) {
            if self.is_there(&head) {
                return Some(head);
            }
            after = head.seq;
        }
        self.added.iter().find(|head| head.seq > after && is_wanted(head) && self.is_there(head)).cloned()
    }

    fn last_of(&self, subject: &str, mut before: u64) -> Option<u64> {
        let added =
            self.added.iter().rev().find(|head| head.seq < before && *head.subject == *subject && self.is_there(head));
        if let Some(head) = added {
            return Some(head.seq);
        }
        while let Some(head) = self.stored.last_of(subject, before) {
            if self.is_there(&head) {
                return Some(head.seq);
            }
            before = head.seq;
        }
        None
    }

    fn is_there(&self, head: &Head) -> bool {
        head.seq >= self.before && !self.gone.contains(&head.seq)
    }
}

impl Stream {
    /// Deletes a message by hand.
    ///
    /// # Errors
    /// When the stream allows it not, or there is no such message.
    pub fn delete(&mut self, seq: u64, stored: &dyn Stored) -> Result<Removals, ApiError> {
        let head = self.check_delete(seq, stored)?;
        let mut removals = Removals::default();
        self.take(head.into(), &mut View::new(stored), &mut removals);
        Ok(removals)
    }

    /// Whether [`Stream::delete`] may delete a message.
    ///
    /// # Errors
    /// As there.
    pub fn check_delete(&self, seq: u64, stored: &dyn Stored) -> Result<Head, ApiError> {
        if self.config.sealed {
            return Err(ApiError::Sealed);
        }
        if self.config.deny_delete {
            return Err(ApiError::DeleteFailed("message delete not permitted".into()));
        }
        stored.get(seq).ok_or(ApiError::SequenceNotFound(seq))
    }

    /// Lets a message go that every consumer which wanted it has acknowledged.
    pub fn settle(&mut self, seq: u64, stored: &dyn Stored) -> Removals {
        let mut removals = Removals::default();
        if let Some(head) = stored.get(seq) {
            self.take(head.into(), &mut View::new(stored), &mut removals);
        }
        removals
    }

    /// Takes many messages away.
    ///
    /// # Errors
    /// When the stream allows it not, or the wish contradicts itself.
    pub fn purge(&mut self, purge: &Purge, stored: &dyn Stored) -> Result<Purged, ApiError> {
        if self.config.sealed {
            return Err(ApiError::Sealed);
        }
        if self.config.deny_purge {
            return Err(ApiError::PurgeFailed("stream purge not permitted".into()));
        }
        if purge.before.is_some_and(|seq| seq > 0) && purge.keep.is_some_and(|keep| keep > 0) {
            return Err(ApiError::BadRequest);
        }
        let mut view = View::new(stored);
        let mut purged = Purged { count: self.counts.messages, removals: Removals::default() };
        let is_all = purge.filter.as_deref().is_none_or(|filter| filter == ">");
        let before = purge.before.filter(|seq| *seq > 0).unwrap_or(u64::MAX);
        if is_all && before > self.counts.last_seq && purge.keep.is_none_or(|keep| keep == 0) {
            self.clear(self.counts.last_seq + 1, &mut view, &mut purged.removals);
            return Ok(purged);
        }
        let filters: Vec<Box<str>> = purge.filter.iter().cloned().collect();
        let pending = self.index.pending(&filters, 0, stored);
        self.purge_some(
            &filters,
            before,
            pending.saturating_sub(purge.keep.unwrap_or(0)),
            &mut view,
            &mut purged.removals,
        );
        purged.count = purged.removals.each.len() as u64;
        Ok(purged)
    }

    fn purge_some(
        &mut self,
        filters: &[Box<str>],
        before: u64,
        mut count: u64,
        view: &mut View<'_>,
        removals: &mut Removals,
    ) {
        let (mut after, last) = (0, self.counts.last_seq);
        let mut pending = self.index.pending(filters, 0, view.stored);
        while after < last && count > 0 {
            let mut found = Vec::new();
            let limit = PURGE_STEP.min(usize::try_from(count).unwrap_or(PURGE_STEP));
            after = scan(Search { filters, after, limit, pending }, last, &self.index, view.stored, &mut found);
            for head in found {
                if head.seq >= before {
                    return;
                }
                self.take(head.into(), view, removals);
                (count, pending) = (count - 1, pending.saturating_sub(1));
            }
        }
    }

    /// Changes the configuration to one that [`super::check_update`] returned, and takes away what is now too much.
    pub fn update(&mut self, config: StreamConfig, stored: &dyn Stored) -> Removals {
        let (mut view, mut removals) = (View::new(stored), Removals::default());
        self.config = config;
        if let Some(max) = limit(self.config.max_msgs_per_subject) {
            let subjects: Vec<Box<str>> = self
                .index
                .iter()
                .filter(|(_, entry)| entry.messages > max)
                .map(|(subject, _)| subject.into())
                .collect();
            subjects.iter().for_each(|subject| self.enforce(Some(subject), &mut view, &mut removals));
        }
        self.enforce(None, &mut view, &mut removals);
        self.age_again(view.next(0).as_ref());
        removals
    }

    /// A message is gone: read again from storage after a restart.
    pub fn removed(&mut self, head: &Head, stored: &dyn Stored) {
        self.take(head.clone().into(), &mut View::new(stored), &mut Removals::default());
    }

    /// All messages before a sequence are gone, which are all that there were.
    pub fn cleared(&mut self, before: u64) {
        self.index.clear();
        self.expiry.clear();
        self.schedules.clear();
        self.too_old_at = None;
        (self.counts.messages, self.counts.bytes, self.counts.first_seq) = (0, 0, before);
    }

    pub(super) fn roll_up(&mut self, incoming: &Incoming, view: &mut View<'_>, removals: &mut Removals) {
        match incoming.wishes.rollup.as_deref() {
            Some("all") => self.clear(self.counts.last_seq + 1, view, removals),
            Some(_) => self.drop_subject(&incoming.subject, view, removals),
            // A schedule replaces the one that its subject has.
            None if incoming.wishes.schedule.as_ref().is_some_and(|wish| wish.pattern.is_some()) => {
                self.drop_subject(&incoming.subject, view, removals);
            }
            None => {}
        }
        let done = incoming.wishes.schedule.as_ref().filter(|wish| wish.next.as_deref() == Some("purge"));
        let done = done.and_then(|wish| self.schedules.get(wish.scheduler.as_deref()?)).map(|schedule| schedule.seq);
        if let Some(head) = done.and_then(|seq| view.get(seq)) {
            self.take(head.into(), view, removals);
        }
    }

    /// Takes away what is more than the limits allow.
    pub(super) fn enforce(&mut self, subject: Option<&str>, view: &mut View<'_>, removals: &mut Removals) {
        if let (Some(subject), Some(max)) = (subject, limit(self.config.max_msgs_per_subject)) {
            while let Some(entry) = self.index.get(subject).filter(|entry| entry.messages > max) {
                let Some(spent) = view.displaced(subject, entry) else { break };
                self.take(spent, view, removals);
            }
        }
        let (messages, bytes) = (limit(self.config.max_msgs), limit(self.config.max_bytes));
        while messages.is_some_and(|max| self.counts.messages > max) || bytes.is_some_and(|max| self.counts.bytes > max)
        {
            let Some(head) = view.next(self.counts.first_seq.saturating_sub(1)) else { break };
            self.counts.first_seq = head.seq;
            self.take(head.into(), view, removals);
        }
    }

    /// Takes one message away.
    pub(super) fn take(&mut self, spent: Spent, view: &mut View<'_>, removals: &mut Removals) {
        let Spent { seq, subject, bytes, expires_at } = spent;
        view.gone.insert(seq);
        self.index.remove(&subject, seq, |subject, before| view.last_of(subject, before));
        self.counts.messages -= 1;
        self.counts.bytes -= bytes;
        if self.counts.messages == 0 {
            self.counts.first_seq = self.counts.last_seq + 1;
        } else if seq == self.counts.first_seq {
            self.counts.first_seq += 1;
        }
        // Where the clock was ahead it has another time there; then it finds no message.
        if let Some(at) = expires_at {
            self.expiry.remove(at, seq);
        }
        self.schedules.remove(&subject, Some(seq));
        removals.each.push(Removed { seq, subject });
    }

    fn clear(&mut self, before: u64, view: &mut View<'_>, removals: &mut Removals) {
        view.before = before;
        self.cleared(before);
        // What went one by one has gone with all.
        removals.each.clear();
        removals.before = Some(before);
    }

    fn drop_subject(&mut self, subject: &str, view: &mut View<'_>, removals: &mut Removals) {
        while let Some(head) = self.index.get(subject).and_then(|entry| view.next_of(subject, entry.first - 1)) {
            self.take(head.into(), view, removals);
        }
    }

    /// The first message, as exactly as storage knows.
    pub fn first(&self, stored: &dyn Stored) -> Option<Head> {
        stored.next(self.counts.first_seq.saturating_sub(1))
    }

    /// Looks at the age of all messages again, from the first on.
    pub(super) fn age_again(&mut self, first: Option<&Head>) {
        self.aged = 0;
        self.too_old_at = first.filter(|_| !self.config.max_age.is_zero()).map(|first| self.too_old_at(first));
    }
}
