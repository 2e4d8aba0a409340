//! The engine as a service of the NATS server.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use logic::stream::{Filters, Placed};
use model::Timestamp;
use ports::clock::Clock;
use serde_json::Value;

use super::{
    FIRST_STREAM, Limits, OpenError,
    clients::Clients,
    inside::{self, Inside, Wishes},
    kept::Kept,
    limits::Tally,
    listeners::Listeners,
    publish::Staged,
    recover,
    requests::Requests,
    stamp::stamped,
    writer::Writer,
};
use crate::{
    jetstream::{Api, ApiStats, Status, Unmet},
    server::{API_LEVEL, Interest, Message, Origin, Outgoing, Query, Service},
};

/// What the engine itself answers.
pub(super) const OWN_SUBJECTS: [&[u8]; 3] = [b"$JS.API.>", b"$JS.ACK.>", b"$JS.FC.>"];
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
    pub(super) limits: Limits,
    pub(super) tally: Tally,
    /// Who waits for messages.
    pub(super) requests: Requests,
    pub(super) clients: Clients,
    /// What is sent to which subject.
    pub(super) listeners: Listeners,
    /// Push consumers that are to be told whether anybody listens.
    pub(super) unbound: Vec<(u64, u64)>,
    /// Consumers whose state has changed since the last write.
    pub(super) changed: Vec<(u64, u64)>,
    /// Subjects of new streams.
    pub(super) subscribing: Vec<String>,
    /// Chooses names.
    pub(super) random: Rng,
    /// What the platform asks for.
    pub(super) wishes: Wishes,
    inside: Inside,
    deadlines: HashMap<u64, Timestamp>,
    due: BTreeSet<(Timestamp, u64)>,
}

