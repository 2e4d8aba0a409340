//! What becomes of a message by its acknowledgement, or because none comes.

use std::time::Duration;

use model::{Timestamp, streams::AckPolicy};

use super::{Ack, Action, Advisory, Cause, Change, Consumer, Death, Pending};

impl Consumer {
    pub(super) fn ack(&mut self, seq: u64, ack: Ack, now: Timestamp, actions: &mut Vec<Action>) {
        match ack {
            Ack::Done => self.done(seq, now, actions),
            Ack::Next(pull) => {
                self.pull(&pull, now, actions);
                self.done(seq, now, actions);
            }
            Ack::Nak(delay) => self.nak(seq, delay, now, actions),
            Ack::Progress => {
                if let Some(pending) = self.outstanding.get(seq) {
                    let due = now + self.ack_wait(pending.deliveries);
                    self.record(Change::Delayed { seq, due }, actions);
                }
            }
            Ack::Term(reason) => self.terminate(seq, reason, now, actions),
        }
    }

    fn nak(&mut self, seq: u64, delay: Option<Duration>, now: Timestamp, actions: &mut Vec<Action>) {
        if let Some(Pending { consumer_seq, deliveries, .. }) = self.outstanding.get(seq).copied() {
            actions.push(Action::Advise(Advisory::Naked { seq, consumer_seq, deliveries }));
            self.record(Change::Delayed { seq, due: now + delay.unwrap_or(Duration::ZERO) }, actions);
            self.outstanding.give(seq, 0);
        }
    }

    fn terminate(&mut self, seq: u64, reason: Option<Box<str>>, now: Timestamp, actions: &mut Vec<Action>) {
        if let Some(pending) = self.outstanding.get(seq).copied() {
            let Pending { consumer_seq, deliveries, .. } = pending;
            actions.push(Action::Advise(Advisory::Terminated {
                seq,
                consumer_seq,
                deliveries,
                reason: reason.clone(),
            }));
            if self.settings.dead_letter {
                actions.push(dead_letter(seq, &pending, Cause::Terminated(reason)));
            }
            self.acked_at = Some(now);
            self.record(Change::Done { seq, through: false }, actions);
            actions.push(Action::Release(seq));
        }
    }

    /// A message, or with [`AckPolicy::All`] every one up to it, is done with; it may be gone itself.
    fn done(&mut self, seq: u64, now: Timestamp, actions: &mut Vec<Action>) {
        let through = self.settings.config.ack_policy == AckPolicy::All;
        if !through && !self.settings.config.sample_freq.is_empty() {
            actions.extend(self.outstanding.get(seq).map(|pending| acked(seq, pending, now)));
        }
        let done = match through {
            true if seq <= self.stream_seq => self.outstanding.through(seq),
            false if self.outstanding.contains(seq) => vec![seq],
            _ => Vec::new(),
        };
        if !done.is_empty() {
            self.acked_at = Some(now);
            self.record(Change::Done { seq, through }, actions);
            actions.extend(done.into_iter().map(Action::Release));
        }
    }
}

pub(super) fn dead_letter(seq: u64, pending: &Pending, cause: Cause) -> Action {
    let Pending { deliveries, first_at, at, .. } = *pending;
    Action::DeadLetter(seq, Death { deliveries, first_at, last_at: at, cause })
}

fn acked(seq: u64, pending: &Pending, now: Timestamp) -> Action {
    let Pending { consumer_seq, deliveries, at, .. } = *pending;
    Action::Advise(Advisory::Acked { seq, consumer_seq, deliveries, delay: now.since(at) })
}
