//! Messages go out while somebody takes them.

use std::time::Duration;

use model::{Timestamp, streams::AckPolicy};

use super::{
    Action, Advisory, Cause, Change, Consumer, Delivery, Status, Target, View, ack::dead_letter, pull::Served,
};
use crate::stream::Head;

/// Messages that one call sends. The rest follows at once, by the deadline.
const BURST: usize = 256;

impl Consumer {
    /// Sends what may be sent now.
    pub(super) fn pump(&mut self, now: Timestamp, view: View<'_>, actions: &mut Vec<Action>) {
        self.again_at = None;
        let mut burst = 0..BURST;
        while self.has_taker() && !self.is_paused(now) {
            let Some((head, is_new)) = self.next(view) else {
                if self.has_room() && self.ahead.is_searching() {
                    return self.again_at = Some(now);
                }
                break;
            };
            let at = self.pace.allows(&head, is_new, &self.settings.config);
            if at > now {
                self.again_at = Some(at);
                break;
            }
            if burst.next().is_none() {
                return self.again_at = Some(now);
            }
            self.send(&head, is_new, now, actions);
        }
        for id in self.requests.end_empty() {
            actions.push(Action::Tell(Target::Request(id), Status::NoMessages));
        }
    }

    /// Whether somebody would take a message now.
    pub(crate) fn has_taker(&self) -> bool {
        self.requests.len() > 0 || self.interest && self.flow.stalled().is_none()
    }

    pub(super) fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    fn has_room(&self) -> bool {
        self.settings.config.ack_policy == AckPolicy::None || self.outstanding.len() < self.outstanding_max()
    }

    /// The next message, and whether it is new: what comes again goes first.
    fn next(&mut self, view: View<'_>) -> Option<(Head, bool)> {
        while let Some(seq) = self.outstanding.ready() {
            match view.stored.get(seq) {
                Some(head) => return Some((head, false)),
                None => self.outstanding.remove(seq),
            }
        }
        if self.has_room() { self.ahead.peek(view).map(|head| (head.clone(), true)) } else { None }
    }

    fn send(&mut self, head: &Head, is_new: bool, now: Timestamp, actions: &mut Vec<Action>) {
        let (to, served) = if self.settings.config.is_push() {
            (Target::Subject, Served::default())
        } else {
            match self.requests.serve(head.bytes, now) {
                Ok(served) => (Target::Request(served.id), served),
                Err((id, status)) => return actions.push(Action::Tell(Target::Request(id), status)),
            }
        };
        let deliveries = self.outstanding.get(head.seq).map_or(1, |pending| pending.deliveries + 1);
        if is_new {
            self.ahead.pop();
        }
        self.pace.sent(head, is_new, &self.settings.config, now);
        let needs_ack = self.settings.config.ack_policy != AckPolicy::None;
        let due = needs_ack.then(|| now + self.ack_wait(deliveries));
        let consumer_seq = self.consumer_seq + 1;
        self.record(Change::Delivered { seq: head.seq, consumer_seq, deliveries, at: now, due }, actions);
        self.outstanding.give(head.seq, served.client);
        actions.push(Action::Deliver(Delivery {
            to,
            seq: head.seq,
            consumer_seq,
            deliveries,
            pending: self.ahead.pending,
            at: head.at,
            headers_only: self.settings.config.headers_only,
            is_last: served.is_last,
        }));
        if !needs_ack {
            actions.push(Action::Release(head.seq));
        }
        if let (Target::Request(_), Some(status)) = (to, served.status) {
            actions.push(Action::Tell(to, status));
        }
        self.sent(head.bytes, now, actions);
    }

    fn sent(&mut self, bytes: u64, now: Timestamp, actions: &mut Vec<Action>) {
        self.sent_at = now;
        if self.settings.config.flow_control
            && let Some(id) = self.flow.sent(bytes)
        {
            actions.push(Action::Tell(Target::Subject, Status::FlowControl(id)));
        }
    }

    /// How long the n-th acknowledgement of a message may take.
    pub(super) fn ack_wait(&self, deliveries: u64) -> Duration {
        let config = &self.settings.config;
        let step = usize::try_from(deliveries.saturating_sub(1)).unwrap_or(usize::MAX);
        config.backoff.get(step).or(config.backoff.last()).copied().unwrap_or(config.ack_wait)
    }

    /// Messages whose time has come are ready, or have been delivered as often as they may be.
    pub(super) fn wake(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        while let Some(seq) = self.outstanding.wake(now) {
            self.exhaust(seq, actions);
        }
    }

    fn exhaust(&mut self, seq: u64, actions: &mut Vec<Action>) {
        let max = model::streams::limit(self.settings.config.max_deliver);
        let Some(pending) = self.outstanding.get(seq).copied() else { return };
        if max.is_none_or(|max| pending.deliveries < max) {
            return;
        }
        actions.push(Action::Advise(Advisory::MaxDeliveries { seq, deliveries: pending.deliveries }));
        if self.settings.dead_letter {
            actions.push(dead_letter(seq, &pending, Cause::Exhausted));
        }
        self.record(Change::Done { seq, through: false }, actions);
        if self.settings.dead_letter {
            actions.push(Action::Release(seq));
        }
    }
}
