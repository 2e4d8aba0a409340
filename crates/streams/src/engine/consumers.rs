//! Making, changing and deleting consumers.

use std::iter::repeat_with;

use logic::consumer::{Action, Event, Settings, Snapshot, check, check_pedantic, check_unique, check_update};
use model::{
    ServiceName, Timestamp,
    streams::{self, ConsumerConfig, Redelivery, Retention, limit},
};

use super::{
    Engine,
    api::{Reply, Served},
    change, dead,
    kept::Kept,
    ledger::{Description, Ledger},
    listeners::Sender,
    members::Member,
};
use crate::jetstream::{self, ApiError, ConsumerCreate, Done, ErrorCode, Nanos, Pause, Response, Time};

/// The length of a name that the engine chooses.
const NAME_CHARS: usize = 8;
/// What a consumer begins with has place in one record of the journal.
const STATE_BYTES_MAX: usize = 3 << 20;

impl Engine {
    pub(super) fn create_consumer(
        &mut self,
        stream: &str,
        create: ConsumerCreate,
        creator: Option<&ServiceName>,
    ) -> Served {
        self.check_open()?;
        let ConsumerCreate { action, pedantic, mut config } = create;
        let said = pedantic.then(|| config.clone());
        self.limits.bound_requests(&mut config)?;
        let kept = self.find(stream)?;
        let id = kept.id;
        if config.name.is_empty() {
            config.name.clone_from(&config.durable_name);
        }
        if config.name.is_empty() {
            config.name = self.free_name(id);
        }
        let kept = self.find(stream)?;
        Redelivery::read(&kept.hub.stream.config().metadata).fill(&mut config);
        if let Some(said) = said {
            check_pedantic(&said, &check(config.clone(), kept.hub.stream.config())?)?;
        }
        let existing = kept.members.find(&config.name);
        match (existing, action) {
            (Some(consumer), action) => self.update_consumer(id, consumer, action, config),
            (None, jetstream::Action::Update) => Err(ErrorCode::ConsumerDoesNotExist.error()),
            (None, _) => self.add_consumer(id, config, creator.cloned()),
        }
    }

    fn add_consumer(&mut self, stream: u64, config: ConsumerConfig, creator: Option<ServiceName>) -> Served {
        let kept = self.kept(stream)?;
        let config = check(config, kept.hub.stream.config())?;
        check_others(kept, None, &config)?;
        let most = limit(kept.hub.stream.config().max_consumers);
        if most.is_some_and(|most| kept.members.len() as u64 >= most) {
            return Err(ErrorCode::MaximumConsumersLimit.error());
        }
        if dead::is_wanted(&config) {
            self.ensure_dead(stream, &config.name)?;
        }
        let (id, now) = (self.take_id(), self.clock.now());
        let kept = self.kept_mut(stream)?;
        kept.hub.create(id, settings(config), now, &kept.heads);
        if let Err(error) = self.keep_consumer(stream, id, now, creator) {
            self.kept_mut(stream).into_iter().for_each(|kept| drop(kept.hub.remove(id, &kept.heads)));
            return Err(error);
        }
        self.listen(stream, id);
        self.advise_of_consumer(stream, id, "create");
        self.watch(stream);
        let info = self.consumer_info(self.kept(stream)?, id)?;
        let is_kept = !info.config.mem_storage;
        let response = Response::ConsumerCreate(info);
        Ok(if is_kept { Reply::Durable(response) } else { Reply::Now(response) })
    }

    /// Writes a new consumer to the journal, unless it is to be kept in memory.
    fn keep_consumer(
        &mut self,
        stream: u64,
        id: u64,
        created: Timestamp,
        creator: Option<ServiceName>,
    ) -> Result<(), ApiError> {
        let kept = self.streams.get_mut(&stream).ok_or_else(|| ErrorCode::StreamNotFound.error())?;
        let machine = kept.hub.get(id).ok_or_else(|| ErrorCode::ConsumerNotFound.error())?;
        let (config, snapshot) = (machine.settings().config.clone(), machine.snapshot());
        let name = config.name.as_str().into();
        let mut ledger = None;
        if !config.mem_storage {
            let position = snapshot.position;
            let whole = (snapshot != Snapshot { position, ..Snapshot::default() }).then(|| change::snapshot(&snapshot));
            if whole.as_ref().is_some_and(|whole| whole.len() > STATE_BYTES_MAX) {
                return Err(ErrorCode::ConsumerStoreFailed.because("it begins with too many messages"));
            }
            let creator = creator.clone();
            self.writer.create(id, &Description { stream, config, created, creator, position }.encode());
            let ledger = ledger.insert(Ledger::new(position));
            whole.iter().for_each(|whole| ledger.write_whole(id, whole, &mut self.writer));
        }
        kept.members.insert(id, Member { name, created, creator, ledger });
        Ok(())
    }

