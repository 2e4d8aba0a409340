//! Carries out what consumers ask for.

use std::collections::VecDeque;

use logic::consumer::{Action, Event, Target};

use super::{
    Engine,
    answer::{Answer, Asked},
    listeners::Sender,
};

/// What consumers of one stream still ask for, in order.
type Rest = VecDeque<(u64, Action)>;

impl Engine {
    /// Something happens to a consumer.
    pub(super) fn handle(&mut self, stream: u64, consumer: u64, event: Event) {
        self.handle_for(stream, consumer, event, None);
    }

    /// The same, with where to answer.
    pub(super) fn handle_for(&mut self, stream: u64, consumer: u64, event: Event, reply: Option<&[u8]>) {
        let Some(kept) = self.streams.get_mut(&stream) else { return };
        let mut actions = Vec::new();
        kept.hub.handle(consumer, event, self.clock.now(), &kept.heads, &mut actions);
        self.carry_out(stream, actions, reply);
    }

    /// Carries out what consumers of a stream ask for, and what comes of it.
    pub(super) fn carry_out(&mut self, stream: u64, actions: Vec<(u64, Action)>, reply: Option<&[u8]>) {
        let mut rest = Rest::from(actions);
        while let Some((consumer, action)) = rest.pop_front() {
            match action {
                Action::Deliver(delivery) => self.deliver(stream, consumer, &delivery),
                Action::Tell(target, status) => self.tell(stream, consumer, target, &status),
                Action::Forget(request) => self.forget(request),
                Action::Record(change) => {
                    let member = self.streams.get_mut(&stream).and_then(|kept| kept.members.get_mut(consumer));
                    let ledger = member.and_then(|member| member.ledger.as_mut());
                    if ledger.is_some_and(|ledger| ledger.note(&change)) {
                        self.changed.push((stream, consumer));
                    }
                }
                Action::Answer(_) => self.answer(stream, reply),
                Action::Release(seq) => self.release(stream, seq, &mut rest),
                Action::Advise(advisory) => self.advise(stream, consumer, &advisory),
                Action::DeadLetter(seq, death) => {
                    let is_kept = self.bury(stream, consumer, seq, &death);
                    if !is_kept {
                        rest.retain(|(of, action)| *of != consumer || *action != Action::Release(seq));
                    }
                }
                Action::Delete => self.delete_consumer(stream, consumer, &mut rest),
            }
        }
        self.watch(stream);
    }

    fn answer(&mut self, stream: u64, reply: Option<&[u8]>) {
        if let (Some(reply), Some(kept)) = (reply, self.streams.get(&stream)) {
            let durability = kept.durability();
            self.writer.answer(Answer { reply: reply.into(), body: String::new(), asked: Asked::Ack, durability });
        }
    }

    fn release(&mut self, stream: u64, seq: u64, rest: &mut Rest) {
        let Some(kept) = self.streams.get_mut(&stream).filter(|kept| kept.damage.is_none()) else { return };
        let removals = kept.hub.release(seq, &kept.heads);
        if !removals.is_empty() {
            kept.remove(&removals, &mut self.writer);
            let mut actions = Vec::new();
            kept.hub.gone(&removals, self.clock.now(), &kept.heads, &mut actions);
            rest.extend(actions);
        }
    }

    /// Ends a consumer: who waits for it is told, and its state goes.
    pub(super) fn end_consumer(&mut self, stream: u64, consumer: u64) {
        self.advise_of_consumer(stream, consumer, "delete");
        self.clients.forget(stream, consumer);
        let Some(kept) = self.streams.get_mut(&stream) else { return };
        let mut actions = Vec::new();
        kept.hub.handle(consumer, Event::Delete, self.clock.now(), &kept.heads, &mut actions);
        for (_, action) in actions {
            if let Action::Tell(target, status) = action {
                self.tell(stream, consumer, target, &status);
            }
        }
        if let Some(to) = self.inbox(stream, consumer, Target::Subject) {
            self.listeners.remove(&to, Sender::Push(stream, consumer));
        }
        let member = self.streams.get_mut(&stream).and_then(|kept| kept.members.remove(consumer));
        if member.is_some_and(|member| member.ledger.is_some()) {
            self.writer.drop_stream(consumer);
        }
    }

    /// Deletes a consumer. Messages that it alone needed go too.
    fn delete_consumer(&mut self, stream: u64, consumer: u64, rest: &mut Rest) {
        self.end_consumer(stream, consumer);
        rest.retain(|(of, _)| *of != consumer);
        let Some(kept) = self.streams.get_mut(&stream) else { return };
        let (freed, is_whole) = (kept.hub.remove(consumer, &kept.heads), kept.damage.is_none());
        for seq in freed.into_iter().filter(|_| is_whole) {
            let removals = kept.hub.stream.settle(seq, &kept.heads);
            kept.remove(&removals, &mut self.writer);
            let mut actions = Vec::new();
            kept.hub.gone(&removals, self.clock.now(), &kept.heads, &mut actions);
            rest.extend(actions);
        }
    }

    /// Writes what consumers have done since the last time into the batch.
    pub(super) fn write_changes(&mut self) {
        for (stream, consumer) in std::mem::take(&mut self.changed) {
            let Some(kept) = self.streams.get_mut(&stream) else { continue };
            let Some(machine) = kept.hub.get(consumer) else { continue };
            let ledger = kept.members.get_mut(consumer).and_then(|member| member.ledger.as_mut());
            ledger.into_iter().for_each(|ledger| ledger.write(consumer, machine, &mut self.writer));
        }
    }

    /// The subject that something is sent to.
    pub(super) fn inbox(&self, stream: u64, consumer: u64, target: Target) -> Option<Box<[u8]>> {
        match target {
            Target::Request(id) => self.requests.by_id.get(&id).map(|request| request.inbox.clone()),
            Target::Subject => {
                let machine = self.streams.get(&stream)?.hub.get(consumer)?;
                Some(machine.settings().config.deliver_subject.as_bytes().into())
            }
        }
    }
}
