//! The engine as a service of the NATS server.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use logic::stream::{Filters, Placed};
use model::Timestamp;
use ports::clock::Clock;

use super::{OpenError, kept::Kept, publish::Staged, recover, writer::Writer};
use crate::{
    jetstream::{Api, ApiStats},
    server::{Message, Origin, Outgoing, Service},
};

/// The level of the API that is kept to: that of nats-server 2.12.
const API_LEVEL: u8 = 2;
const API_SUBJECTS: &[u8] = b"$JS.API.>";
/// After a failed write nothing is tried for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// The streams of a server. Its memory grows with the streams and their subjects, not with the messages.
pub struct Engine {
    pub(super) writer: Writer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) api: Api,
    pub(super) stats: ApiStats,
    pub(super) streams: BTreeMap<u64, Kept>,
    pub(super) names: BTreeMap<String, u64>,
    pub(super) filters: Filters<u64>,
    pub(super) staged: HashMap<u64, Staged>,
    pub(super) next_id: u64,
    /// Until when writes are refused after one has failed.
    pub(super) closed_until: Timestamp,
    deadlines: HashMap<u64, Timestamp>,
    due: BTreeSet<(Timestamp, u64)>,
}

impl Engine {
    pub(super) fn new(writer: Writer, clock: Arc<dyn Clock>) -> Self {
        Self {
            writer,
            clock,
            api: Api { level: API_LEVEL, ..Api::default() },
            stats: ApiStats { level: API_LEVEL, ..ApiStats::default() },
            streams: BTreeMap::new(),
            names: BTreeMap::new(),
            filters: Filters::default(),
            staged: HashMap::new(),
            next_id: 1,
            closed_until: Timestamp(0),
            deadlines: HashMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// What is wrong with streams that are damaged, a sentence each: they are read-only.
    pub fn troubles(&self) -> Vec<String> {
        self.streams.values().filter_map(Kept::trouble).collect()
    }

    /// Takes the streams from the journal, instead of those that it has.
    pub(super) fn recover(&mut self) -> Result<(), OpenError> {
        let streams = recover::streams(&self.writer.shelf, self.clock.now())?;
        self.streams.clear();
        self.names.clear();
        self.staged.clear();
        self.deadlines.clear();
        self.due.clear();
        self.filters = Filters::default();
        for kept in streams {
            self.add(kept);
        }
        Ok(())
    }

    pub(super) fn add(&mut self, kept: Kept) {
        let id = kept.id;
        self.next_id = self.next_id.max(id + 1);
        self.filters.insert(&kept.stream.config().subjects, id);
        self.names.insert(kept.stream.config().name.clone(), id);
        self.streams.insert(id, kept);
        self.watch(id);
    }

    /// Remembers when something is due in a stream.
    pub(super) fn watch(&mut self, id: u64) {
        let whole = self.streams.get(&id).filter(|kept| kept.damage.is_none());
        let at = whole.and_then(|kept| kept.stream.deadline());
        let before = match at {
            Some(at) => self.deadlines.insert(id, at),
            None => self.deadlines.remove(&id),
        };
        if before != at {
            if let Some(before) = before {
                self.due.remove(&(before, id));
            }
            self.due.extend(at.map(|at| (at, id)));
        }
    }

    /// Does what time has brought to one stream after the other.
    fn run_due(&mut self, now: Timestamp) {
        if self.is_closed(now) {
            return;
        }
        while let Some((_, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.run_stream(id, now);
            self.watch(id);
        }
    }

    fn run_stream(&mut self, id: u64, now: Timestamp) {
        let Some(kept) = self.streams.get_mut(&id) else { return };
        let due = kept.stream.due(now, &kept.heads);
        kept.remove(&due.removals, &mut self.writer);
        let ttl = kept.stream.config().subject_delete_marker_ttl.as_secs();
        let headers = format!("NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: {ttl}s\r\n\r\n");
        let mut mark = |marker: &Placed| kept.place(marker, headers.as_bytes(), b"", true, &mut self.writer);
        due.markers.iter().for_each(&mut mark);
        if let Some(staged) = self.staged.get_mut(&id) {
            due.abandoned.iter().for_each(|batch| drop(staged.remove(batch)));
        }
    }

    /// Whether writes are refused for now.
    pub(super) fn is_closed(&self, now: Timestamp) -> bool {
        now < self.closed_until || self.writer.mail.has_failed()
    }

    /// What was decided and not written is undone: the streams are again what the journal has.
    fn undo(&mut self, out: &mut Outgoing, now: Timestamp) {
        self.closed_until = now + PAUSE;
        let before = self.subjects();
        if self.recover().is_ok() {
            before.iter().for_each(|subject| out.unsubscribe(subject.as_bytes()));
            self.subjects().iter().for_each(|subject| out.subscribe(subject.as_bytes()));
        }
    }

    fn subjects(&self) -> Vec<String> {
        self.streams.values().flat_map(|kept| kept.stream.config().subjects.iter().cloned()).collect()
    }
}

impl Service for Engine {
    fn start(&mut self, out: &mut Outgoing) {
        out.subscribe(API_SUBJECTS);
        self.subjects().iter().for_each(|subject| out.subscribe(subject.as_bytes()));
        self.writer.mail.wake_at(self.due.first().map(|(at, _)| *at));
    }

    fn message(&mut self, message: &Message<'_>, _: Option<&Origin>, out: &mut Outgoing) {
        let Ok(subject) = str::from_utf8(message.subject) else { return };
        if subject.starts_with("$JS.API.") {
            self.call(subject, message, out);
        } else {
            self.publish(subject, message, out);
        }
    }

    fn settle(&mut self, out: &mut Outgoing) {
        let now = self.clock.now();
        self.writer.commit();
        if self.writer.shelf.take_failure() {
            self.writer.mail.fail();
        }
        if self.writer.mail.take_failure() {
            self.undo(out, now);
        }
        self.run_due(now);
        self.writer.commit();
        self.writer.prune();
        let due = self.due.first().map(|(at, _)| (*at).max(self.closed_until));
        self.writer.mail.wake_at(due);
    }
}
