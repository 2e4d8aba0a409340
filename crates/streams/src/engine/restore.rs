//! Finds consumers again: after a restart, and after a write that failed.

use logic::consumer::{Event, Pull, Snapshot};
use model::{Timestamp, streams::ConsumerConfig};

use super::{
    Engine, OpenError,
    consumers::settings,
    ledger::{Description, Ledger, Restored},
    members::Member,
};
use crate::jetstream::Status;

/// What is not in the journal, and outlives a failed write.
pub(super) struct Survivors {
    /// Consumers that are kept in memory, with the numbers of their streams and their own.
    consumers: Vec<((u64, u64), ConsumerConfig, Member, Snapshot)>,
    requests: Vec<(u64, u64, Pull)>,
}

impl Engine {
    /// Takes the consumers from the journal. The streams are there already.
    pub(super) fn restore_consumers(&mut self) -> Result<(), OpenError> {
        for (id, bytes) in self.writer.journal().streams() {
            let Some(description) = Description::decode(&bytes) else { continue };
            let Description { stream, config, created, creator, position } = description;
            self.next_id = self.next_id.max(id + 1);
            let read = Ledger::read(id, position, self.writer.journal());
            let (ledger, state) = read.map_err(|cause| OpenError::Unreadable(id, cause))?;
            let name = config.name.as_str().into();
            let member = Member { name, created, creator, ledger: Some(ledger) };
            if !self.restore_consumer((stream, id), config, member, state) {
                return Err(OpenError::Unreadable(id, format!("there is no stream {stream}")));
            }
        }
        Ok(())
    }

    fn restore_consumer(
        &mut self,
        (stream, id): (u64, u64),
        config: ConsumerConfig,
        member: Member,
        state: Restored,
    ) -> bool {
        let now = self.clock.now();
        let Some(kept) = self.streams.get_mut(&stream) else { return false };
        kept.hub.restore(id, settings(config), state, now, &kept.heads);
        kept.members.insert(id, member);
        self.listen(stream, id);
        self.watch(stream);
        true
    }

    /// Takes along what the journal does not have.
    pub(super) fn survivors(&self, now: Timestamp) -> Survivors {
        let mut survivors = Survivors { consumers: Vec::new(), requests: Vec::new() };
        for kept in self.streams.values() {
            for (id, machine) in kept.hub.iter() {
                survivors.requests.extend(machine.requests(now).into_iter().map(|pull| (kept.id, id, pull)));
                if let Some(member) = kept.members.get(id).filter(|member| member.ledger.is_none()) {
                    let config = machine.settings().config.clone();
                    let (name, created, creator) = (member.name.clone(), member.created, member.creator.clone());
                    let member = Member { name, created, creator, ledger: None };
                    survivors.consumers.push(((kept.id, id), config, member, machine.snapshot()));
                }
            }
        }
        survivors
    }

    /// Brings it back: requests wait again, and those whose consumer has gone end.
    pub(super) fn revive(&mut self, survivors: Survivors) {
        for (number, config, member, mut snapshot) in survivors.consumers {
            let last = self.streams.get(&number.0).map_or(0, |kept| kept.hub.stream.counts().last_seq);
            // What was delivered without being stored comes again under the same sequence.
            snapshot.position = snapshot.position.min(last);
            self.restore_consumer(number, config, member, (snapshot, Vec::new()));
        }
        let mut known = std::mem::take(&mut self.requests.by_id);
        for (stream, consumer, pull) in survivors.requests {
            let Some(request) = known.remove(&pull.id) else { continue };
            if self.has_consumer(stream, consumer) {
                self.remember(pull.id, request);
                self.handle(stream, consumer, Event::Pull(pull));
            } else {
                self.send_status(&request.inbox, &Status::ConsumerDeleted);
            }
        }
    }
}
