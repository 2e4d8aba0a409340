//! What was not yet delivered: how many messages, and the next of them.

use std::collections::VecDeque;

use model::streams::{ConsumerConfig, DeliverPolicy};

use super::View;
use crate::stream::{Head, Search, is_wild, scan, wants};

/// Messages that are known before they are delivered.
const KNOWN_MAX: usize = 64;

/// The part of a stream that a consumer has before it.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) filters: Vec<Box<str>>,
    /// The last message that was delivered for the first time, or passed over.
    pub(super) position: u64,
    /// Until here, only `initial` is delivered.
    pub(super) boundary: u64,
    /// The last messages of their subjects up to `boundary`, where a consumer begins with those.
    pub(super) initial: VecDeque<u64>,
    /// Messages before it, unless it rests. Exact.
    pub(super) pending: u64,
    /// It is told of no messages: how many there are is asked of the index.
    rests: bool,
    /// The next of them, in order.
    known: VecDeque<Head>,
    /// `known` has all of them up to here.
    through: u64,
    /// `known` has all of them.
    complete: bool,
}

impl Ahead {
    /// What is after a position and a first part. It must be counted.
    pub(super) fn new(config: &ConsumerConfig, position: u64, boundary: u64, initial: Vec<u64>) -> Self {
        let filters = config.filters().into_iter().map(Into::into).collect();
        Self { filters, position, boundary, initial: initial.into(), ..Self::default() }
    }

    /// What a new consumer has before it.
    pub(super) fn begin(config: &ConsumerConfig, view: View<'_>) -> Self {
        let mut ahead = Self::new(config, 0, 0, Vec::new());
        ahead.position = match config.deliver_policy {
            DeliverPolicy::All => 0,
            DeliverPolicy::New => view.last,
            DeliverPolicy::ByStartSequence => config.opt_start_seq.saturating_sub(1),
            DeliverPolicy::ByStartTime => {
                let first = config.opt_start_time.and_then(|at| view.stored.since(at));
                first.map_or(view.last, |head| head.seq - 1)
            }
            DeliverPolicy::Last => ahead.lasts(view).last().map_or(view.last, |last| last - 1),
            DeliverPolicy::LastPerSubject => {
                (ahead.initial, ahead.boundary) = (ahead.lasts(view).into(), view.last);
                0
            }
        };
        ahead.count(view);
        ahead
    }

    /// The sequence before those that it begins with.
    pub(super) fn before(&self, view: View<'_>) -> u64 {
        let gone = view.stored.next(0).map_or(view.last, |first| first.seq - 1);
        self.initial.front().map_or(self.position, |first| first - 1).min(view.last).max(gone)
    }

    /// The last messages of the subjects that it wants, in order.
    fn lasts(&self, view: View<'_>) -> Vec<u64> {
        let mut lasts = Vec::new();
        view.index.visit_all(&self.filters, &mut |_, entry| {
            lasts.push(entry.last);
            true
        });
        lasts.sort_unstable();
        lasts
    }

    /// Goes on after a position, and forgets what comes next. It must be counted.
    pub(super) fn go_to(&mut self, position: u64) {
        (self.position, self.boundary) = (position, 0);
        self.initial.clear();
        self.known.clear();
    }

    /// Counts anew, and forgets which messages come next.
    pub(super) fn count(&mut self, view: View<'_>) {
        let initial = self.first_part().into_iter();
        let is_wanted = |seq: &u64| view.stored.get(*seq).is_some_and(|head| wants(&self.filters, &head.subject));
        self.initial = initial.filter(|seq| *seq > self.position && is_wanted(seq)).collect();
        self.known.clear();
        let from = self.position.max(self.boundary);
        self.pending = self.initial.len() as u64 + view.index.pending(&self.filters, from, view.stored);
        (self.through, self.complete, self.rests) = (from, false, false);
    }

