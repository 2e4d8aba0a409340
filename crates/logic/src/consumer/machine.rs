//! The machine itself.

use model::{
    Timestamp,
    streams::{ConsumerConfig, limit},
};

use super::{
    Action, Advisory, Change, Event, OUTSTANDING_MAX, Pull, Status, Target, ahead::Ahead, flow::Flow,
    outstanding::Outstanding, pace::Pace, pull::Requests,
};
use crate::stream::{Head, Index, Stored};

/// What a consumer must know of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its configuration, as [`super::check`] returned it.
    pub config: ConsumerConfig,
    /// Whether a message that is given up, because it was delivered as often as it may be or failed for good, is kept in a
    /// dead-letter stream. Without it an exhausted message stays in the stream and is not delivered again.
    pub dead_letter: bool,
}

/// The stream that a consumer reads, after the event at hand.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Its subjects.
    pub index: &'a Index,
    /// Its last sequence.
    pub last: u64,
    /// Its messages.
    pub stored: &'a dyn Stored,
}

/// One consumer. Its memory grows with outstanding messages and waiting requests, both bounded, and while it begins with
/// the last messages of all subjects, with those.
#[derive(Debug)]
pub struct Consumer {
    pub(super) settings: Settings,
    pub(super) ahead: Ahead,
    pub(super) outstanding: Outstanding,
    pub(super) consumer_seq: u64,
    pub(super) stream_seq: u64,
    pub(super) last_at: Option<Timestamp>,
    /// When something was acknowledged last, as long as the process lives.
    pub(super) acked_at: Option<Timestamp>,
    pub(super) paused_until: Option<Timestamp>,
    pub(super) requests: Requests,
    pub(super) interest: bool,
    pub(super) flow: Flow,
    pub(super) pace: Pace,
    /// When something was sent last.
    pub(super) sent_at: Timestamp,
    /// When there is more to send.
    pub(super) again_at: Option<Timestamp>,
    /// Since when nobody uses it.
    idle_since: Option<Timestamp>,
}

impl Consumer {
    /// A new consumer of a stream as it is now.
    pub fn new(settings: Settings, view: View<'_>, now: Timestamp) -> Self {
        let ahead = Ahead::begin(&settings.config, view);
        let paused_until = settings.config.pause_until.filter(|until| *until > now);
        let stream_seq = ahead.before(view);
        Self { paused_until, stream_seq, ..Self::empty(settings, ahead, now) }
    }

    pub(super) fn empty(settings: Settings, ahead: Ahead, now: Timestamp) -> Self {
        Self {
            ahead,
            settings,
            outstanding: Outstanding::default(),
            consumer_seq: 0,
            stream_seq: 0,
            last_at: None,
            acked_at: None,
            paused_until: None,
            requests: Requests::default(),
            interest: false,
            flow: Flow::default(),
            pace: Pace::default(),
            sent_at: now,
            again_at: None,
            idle_since: Some(now),
        }
    }

    /// A message that it wants was stored (see [`crate::stream::Filters`]). [`Event::Changed`] follows when every consumer
    /// was told of everything that one decision of the stream has changed, in order.
    pub fn published(&mut self, head: Head) {
        self.ahead.published(head);
    }

    /// The same for a message that is gone.
    pub fn removed(&mut self, seq: u64) {
        self.ahead.removed(seq);
        self.outstanding.remove(seq);
    }

    /// The same where all messages have gone, which were before this sequence.
    pub fn cleared(&mut self, before: u64) {
        self.ahead.cleared(before);
        self.outstanding.drop_before(before);
    }

    /// Push only: a client has got this message, as [`Pull::client`] does where messages are pulled.
    pub fn taken(&mut self, seq: u64, client: u64) {
        self.outstanding.give(seq, client);
    }

    /// Nobody takes from it, so it is told of no messages any more, until [`Consumer::rouse`]: what many consumers would count at each
    /// message is asked of the index when somebody wants to know. `false` if it must be told.
    pub(crate) fn rest(&mut self) -> bool {
        self.outstanding.len() == 0 && self.ahead.rest()
    }

    pub(crate) fn rests(&self) -> bool {
        self.ahead.rests()
    }

    /// Is told of messages again.
    pub(crate) fn rouse(&mut self, view: View<'_>) {
        self.ahead.count(view);
    }

    /// Takes an event and appends what must be done, in order. The view is of the stream as it is now.
    pub fn handle(&mut self, event: Event, now: Timestamp, view: View<'_>, actions: &mut Vec<Action>) {
        match event {
            Event::Changed => {}
            Event::Pull(pull) => self.pull(&pull, now, actions),
            Event::Gone(client) => self.take_back(client, now, actions),
            Event::Abandoned(id) => self.requests.remove(id),
            Event::Ack { seq, ack, answer } => {
                self.ack(seq, ack, now, actions);
                actions.extend(answer.map(Action::Answer));
            }
            Event::Interest(interest) => self.set_interest(interest, now),
            Event::FlowReply(id) => {
                let next = self.flow.answered(id).map(Status::FlowControl);
                actions.extend(next.map(|status| Action::Tell(Target::Subject, status)));
            }
            Event::Pause(until) => self.pause(until, now, actions),
            Event::Rewind(seq) => self.rewind(seq, view, actions),
            Event::Skip(seq) => {
                self.record(Change::Done { seq: seq.saturating_sub(1), through: true }, actions);
                self.rewind(seq, view, actions);
            }
            Event::Update(settings) => self.update(*settings, view),
            Event::Due => self.due(now, actions),
            Event::Delete => return self.end(&Status::ConsumerDeleted, actions),
            Event::Shutdown => return self.end(&Status::ServerShutdown, actions),
        }
        self.wake(now, actions);
        self.pump(now, view, actions);
        self.note_idle(now);
    }

