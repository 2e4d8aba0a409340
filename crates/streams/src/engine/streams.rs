//! Making, changing and emptying streams.

use logic::{
    stream::{check, check_update},
    subject::overlap,
};
use model::streams::StreamConfig;

use super::{
    Engine,
    api::{Reply, Served},
    kept::{Description, Kept},
};
use crate::{
    jetstream::{ApiError, Created, Done, ErrorCode, Purge, Purged, Response},
    server::Outgoing,
};

impl Engine {
    pub(super) fn create(&mut self, config: StreamConfig, out: &mut Outgoing) -> Served {
        let config = check(config)?;
        check_support(&config)?;
        if let Ok(kept) = self.find(&config.name) {
            if *kept.stream.config() != config {
                return Err(ErrorCode::StreamNameExists.error());
            }
            return Ok(Reply::Durable(Response::StreamCreate(Created { info: self.info(kept), did_create: false })));
        }
        self.check_overlap(&config)?;
        self.check_open()?;
        let kept =
            Kept::new(self.next_id, Description { config, created: self.clock.now() }, self.writer.shelf.clone());
        self.writer.create(kept.id, &kept.description());
        kept.stream.config().subjects.iter().for_each(|subject| out.subscribe(subject.as_bytes()));
        let created = Created { info: self.info(&kept), did_create: true };
        self.add(kept);
        Ok(Reply::Durable(Response::StreamCreate(created)))
    }

    pub(super) fn update(&mut self, config: StreamConfig, out: &mut Outgoing) -> Served {
        let kept = self.find(&config.name)?;
        kept.check_whole()?;
        let old = kept.stream.config().clone();
        let config = check_update(&old, config)?;
        check_support(&config)?;
        self.check_overlap(&config)?;
        self.check_open()?;
        let kept = self.find_mut(&config.name)?;
        let removals = kept.stream.update(config.clone(), &kept.heads);
        let (id, description) = (kept.id, kept.description());
        self.writer.describe(id, &description);
        self.filters.remove(&old.subjects, id);
        self.filters.insert(&config.subjects, id);
        old.subjects.iter().for_each(|subject| out.unsubscribe(subject.as_bytes()));
        config.subjects.iter().for_each(|subject| out.subscribe(subject.as_bytes()));
        if let Some(kept) = self.streams.get_mut(&id) {
            kept.remove(&removals, &mut self.writer);
        }
        self.watch(id);
        Ok(Reply::Durable(Response::StreamUpdate(self.info(self.find(&config.name)?))))
    }

    pub(super) fn delete(&mut self, name: &str, out: &mut Outgoing) -> Served {
        let id = self.find(name)?.id;
        self.check_sound()?;
        if let Some(kept) = self.streams.remove(&id) {
            let subjects = &kept.stream.config().subjects;
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
        let Some(kept) = self.streams.get_mut(&id) else { return Err(ErrorCode::StreamNotFound.error()) };
        kept.check_whole()?;
        let purged = kept.stream.purge(&purge, &kept.heads)?;
        kept.remove(&purged.removals, &mut self.writer);
        self.watch(id);
        Ok(Reply::Durable(Response::StreamPurge(Purged::new(purged.count))))
    }

    pub(super) fn delete_message(&mut self, name: &str, seq: u64) -> Served {
        let id = self.find(name)?.id;
        self.check_sound()?;
        let Some(kept) = self.streams.get_mut(&id) else { return Err(ErrorCode::StreamNotFound.error()) };
        kept.check_whole()?;
        let removals = kept.stream.delete(seq, &kept.heads)?;
        kept.remove(&removals, &mut self.writer);
        self.watch(id);
        Ok(Reply::Durable(Response::MessageDelete(Done::DONE)))
    }

    pub(super) fn find(&self, name: &str) -> Result<&Kept, ApiError> {
        let kept = self.names.get(name).and_then(|id| self.streams.get(id));
        kept.ok_or_else(|| ErrorCode::StreamNotFound.error())
    }

    fn find_mut(&mut self, name: &str) -> Result<&mut Kept, ApiError> {
        let kept = self.names.get(name).and_then(|id| self.streams.get_mut(id));
        kept.ok_or_else(|| ErrorCode::StreamNotFound.error())
    }

    fn check_overlap(&self, config: &StreamConfig) -> Result<(), ApiError> {
        let others = self.streams.values().map(|kept| kept.stream.config()).filter(|other| other.name != config.name);
        let mut theirs = others.flat_map(|other| &other.subjects);
        let is_taken = |their: &String| config.subjects.iter().any(|ours| overlap(ours.as_bytes(), their.as_bytes()));
        if theirs.any(is_taken) { Err(ErrorCode::StreamSubjectOverlap.error()) } else { Ok(()) }
    }

    /// Whether anything may be written now.
    fn check_open(&self) -> Result<(), ApiError> {
        if self.is_closed(self.clock.now()) { Err(ErrorCode::InsufficientResources.error()) } else { Ok(()) }
    }

    /// Whether the streams are what the journal has. Removals need no more: they are how a full disk is emptied.
    fn check_sound(&self) -> Result<(), ApiError> {
        if self.writer.mail.has_failed() { Err(ErrorCode::InsufficientResources.error()) } else { Ok(()) }
    }
}

/// What the machine could decide and this engine does not carry out.
fn check_support(config: &StreamConfig) -> Result<(), ApiError> {
    if config.allow_msg_schedules {
        return Err(ErrorCode::StreamInvalidConfig.because("message schedules are not supported yet"));
    }
    // The engine gets a message once for each of its own filters that match.
    if config.subjects.iter().any(|subject| overlap(subject.as_bytes(), b"$JS.API.>")) {
        return Err(
            ErrorCode::StreamInvalidConfig.because("subjects that overlap with jetstream api are not supported")
        );
    }
    Ok(())
}
