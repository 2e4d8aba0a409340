//! Making, changing and emptying streams.

use logic::{
    consumer::{self, Consumer},
    stream::{Removals, check, check_pedantic, check_update, offers},
    subject::overlap,
};
use model::streams::{MANIFEST_KEY, StreamConfig};

use super::{
    Engine,
    answer::refusal,
    api::{Reply, Served},
    kept::{Description, Kept},
    service::OWN_SUBJECTS,
};
use crate::{
    jetstream::{ApiError, Created, Done, ErrorCode, Purge, Purged, Response},
    server::Outgoing,
};

impl Engine {
    pub(super) fn create(&mut self, said: StreamConfig, pedantic: bool) -> Served {
        let config = check(said.clone())?;
        if pedantic {
            check_pedantic(&said, &config)?;
        }
        check_support(&config)?;
        if let Ok(kept) = self.find(&config.name) {
            if !is_as_asked(kept, &config) {
                return Err(ErrorCode::StreamNameExists.error());
            }
            return Ok(Reply::Durable(Response::StreamCreate(Created { info: self.info(kept), did_create: false })));
        }
        self.check_overlap(&config)?;
        self.check_reserved(&config)?;
        self.check_open()?;
        let id = self.make(config);
        let created = Created { info: self.info(self.kept(id)?), did_create: true };
        Ok(Reply::Durable(Response::StreamCreate(created)))
    }

    /// Makes a stream of a configuration that was checked.
    pub(super) fn make(&mut self, config: StreamConfig) -> u64 {
        let description = Description { config, created: self.clock.now() };
        let kept = Kept::new(self.take_id(), description, self.writer.shelf.clone());
        self.writer.create(kept.id, &kept.description());
        self.subscribing.extend(kept.hub.stream.config().subjects.iter().cloned());
        self.advise_of_stream(&kept.name, "create");
        let id = kept.id;
        self.add(kept);
        id
    }

    pub(super) fn update(&mut self, said: StreamConfig, pedantic: bool, out: &mut Outgoing) -> Served {
        let kept = self.find(&said.name)?;
        kept.check_whole()?;
        let old = kept.hub.stream.config().clone();
        let config = check_update(&old, said.clone())?;
        if pedantic {
            check_pedantic(&said, &config)?;
        }
        check_support(&config)?;
        self.check_overlap(&config)?;
        self.check_reserved(&config)?;
        check_consumers(self.find(&config.name)?, &config)?;
        self.check_open()?;
        let id = self.find(&config.name)?.id;
        let kept = self.kept_mut(id)?;
        let removals = kept.hub.stream.update(config.clone(), &kept.heads);
        let description = kept.description();
        self.writer.describe(id, &description);
        self.filters.remove(&old.subjects, id);
        self.filters.insert(&config.subjects, id);
        old.subjects.iter().for_each(|subject| out.unsubscribe(subject.as_bytes()));
        config.subjects.iter().for_each(|subject| out.subscribe(subject.as_bytes()));
        self.gone(id, &removals);
        self.advise_of_stream(&config.name, "modify");
        Ok(Reply::Durable(Response::StreamUpdate(self.info(self.find(&config.name)?))))
    }

    /// An update that changes nothing, as a service may ask for it.
    pub(super) fn update_to_same(&self, said: StreamConfig) -> Served {
        let config = check(said)?;
        let kept = self.find(&config.name)?;
        if !is_as_asked(kept, &config) {
            return Err(of_manifest());
        }
        Ok(Reply::Durable(Response::StreamUpdate(self.info(kept))))
    }

    pub(super) fn delete(&mut self, name: &str, out: &mut Outgoing) -> Served {
        let kept = self.find(name)?;
        let (id, consumers) = (kept.id, kept.members.ids().collect::<Vec<_>>());
        self.check_sound()?;
        consumers.into_iter().for_each(|consumer| self.end_consumer(id, consumer));
        self.advise_of_stream(name, "delete");
        if let Some(kept) = self.streams.remove(&id) {
            let subjects = &kept.hub.stream.config().subjects;
            self.filters.remove(subjects, id);
            subjects.iter().for_each(|subject| out.unsubscribe(subject.as_bytes()));
        }
        self.names.remove(name);
        self.staged.remove(&id);
        self.writer.drop_stream(id);
        self.watch(id);
        Ok(Reply::Durable(Response::StreamDelete(Done::DONE)))
    }

    pub(super) fn purge(&mut self, name: &str, purge: Purge) -> Served {
        let id = self.find(name)?.id;
        self.check_sound()?;
        let filter = Some(purge.filter).filter(|filter| !filter.is_empty()).map(Into::into);
        let some = |number: u64| Some(number).filter(|number| *number > 0);
        let purge = logic::stream::Purge { filter, before: some(purge.seq), keep: some(purge.keep) };
        let kept = self.kept_mut(id)?;
        kept.check_whole()?;
        let purged = kept.hub.stream.purge(&purge, &kept.heads)?;
        self.gone(id, &purged.removals);
        Ok(Reply::Durable(Response::StreamPurge(Purged::new(purged.count))))
    }