impl Engine {
    pub(super) fn new(writer: Writer, clock: Arc<dyn Clock>) -> Self {
        let (inside, wishes) = inside::channel();
        let limits = Limits::default();
        Self {
            writer,
            clock,
            api: Api { level: API_LEVEL, strict: limits.is_strict, ..Api::default() },
            stats: ApiStats { level: API_LEVEL, ..ApiStats::default() },
            streams: BTreeMap::new(),
            names: BTreeMap::new(),
            filters: Filters::default(),
            staged: HashMap::new(),
            next_id: FIRST_STREAM,
            closed_until: Timestamp(0),
            limits,
            tally: Tally::default(),
            requests: Requests::default(),
            clients: Clients::default(),
            listeners: Listeners::default(),
            unbound: Vec::new(),
            changed: Vec::new(),
            subscribing: Vec::new(),
            random: Rng::new(),
            wishes,
            inside,
            deadlines: HashMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// Asks it what clients may not ask.
    pub(crate) fn inside(&self) -> Inside {
        self.inside.clone()
    }

    /// Sets the bounds of all streams together.
    pub fn limit(&mut self, limits: Limits) {
        self.api.strict = limits.is_strict;
        self.limits = limits;
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
        self.unbound.clear();
        self.changed.clear();
        self.subscribing.clear();
        (self.filters, self.listeners) = (Filters::default(), Listeners::default());
        self.tally = Tally::default();
        for kept in streams {
            self.add(kept);
        }
        self.restore_consumers()
    }

    pub(super) fn add(&mut self, kept: Kept) {
        let id = kept.id;
        self.next_id = self.next_id.max(id + 1);
        self.filters.insert(&kept.hub.stream.config().subjects, id);
        self.names.insert(kept.hub.stream.config().name.clone(), id);
        self.streams.insert(id, kept);
        self.watch(id);
    }

    /// Remembers when something is due in a stream that has changed or for its consumers, and what it takes.
    pub(super) fn watch(&mut self, id: u64) {
        let kept = self.streams.get(&id);
        let stream = kept.map(|kept| &kept.hub.stream);
        let bytes = stream.map(|stream| (stream.config().storage, stream.counts().bytes));
        self.tally.set(id, bytes);
        let at = kept.and_then(|kept| earlier(kept.deadline(), kept.hub.deadline()));
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

    /// Does what time has brought to one stream after the other, a step of each: what is left is due at once.
    fn run_due(&mut self, now: Timestamp) {
        if self.is_closed(now) {
            return;
        }
        let due: Vec<_> = self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in due {
            self.run_stream(id, now);
            let Some(kept) = self.streams.get_mut(&id) else { continue };
            let mut actions = Vec::new();
            kept.hub.due(now, &kept.heads, &mut actions);
            self.carry_out(id, actions, None);
        }
    }

    fn run_stream(&mut self, id: u64, now: Timestamp) {
        let Some(kept) = self.streams.get_mut(&id) else { return };
        if kept.deadline().is_none_or(|at| at > now) {
            return;
        }
        let due = kept.hub.stream.due(now, &kept.heads);
        kept.remove(&due.removals, &mut self.writer);
        let ttl = kept.hub.stream.config().subject_delete_marker_ttl.as_secs();
        let headers = format!("NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: {ttl}s\r\n\r\n");
        let mut mark = |marker: &Placed| kept.place(marker, headers.as_bytes(), b"", true, &mut self.writer);
        due.markers.iter().for_each(&mut mark);
        if let Some(staged) = self.staged.get_mut(&id) {
            due.abandoned.iter().for_each(|batch| drop(staged.remove(batch)));
        }
        let mut actions = Vec::new();
        kept.hub.aged(&due, now, &kept.heads, &mut actions);
        self.carry_out(id, actions, None);
        for firing in &due.firings {
            self.fire(id, firing);
        }
    }

    /// Whether writes are refused for now.
    pub(super) fn is_closed(&self, now: Timestamp) -> bool {
        now < self.closed_until || self.writer.mail.has_failed()
    }

    /// What was decided and not written is undone: the streams and their consumers are again what the journal has. Who waits
    /// for messages goes on waiting; those who would have got some are told that their time has passed.
    fn undo(&mut self, out: &mut Outgoing, now: Timestamp) {
        self.closed_until = now + PAUSE;
        let (before, survivors) = (self.subjects(), self.survivors(now));
        let lost = self.writer.begin_anew();
        if self.recover().is_ok() {
            before.iter().for_each(|subject| out.unsubscribe(subject.as_bytes()));
            self.subjects().iter().for_each(|subject| out.subscribe(subject.as_bytes()));
            self.revive(survivors);
        }
        for inbox in lost.iter().filter(|inbox| self.listeners.touched(inbox).is_empty()) {
            let status = Status::RequestTimeout(Unmet::default()).block();
            out.messages.push(&Message { subject: inbox, reply: None, headers: status.as_bytes(), payload: b"" });
        }
    }

    fn subjects(&self) -> Vec<String> {
        self.streams.values().flat_map(|kept| kept.hub.stream.config().subjects.iter().cloned()).collect()
    }
}

impl Service for Engine {
    fn start(&mut self, out: &mut Outgoing) {
        OWN_SUBJECTS.iter().for_each(|subject| out.subscribe(subject));
        self.subjects().iter().for_each(|subject| out.subscribe(subject.as_bytes()));
        self.writer.mail.wake_at(self.due.first().map(|(at, _)| *at));
    }

    fn message(&mut self, message: &Message<'_>, from: Option<&Origin>, out: &mut Outgoing) {
        let Ok(subject) = str::from_utf8(message.subject) else { return };
        if subject.starts_with("$JS.API.") {
            self.call(subject, message, from, out);
        } else if subject.starts_with("$JS.ACK.") {
            self.acknowledge(subject, message, from, out);
        } else if subject.starts_with("$JS.FC.") {
            self.flow(subject, from, out);
        } else {
            let headers = from.and_then(|from| stamped(message, from));
            let headers = headers.as_deref().unwrap_or(message.headers);
            self.publish(subject, &Message { headers, ..*message }, out);
        }
    }

    fn given(&mut self, message: &Message<'_>, client: u64) {
        message.reply.and_then(|reply| self.note_taker(reply, client));
    }

    fn drain(&mut self, client: u64) {
        self.drain_client(client);
    }

    fn gone(&mut self, client: u64) {
        self.client_gone(client);
    }

    fn is_busy(&self, client: u64) -> bool {
        self.is_client_busy(client)
    }

    fn monitor(&self, page: &str, query: &Query<'_>) -> Option<Value> {
        self.page(page, query)
    }

    fn settle(&mut self, interest: &Interest<'_>, out: &mut Outgoing) {
        let now = self.clock.now();
        self.writer.collect(&mut out.messages);
        if self.writer.shelf.take_failure() {
            self.writer.mail.fail();
        }
        if self.writer.is_undone() && now >= self.closed_until {
            self.undo(out, now);
        }
        self.note_interest(interest);
        self.serve_inside(out);
        self.serve_requests(interest);
        self.run_due(now);
        self.write_changes();
        self.writer.commit(&mut out.messages);
        self.subscribing.drain(..).for_each(|subject| out.subscribe(subject.as_bytes()));
        let undo = self.writer.is_undone().then_some(self.closed_until);
        let due = self.due.first().map(|(at, _)| (*at).max(self.closed_until));
        self.writer.mail.wake_at(earlier(due, undo));
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}