    /// How many messages are before it. Exact.
    pub(super) fn pending(&self, view: View<'_>) -> u64 {
        match self.rests {
            true => view.index.pending(&self.filters, self.position.max(self.boundary), view.stored),
            false => self.pending,
        }
    }

    /// Is told of no messages from here on, until it is counted, if that costs a look for each of its filters at most and it knows
    /// nothing that would be lost: what comes next has to be searched for anyway. Otherwise `false`.
    pub(super) fn rest(&mut self) -> bool {
        let is_first_part_over =
            self.initial.is_empty() && self.known.front().is_none_or(|head| head.seq > self.boundary);
        let has_all = || self.filters.iter().all(|filter| **filter == *">");
        self.rests = !self.complete && is_first_part_over && (has_all() || !is_wild(&self.filters));
        if self.rests {
            self.known = VecDeque::new();
        }
        self.rests
    }

    pub(super) fn rests(&self) -> bool {
        self.rests
    }

    /// What is left of the last messages of their subjects.
    pub(super) fn first_part(&self) -> Vec<u64> {
        let known = self.known.iter().map(|head| head.seq).filter(|seq| *seq <= self.boundary);
        known.chain(self.initial.iter().copied()).collect()
    }

    /// How many may be left of them, at most.
    pub(super) fn first_part_len(&self) -> usize {
        self.known.len() + self.initial.len()
    }

    pub(super) fn published(&mut self, head: Head) {
        if head.seq <= self.position.max(self.boundary) {
            return;
        }
        self.pending += 1;
        self.complete &= self.known.len() < KNOWN_MAX;
        if self.complete {
            self.through = head.seq;
            self.known.push_back(head);
        }
    }

    pub(super) fn removed(&mut self, seq: u64) {
        if self.contains(seq) {
            self.pending -= 1;
            if let Ok(at) = self.known.binary_search_by_key(&seq, |head| head.seq) {
                self.known.remove(at);
            } else if let Ok(at) = self.initial.binary_search(&seq) {
                self.initial.remove(at);
            }
        }
    }

    /// Every message that there was has gone.
    pub(super) fn cleared(&mut self, before: u64) {
        self.known.clear();
        self.initial.clear();
        (self.pending, self.through, self.complete) = (0, before - 1, true);
    }

    /// Whether a message that it wants, and that is there, was not delivered yet.
    pub(super) fn contains(&self, seq: u64) -> bool {
        seq > self.position.max(self.boundary)
            || self.known.binary_search_by_key(&seq, |head| head.seq).is_ok()
            || self.initial.binary_search(&seq).is_ok()
    }

    /// The next message.
    pub(super) fn peek(&mut self, view: View<'_>) -> Option<&Head> {
        if self.known.is_empty() && self.pending > 0 {
            self.fill(view);
        }
        self.known.front()
    }

    /// Whether there is a next message that was not found yet: a search looks at so many messages, no more.
    pub(super) fn is_searching(&self) -> bool {
        self.known.is_empty() && self.pending > 0
    }

    /// The next message is delivered.
    pub(super) fn pop(&mut self) -> Option<Head> {
        let head = self.known.pop_front()?;
        self.position = head.seq;
        self.pending -= 1;
        Some(head)
    }

    /// A delivery is read again after a restart.
    pub(super) fn passed(&mut self, seq: u64) {
        self.position = self.position.max(seq);
        while self.initial.front().is_some_and(|first| *first <= seq) {
            self.initial.pop_front();
        }
    }

    fn fill(&mut self, view: View<'_>) {
        let count = self.initial.len().min(KNOWN_MAX);
        self.known.extend(self.initial.drain(..count).filter_map(|seq| view.stored.get(seq)));
        if !self.known.is_empty() {
            return;
        }
        let after = self.through.max(self.position).max(self.boundary);
        let search = Search { filters: &self.filters, after, limit: KNOWN_MAX, pending: self.pending };
        let mut found = Vec::new();
        self.through = scan(search, view.last, view.index, view.stored, &mut found);
        self.complete = self.through == view.last;
        self.known.extend(found);
    }
}