    /// When [`Event::Due`] must be handled.
    pub fn deadline(&self) -> Option<Timestamp> {
        let config = &self.settings.config;
        let beat = Some(config.idle_heartbeat).filter(|pause| self.interest && !pause.is_zero());
        let idle = Some(config.inactive_threshold).filter(|threshold| !threshold.is_zero());
        [
            self.outstanding.deadline(),
            self.requests.deadline(),
            self.paused_until,
            self.again_at,
            beat.map(|pause| self.sent_at + pause),
            idle.and_then(|threshold| Some(self.idle_since? + threshold)),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether it will still want a message that is in the stream and that its filters match: it was not delivered yet, or
    /// not acknowledged. With interest retention a message may go when no consumer needs it.
    pub fn needs(&self, seq: u64) -> bool {
        self.ahead.contains(seq) || self.outstanding.contains(seq)
    }

    /// Push only: whether anybody listens to the delivery subject.
    pub fn is_bound(&self) -> bool {
        self.interest
    }

    /// The requests that wait, with what they have not got yet.
    pub fn requests(&self, now: Timestamp) -> Vec<Pull> {
        self.requests.iter(now).collect()
    }

    /// Whether a client has something that it has not acknowledged ([`Pull::client`]).
    pub fn is_awaited_of(&self, client: u64) -> bool {
        self.outstanding.of(client).next().is_some()
    }

    pub(super) fn outstanding_max(&self) -> u64 {
        limit(self.settings.config.max_ack_pending).unwrap_or(OUTSTANDING_MAX).min(OUTSTANDING_MAX)
    }

    /// Carries a change out and has it written down.
    pub(super) fn record(&mut self, change: Change, actions: &mut Vec<Action>) {
        self.apply(change);
        actions.push(Action::Record(change));
    }

    pub(super) fn pull(&mut self, pull: &Pull, now: Timestamp, actions: &mut Vec<Action>) {
        self.idle_since = Some(now);
        let refused = if self.settings.config.is_push() {
            Err(Some(Status::PushBased))
        } else {
            self.requests.add(pull, &self.settings.config, now)
        };
        match refused {
            Ok(()) => {}
            Err(Some(status)) => actions.push(Action::Tell(Target::Request(pull.id), status)),
            Err(None) => actions.push(Action::Forget(pull.id)),
        }
    }

    fn take_back(&mut self, client: u64, now: Timestamp, actions: &mut Vec<Action>) {
        for seq in self.outstanding.of(client).collect::<Vec<_>>() {
            self.record(Change::Delayed { seq, due: now }, actions);
        }
    }

    fn set_interest(&mut self, interest: bool, now: Timestamp) {
        self.interest = interest;
        self.sent_at = now;
        self.idle_since = Some(now);
        self.flow.reset();
    }

    fn pause(&mut self, until: Option<Timestamp>, now: Timestamp, actions: &mut Vec<Action>) {
        let until = until.filter(|until| *until > now);
        if until != self.paused_until {
            self.record(Change::Paused(until), actions);
            actions.push(Action::Advise(Advisory::Paused(until)));
        }
    }

    fn rewind(&mut self, seq: u64, view: View<'_>, actions: &mut Vec<Action>) {
        self.record(Change::Rewound(seq.saturating_sub(1)), actions);
        self.ahead.count(view);
    }

    fn update(&mut self, settings: Settings, view: View<'_>) {
        let filters: Vec<Box<str>> = settings.config.filters().into_iter().map(Into::into).collect();
        self.settings = settings;
        if filters != self.ahead.filters {
            self.ahead.filters = filters;
            self.ahead.count(view);
        }
    }

    fn due(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.pause(None, now, actions);
        }
        while let Some((id, left)) = self.requests.due(now) {
            let status = left.map_or_else(|| self.heartbeat(), Status::RequestTimeout);
            actions.push(Action::Tell(Target::Request(id), status));
        }
        let config = &self.settings.config;
        if self.interest && !config.idle_heartbeat.is_zero() && self.sent_at + config.idle_heartbeat <= now {
            self.sent_at = now;
            actions.push(Action::Tell(Target::Subject, self.heartbeat()));
        }
        let threshold = self.settings.config.inactive_threshold;
        if !threshold.is_zero() && self.idle_since.is_some_and(|since| since + threshold <= now) {
            self.idle_since = None;
            actions.push(Action::Delete);
        }
    }

    fn heartbeat(&self) -> Status {
        Status::IdleHeartbeat {
            last_consumer: self.consumer_seq,
            last_stream: self.stream_seq,
            stalled: self.flow.stalled(),
        }
    }

    /// Notes since when nobody uses it.
    fn note_idle(&mut self, now: Timestamp) {
        let is_used = self.interest || self.requests.len() > 0;
        self.idle_since = if is_used { None } else { self.idle_since.or(Some(now)) };
    }

    fn end(&mut self, status: &Status, actions: &mut Vec<Action>) {
        let requests = self.requests.drain().into_iter().map(Target::Request);
        let all = requests.chain(self.interest.then_some(Target::Subject));
        actions.extend(all.map(|to| Action::Tell(to, status.clone())));
    }
}
