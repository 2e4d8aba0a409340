//! A stream and its consumers: who must be told of what, so that a decision costs in proportion to those it concerns.
//!
//! Whoever drives it lets the stream decide, carries the decision out in storage, then has the consumers told here, before
//! the stream decides again. What consumers ask for goes out when all decisions before are on disk, so that nobody gets a
//! message that a crash could take back. What may go after an acknowledgement comes back as a decision of the stream.

mod rewind;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{Timestamp, streams::Retention};
use slab::Slab;

pub use rewind::NoWay;

use crate::{
    consumer::{Action, Consumer, Event, Info, Settings, Snapshot, View},
    stream::{Due, Filters, Head, Incoming, Outcome, Placed, Removals, Search, Stored, Stream, scan, wants},
};

/// Messages that are looked for at a time when a consumer goes.
const ORPHANS_STEP: usize = 256;

/// A stream and its consumers.
#[derive(Debug)]
pub struct Hub {
    /// The stream.
    pub stream: Stream,
    consumers: Slab<(u64, Consumer)>,
    /// Where consumers are, by number.
    places: BTreeMap<u64, usize>,
    /// Filters and where their consumers are, so that those who want a message are at hand. Consumers that rest are not among them.
    filters: Filters<usize>,
    wanting: Vec<usize>,
    timers: BTreeSet<(Timestamp, u64)>,
    timer_of: HashMap<u64, Timestamp>,
}

impl Hub {
    /// A stream without consumers.
    pub fn new(stream: Stream) -> Self {
        Self {
            stream,
            consumers: Slab::new(),
            places: BTreeMap::new(),
            filters: Filters::default(),
            wanting: Vec::new(),
            timers: BTreeSet::new(),
            timer_of: HashMap::new(),
        }
    }

    /// Adds a new consumer under a number that none has had before.
    pub fn create(&mut self, id: u64, settings: Settings, now: Timestamp, stored: &dyn Stored) {
        let consumer = Consumer::new(settings, view(&self.stream, stored), now);
        self.add(id, consumer);
    }

    /// Adds a consumer as it was before a restart.
    pub fn restore(
        &mut self,
        id: u64,
        settings: Settings,
        snapshot: (Snapshot, Vec<crate::consumer::Change>),
        now: Timestamp,
        stored: &dyn Stored,
    ) {
        let (snapshot, changes) = snapshot;
        let consumer = Consumer::restore(settings, snapshot, changes, view(&self.stream, stored), now);
        self.add(id, consumer);
    }

    fn add(&mut self, id: u64, consumer: Consumer) {
        let filters = owned(&consumer);
        let place = self.consumers.insert((id, consumer));
        self.filters.insert(&filters, place);
        self.places.insert(id, place);
        self.set_timer(id);
    }

    /// Takes a consumer away, after [`Event::Delete`]. Returns the messages that nobody needs any more, with interest
    /// retention: settle them.
    pub fn remove(&mut self, id: u64, stored: &dyn Stored) -> Vec<u64> {
        let Some(place) = self.places.remove(&id) else { return Vec::new() };
        let (_, consumer) = self.consumers.remove(place);
        self.filters.remove(&consumer.settings().config.filters(), place);
        self.set_timer(id);
        if self.stream.config().retention == Retention::Interest { self.orphans(&consumer, stored) } else { Vec::new() }
    }

    /// A consumer.
    pub fn get(&self, id: u64) -> Option<&Consumer> {
        self.places.get(&id).map(|place| &self.consumers[*place].1)
    }

    /// How a consumer is.
    pub fn info(&self, id: u64, stored: &dyn Stored) -> Option<Info> {
        self.get(id).map(|consumer| consumer.info(view(&self.stream, stored)))
    }

    /// A consumer, for what is no event: [`Consumer::taken`].
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Consumer> {
        let place = *self.places.get(&id)?;
        self.consumers.get_mut(place).map(|(_, consumer)| consumer)
    }

