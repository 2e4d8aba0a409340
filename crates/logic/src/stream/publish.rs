//! Whether a message may be stored.

use model::{
    Timestamp,
    streams::{ApiError, Discard, StreamConfig, limit},
};

use super::{
    Expires, Index, Stored, Stream, Wishes,
    batch::Staged,
    dedup::Dedup,
    schedule,
    subjects::{is_literal, is_valid},
    wishes::{Ttl, parse_ttl},
};

const HEADER_BYTES_MAX: u64 = 65_535;

/// A message that somebody publishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Its subject, one of the stream's.
    pub subject: Box<str>,
    /// Bytes of its headers, as they are stored.
    pub header_bytes: u64,
    /// Bytes of its payload.
    pub payload_bytes: u64,
    /// What its headers ask for.
    pub wishes: Wishes,
    /// Whether it carries out a schedule rather than coming from a client.
    pub is_firing: bool,
}

impl Incoming {
    /// What it counts for.
    pub fn bytes(&self) -> u64 {
        self.subject.len() as u64 + self.header_bytes + self.payload_bytes
    }
}

/// What a check has found.
pub(super) enum Verdict {
    Fine,
    Duplicate(u64),
}

impl Stream {
    /// Whether a message may be stored after those that are staged, in the order of nats-server.
    pub(super) fn check(
        &self,
        incoming: &Incoming,
        staged: &Staged<'_>,
        stored: &dyn Stored,
    ) -> Result<Verdict, ApiError> {
        let (config, wishes) = (&self.config, &incoming.wishes);
        if config.sealed {
            return Err(ApiError::Sealed);
        }
        if !self.takes(&incoming.subject) {
            return Err(ApiError::StreamMismatch);
        }
        if wishes.expected_stream.as_deref().is_some_and(|name| name != config.name) {
            return Err(ApiError::ExpectedStream);
        }
        if wishes.counter {
            return Err(ApiError::CountersDisabled);
        }
        expires(wishes, config, Timestamp::default())?;
        check_sequences(incoming, self.counts.last_seq, &self.index, staged)?;
        self.check_schedule(incoming)?;
        if let Some(seq) = find_id(wishes, &self.dedup, staged)? {
            return Ok(Verdict::Duplicate(seq));
        }
        if let Some(expected) = &wishes.expected_last_id {
            check_last_id(expected, self.last_id.as_deref(), staged)?;
        }
        check_rollup(incoming, config, staged)?;
        check_size(incoming, config)?;
        self.check_limits(incoming, staged, stored)?;
        Ok(Verdict::Fine)
    }

    fn check_schedule(&self, incoming: &Incoming) -> Result<(), ApiError> {
        let Some(wish) = &incoming.wishes.schedule else { return Ok(()) };
        if !self.config.allow_msg_schedules {
            return Err(ApiError::SchedulesDisabled);
        }
        schedule::check(wish, &incoming.wishes, &incoming.subject, &self.config.subjects, self.config.allow_msg_ttl)?;
        match (&wish.next, &wish.scheduler) {
            (None, None) => Ok(()),
            (Some(next), Some(scheduler)) => {
                let other_message = self.index.get(scheduler).is_some() && self.schedules.get(scheduler).is_none();
                let fits = (next.as_ref() == "purge" || incoming.is_firing)
                    && is_valid(scheduler)
                    && is_literal(scheduler)
                    && *scheduler != incoming.subject
                    && !other_message;
                if fits { Ok(()) } else { Err(ApiError::SchedulerInvalid) }
            }
            _ => Err(ApiError::SchedulerInvalid),
        }
    }

    /// With discard new, what would have to give way is not stored. A message that takes the place of an older one of its
    /// subject adds none.
    fn check_limits(&self, incoming: &Incoming, staged: &Staged<'_>, stored: &dyn Stored) -> Result<(), ApiError> {
        let config = &self.config;
        let (max_msgs, max_bytes) = (limit(config.max_msgs), limit(config.max_bytes));
        if max_bytes.is_some_and(|max| incoming.bytes() > max) {
            return full("bytes");
        }
        if config.discard == Discard::Old {
            return Ok(());
        }
        let subject = incoming.subject.as_ref();
        let held = self.index.get(subject).map_or(0, |entry| entry.messages);
        let held = held + staged.subjects.get(subject).copied().unwrap_or_default();
        let replaces = limit(config.max_msgs_per_subject).is_some_and(|max| held >= max);
        if replaces && config.discard_new_per_subject {
            return full("messages per subject");
        }
        let messages = self.counts.messages + staged.messages + 1;
        if !replaces && max_msgs.is_some_and(|max| messages > max) {
            return full("messages");
        }
        let bytes = self.counts.bytes + staged.bytes + incoming.bytes();
        let replaced = || if replaces { stored.next_of(subject, 0).map_or(0, |head| head.bytes) } else { 0 };
        if max_bytes.is_some_and(|max| bytes > max && bytes > max + replaced()) { full("bytes") } else { Ok(()) }
    }
}