    pub(super) fn delete_message(&mut self, name: &str, seq: u64) -> Served {
        let id = self.find(name)?.id;
        self.check_sound()?;
        let kept = self.kept_mut(id)?;
        kept.check_whole()?;
        let removals = kept.hub.stream.delete(seq, &kept.heads)?;
        self.gone(id, &removals);
        Ok(Reply::Durable(Response::MessageDelete(Done::DONE)))
    }

    /// Carries out that messages have gone, and tells the consumers.
    fn gone(&mut self, id: u64, removals: &Removals) {
        let Some(kept) = self.streams.get_mut(&id) else { return };
        kept.remove(removals, &mut self.writer);
        let mut actions = Vec::new();
        kept.hub.gone(removals, self.clock.now(), &kept.heads, &mut actions);
        self.carry_out(id, actions, None);
    }

    /// A number that no stream or consumer has.
    pub(super) fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    pub(super) fn kept(&self, id: u64) -> Result<&Kept, ApiError> {
        self.streams.get(&id).ok_or_else(|| ErrorCode::StreamNotFound.error())
    }

    pub(super) fn kept_mut(&mut self, id: u64) -> Result<&mut Kept, ApiError> {
        self.streams.get_mut(&id).ok_or_else(|| ErrorCode::StreamNotFound.error())
    }

    pub(super) fn find(&self, name: &str) -> Result<&Kept, ApiError> {
        let kept = self.names.get(name).and_then(|id| self.streams.get(id));
        kept.ok_or_else(|| ErrorCode::StreamNotFound.error())
    }

    pub(super) fn check_overlap(&self, config: &StreamConfig) -> Result<(), ApiError> {
        let others =
            self.streams.values().map(|kept| kept.hub.stream.config()).filter(|other| other.name != config.name);
        let mut theirs = others.flat_map(|other| &other.subjects);
        let is_taken = |their: &String| config.subjects.iter().any(|ours| overlap(ours.as_bytes(), their.as_bytes()));
        if theirs.any(is_taken) { Err(ErrorCode::StreamSubjectOverlap.error()) } else { Ok(()) }
    }

    fn check_reserved(&self, config: &StreamConfig) -> Result<(), ApiError> {
        self.limits.check_reserved(config, self.streams.values().map(|kept| kept.hub.stream.config()))
    }

    /// Whether anything may be written now.
    pub(super) fn check_open(&self) -> Result<(), ApiError> {
        if self.is_closed(self.clock.now()) { Err(self.failure()) } else { Ok(()) }
    }

    /// Whether the streams are what the journal has. Removals need no more: they are how a full disk is emptied.
    pub(super) fn check_sound(&self) -> Result<(), ApiError> {
        if self.writer.mail.has_failed() { Err(self.failure()) } else { Ok(()) }
    }

    /// What is told of the failure for which writes are refused.
    fn failure(&self) -> ApiError {
        let cause = self.writer.mail.cause();
        cause.as_ref().map_or_else(|| ErrorCode::InsufficientResources.error(), refusal)
    }
}

/// Whether a stream is what somebody asks for.
fn is_as_asked(kept: &Kept, asked: &StreamConfig) -> bool {
    let has = kept.hub.stream.config();
    has == asked || has.metadata.contains_key(MANIFEST_KEY) && offers(has, asked)
}

/// Why a stream stays as it is for a service.
pub(super) fn of_manifest() -> ApiError {
    ErrorCode::StreamInvalidConfig
        .because("the manifest says what the streams of services are: change it there, and deploy")
}

/// A change of what consumers may ask for must not be less than what they have.
fn check_consumers(kept: &Kept, config: &StreamConfig) -> Result<(), ApiError> {
    if kept.hub.stream.config().consumer_limits == config.consumer_limits {
        return Ok(());
    }
    let fits = |machine: &Consumer| consumer::check(machine.settings().config.clone(), config).is_ok();
    if kept.hub.iter().all(|(_, machine)| fits(machine)) {
        return Ok(());
    }
    Err(ErrorCode::StreamInvalidConfig.because("change to limits violates consumers' configs"))
}

/// What the machine could decide and this engine does not carry out.
fn check_support(config: &StreamConfig) -> Result<(), ApiError> {
    // The engine gets a message once for each of its own filters that match.
    let is_own = |subject: &String| OWN_SUBJECTS.iter().any(|own| overlap(subject.as_bytes(), own));
    if config.subjects.iter().any(is_own) {
        return Err(
            ErrorCode::StreamInvalidConfig.because("subjects that overlap with jetstream api are not supported")
        );
    }
    Ok(())
}