    /// The consumers, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Consumer)> {
        self.places.iter().map(|(id, place)| (*id, &self.consumers[*place].1))
    }

    /// Lets the stream decide about a message.
    pub fn publish(&mut self, incoming: &Incoming, now: Timestamp, stored: &dyn Stored) -> Outcome {
        self.stream.publish(incoming, &|subject| self.filters.has_interest(subject), now, stored)
    }

    /// Lets the stream store messages together ([`Stream::place_all`]).
    pub fn place_all<'a>(
        &mut self,
        all: impl IntoIterator<Item = &'a Incoming>,
        now: Timestamp,
        stored: &dyn Stored,
    ) -> Vec<Placed> {
        self.stream.place_all(all, &|subject| self.filters.has_interest(subject), now, stored)
    }

    /// Something happened to one consumer.
    pub fn handle(
        &mut self,
        id: u64,
        event: Event,
        now: Timestamp,
        stored: &dyn Stored,
        actions: &mut Vec<(u64, Action)>,
    ) {
        let Some(place) = self.places.get(&id).copied() else { return };
        let (_, consumer) = &mut self.consumers[place];
        if consumer.rests() {
            consumer.rouse(view(&self.stream, stored));
            self.filters.insert(&owned(consumer), place);
        }
        let mut asked = Vec::new();
        let filters = matches!(event, Event::Update(_)).then(|| owned(consumer));
        consumer.handle(event, now, view(&self.stream, stored), &mut asked);
        if let Some(before) = filters {
            self.filters.remove(&before, place);
            self.filters.insert(&owned(consumer), place);
        }
        actions.extend(asked.into_iter().map(|action| (id, action)));
        self.set_timer(id);
    }

    /// The stream has stored messages, and storage has them.
    pub fn placed(&mut self, all: &[Placed], now: Timestamp, stored: &dyn Stored, actions: &mut Vec<(u64, Action)>) {
        let mut touched = Vec::new();
        self.note_placed(all, &mut touched);
        self.wake(touched, now, stored, actions);
    }

    /// Time has changed the stream ([`Stream::due`]), and storage has it so.
    pub fn aged(&mut self, due: &Due, now: Timestamp, stored: &dyn Stored, actions: &mut Vec<(u64, Action)>) {
        let mut touched = Vec::new();
        self.note_removals(&due.removals, &mut touched);
        self.note_placed(&due.markers, &mut touched);
        self.wake(touched, now, stored, actions);
    }

    /// The stream has let messages go, and storage has them no more.
    pub fn gone(&mut self, removals: &Removals, now: Timestamp, stored: &dyn Stored, actions: &mut Vec<(u64, Action)>) {
        let mut touched = Vec::new();
        self.note_removals(removals, &mut touched);
        self.wake(touched, now, stored, actions);
    }

    /// A consumer is done with a message ([`Action::Release`]): lets it go if the stream keeps messages for consumers only
    /// and none needs it.
    pub fn release(&mut self, seq: u64, stored: &dyn Stored) -> Removals {
        let is_free = match self.stream.config().retention {
            Retention::Limits => false,
            Retention::WorkQueue => true,
            Retention::Interest => stored.get(seq).is_some_and(|head| !self.is_needed(&head)),
        };
        if is_free { self.stream.settle(seq, stored) } else { Removals::default() }
    }

    /// When [`Hub::due`] must be called. The stream has a deadline of its own.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Consumers whose deadline has passed, each once.
    pub fn due(&mut self, now: Timestamp, stored: &dyn Stored, actions: &mut Vec<(u64, Action)>) {
        let due: Vec<u64> = self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        due.into_iter().for_each(|id| self.handle(id, Event::Due, now, stored, actions));
    }

    fn is_needed(&self, head: &Head) -> bool {
        let mut wanting = Vec::new();
        self.filters.matching(&head.subject, &mut wanting);
        wanting.iter().any(|place| self.consumers[*place].1.needs(head.seq))
    }

    fn note_placed(&mut self, all: &[Placed], touched: &mut Vec<u64>) {
        for placed in all {
            self.note_removals(&placed.removals, touched);
            if placed.kept {
                let Placed { seq, bytes, at, expires, .. } = *placed;
                let head = Head { seq, subject: placed.subject.clone(), bytes, at, expires, marker: false };
                self.note(&placed.subject, touched, |consumer| consumer.published(head.clone()));
            }
        }
    }

    fn note_removals(&mut self, removals: &Removals, touched: &mut Vec<u64>) {
        if let Some(before) = removals.before {
            for (_, (id, consumer)) in &mut self.consumers {
                consumer.cleared(before);
                touched.extend(consumer.has_taker().then_some(*id));
            }
        }
        for removed in &removals.each {
            self.note(&removed.subject, touched, |consumer| consumer.removed(removed.seq));
        }
    }

    /// A consumer from which nobody takes anything has nothing to do about it, and rests: most of many are like that. With interest
    /// retention it cannot: its filters keep messages in the stream.
    fn note(&mut self, subject: &str, touched: &mut Vec<u64>, mut tell: impl FnMut(&mut Consumer)) {
        self.filters.matching(subject, &mut self.wanting);
        let may_rest = self.stream.config().retention != Retention::Interest;
        for place in &self.wanting {
            let (id, consumer) = &mut self.consumers[*place];
            tell(consumer);
            if consumer.has_taker() {
                touched.push(*id);
            } else if may_rest && consumer.rest() {
                self.filters.remove(&owned(consumer), *place);
            }
        }
    }

    fn wake(&mut self, mut touched: Vec<u64>, now: Timestamp, stored: &dyn Stored, actions: &mut Vec<(u64, Action)>) {
        touched.sort_unstable();
        touched.dedup();
        touched.into_iter().for_each(|id| self.handle(id, Event::Changed, now, stored, actions));
    }

    fn set_timer(&mut self, id: u64) {
        let next = self.get(id).and_then(Consumer::deadline);
        let before = match next {
            Some(at) => self.timer_of.insert(id, at),
            None => self.timer_of.remove(&id),
        };
        if before != next {
            if let Some(at) = before {
                self.timers.remove(&(at, id));
            }
            self.timers.extend(next.map(|at| (at, id)));
        }
    }

    /// Messages that only this consumer needed.
    fn orphans(&self, consumer: &Consumer, stored: &dyn Stored) -> Vec<u64> {
        let (filters, last) = (owned(consumer), self.stream.counts().last_seq);
        let mut orphans = Vec::new();
        let mut pending = self.stream.index().pending(&filters, 0, stored);
        let mut after = 0;
        while after < last {
            let mut found = Vec::new();
            let search = Search { filters: &filters, after, limit: ORPHANS_STEP, pending };
            after = scan(search, last, self.stream.index(), stored, &mut found);
            pending = pending.saturating_sub(found.len() as u64);
            let free = found.into_iter().filter(|head| wants(&filters, &head.subject) && !self.is_needed(head));
            orphans.extend(free.map(|head| head.seq));
        }
        orphans
    }
}

fn owned(consumer: &Consumer) -> Vec<Box<str>> {
    consumer.settings().config.filters().into_iter().map(Into::into).collect()
}

fn view<'a>(stream: &'a Stream, stored: &'a dyn Stored) -> View<'a> {
    View { index: stream.index(), last: stream.counts().last_seq, stored }
}