fn full(what: &str) -> Result<(), ApiError> {
    Err(ApiError::StoreFailed(format!("maximum {what} exceeded")))
}

/// When a message goes by itself.
pub(super) fn expires(wishes: &Wishes, config: &StreamConfig, at: Timestamp) -> Result<Expires, ApiError> {
    let Some(text) = &wishes.ttl else { return Ok(Expires::ByAge) };
    match parse_ttl(text) {
        Ok(Ttl::Default) => Ok(Expires::ByAge),
        _ if !config.allow_msg_ttl => Err(ApiError::TtlDisabled),
        Ok(Ttl::Never) => Ok(Expires::Never),
        Ok(Ttl::For(time)) => Ok(Expires::At(at + time)),
        Err(error) => Err(error),
    }
}

fn check_sequences(incoming: &Incoming, last: u64, index: &Index, staged: &Staged<'_>) -> Result<(), ApiError> {
    let wishes = &incoming.wishes;
    // What is not a number is none that fits.
    let number = |text: &str| text.parse().unwrap_or(u64::MAX);
    if let Some(expected) = &wishes.expected_subject_last {
        let subject = wishes.expected_subject.as_deref().unwrap_or(&incoming.subject);
        if staged.subjects.contains_key(subject) {
            return Err(ApiError::WrongLastSequenceInBatch);
        }
        let found = last_of(index, subject);
        if found != number(expected) {
            return Err(ApiError::WrongLastSequence(found));
        }
    } else if wishes.expected_subject.is_some() {
        return Err(ApiError::ExpectedSubjectSequenceInvalid);
    }
    match &wishes.expected_last {
        Some(_) if staged.messages > 0 => Err(ApiError::WrongLastSequenceInBatch),
        Some(expected) if number(expected) != last => Err(ApiError::WrongLastSequence(last)),
        _ => Ok(()),
    }
}

fn last_of(index: &Index, subject: &str) -> u64 {
    if is_literal(subject) {
        return index.get(subject).map_or(0, |entry| entry.last);
    }
    let mut last = 0;
    index.visit(subject, &mut |_, entry| {
        last = last.max(entry.last);
        true
    });
    last
}

fn find_id(wishes: &Wishes, dedup: &Dedup, staged: &Staged<'_>) -> Result<Option<u64>, ApiError> {
    let Some(id) = &wishes.id else { return Ok(None) };
    let found = dedup.get(id);
    let in_batch = wishes.batch.is_some();
    if staged.ids.contains(id.as_ref()) || (in_batch && found.is_some()) {
        return Err(ApiError::BatchDuplicate);
    }
    Ok(found)
}

fn check_last_id(expected: &str, last: Option<&str>, staged: &Staged<'_>) -> Result<(), ApiError> {
    if staged.messages > 0 {
        return Err(ApiError::BatchHeaderUnsupported("Nats-Expected-Last-Msg-Id"));
    }
    let last = last.unwrap_or_default();
    if last == expected { Ok(()) } else { Err(ApiError::WrongLastMessageId(last.into())) }
}

fn check_rollup(incoming: &Incoming, config: &StreamConfig, staged: &Staged<'_>) -> Result<(), ApiError> {
    let Some(rollup) = incoming.wishes.rollup.as_deref() else { return Ok(()) };
    if !config.allow_rollup_hdrs || config.deny_purge {
        return Err(ApiError::RollupFailed("rollup not permitted".into()));
    }
    match rollup {
        "sub" if !staged.subjects.contains_key(incoming.subject.as_ref()) => Ok(()),
        "all" if staged.messages == 0 => Ok(()),
        "sub" | "all" => Err(ApiError::RollupFailed("a rollup must come before what it would remove".into())),
        _ => Err(ApiError::RollupFailed(format!("rollup value invalid: {rollup:?}"))),
    }
}

fn check_size(incoming: &Incoming, config: &StreamConfig) -> Result<(), ApiError> {
    if incoming.header_bytes > HEADER_BYTES_MAX {
        return Err(ApiError::HeadersTooLarge);
    }
    let max = limit(config.max_msg_size.into());
    if max.is_some_and(|max| incoming.header_bytes + incoming.payload_bytes > max) {
        return Err(ApiError::MessageTooLarge);
    }
    Ok(())
}