    fn update_consumer(&mut self, stream: u64, id: u64, action: jetstream::Action, config: ConsumerConfig) -> Served {
        let kept = self.kept(stream)?;
        let machine = kept.hub.get(id).ok_or_else(|| ErrorCode::ConsumerNotFound.error())?;
        let old = machine.settings().config.clone();
        if action == jetstream::Action::Create && check(config.clone(), kept.hub.stream.config())? != old {
            return Err(ErrorCode::ConsumerAlreadyExists.error());
        }
        let new = check_update(&old, config, kept.hub.stream.config())?;
        if machine.is_bound() && old.deliver_subject != new.deliver_subject {
            return Err(ErrorCode::ConsumerNameExists.error());
        }
        check_others(kept, Some(id), &new)?;
        if new != old {
            if dead::is_wanted(&new) {
                self.ensure_dead(stream, &new.name)?;
            }
            self.change_consumer(stream, id, &old, new)?;
        }
        let info = self.consumer_info(self.kept(stream)?, id)?;
        Ok(Reply::Durable(Response::ConsumerCreate(info)))
    }

    fn change_consumer(
        &mut self,
        stream: u64,
        id: u64,
        old: &ConsumerConfig,
        new: ConsumerConfig,
    ) -> Result<(), ApiError> {
        let kept = self.kept(stream)?;
        let member = kept.members.get(id).ok_or_else(|| ErrorCode::ConsumerNotFound.error())?;
        if let Some(ledger) = &member.ledger {
            let (config, created, creator) = (new.clone(), member.created, member.creator.clone());
            let description = Description { stream, config, created, creator, position: ledger.position }.encode();
            self.writer.describe(id, &description);
        }
        if old.is_push() {
            self.listeners.remove(old.deliver_subject.as_bytes(), Sender::Push(stream, id));
        }
        let pause = (old.pause_until != new.pause_until).then_some(new.pause_until);
        self.handle(stream, id, Event::Update(Box::new(settings(new))));
        pause.into_iter().for_each(|until| self.handle(stream, id, Event::Pause(until)));
        self.listen(stream, id);
        Ok(())
    }

    pub(super) fn delete_by_name(&mut self, stream: &str, consumer: &str) -> Served {
        let (stream, consumer) = self.find_consumer(stream, consumer)?;
        self.check_sound()?;
        self.carry_out(stream, vec![(consumer, Action::Delete)], None);
        Ok(Reply::Durable(Response::ConsumerDelete(Done::DONE)))
    }

    pub(super) fn pause(&mut self, stream: &str, consumer: &str, until: Option<Timestamp>) -> Served {
        let (stream, consumer) = self.find_consumer(stream, consumer)?;
        self.check_open()?;
        self.handle(stream, consumer, Event::Pause(until));
        let now = self.clock.now();
        let kept = self.kept(stream)?;
        let until =
            kept.hub.info(consumer, &kept.heads).and_then(|info| info.paused_until).filter(|until| *until > now);
        Ok(Reply::Durable(Response::ConsumerPause(Pause {
            paused: until.is_some(),
            pause_until: Time(until.map(super::info::time)),
            pause_remaining: until.map_or(Nanos(0), |until| super::info::nanos(until.since(now))),
        })))
    }

    /// The numbers of a stream and of a consumer of it.
    pub(super) fn find_consumer(&self, stream: &str, consumer: &str) -> Result<(u64, u64), ApiError> {
        let kept = self.find(stream)?;
        let id = kept.members.find(consumer).ok_or_else(|| ErrorCode::ConsumerNotFound.error())?;
        Ok((kept.id, id))
    }

    /// Watches who listens to the delivery subject of a push consumer.
    pub(super) fn listen(&mut self, stream: u64, id: u64) {
        let machine = self.streams.get(&stream).and_then(|kept| kept.hub.get(id));
        if let Some(machine) = machine.filter(|machine| machine.settings().config.is_push()) {
            let to = machine.settings().config.deliver_subject.as_bytes();
            self.listeners.insert(to, Sender::Push(stream, id));
            self.unbound.push((stream, id));
        }
    }

    /// A name that no consumer of the stream has.
    fn free_name(&mut self, stream: u64) -> String {
        let names = repeat_with(|| repeat_with(|| self.random.alphanumeric()).take(NAME_CHARS).collect::<String>());
        let is_free = |name: &String| self.streams.get(&stream).is_none_or(|kept| kept.members.find(name).is_none());
        names.into_iter().find(is_free).unwrap_or_default()
    }
}

/// What a consumer's machine is told of a configuration.
pub(super) fn settings(config: ConsumerConfig) -> Settings {
    let dead_letter = dead::is_wanted(&config);
    Settings { config, dead_letter }
}

/// A message of a work queue has one consumer.
fn check_others(kept: &Kept, own: Option<u64>, config: &ConsumerConfig) -> Result<(), streams::ApiError> {
    if kept.hub.stream.config().retention != Retention::WorkQueue {
        return Ok(());
    }
    let others = kept.hub.iter().filter(|(id, _)| Some(*id) != own);
    check_unique(config, others.map(|(_, machine)| &machine.settings().config))
}
