//! Atomic batches: all of their messages are stored, or none (ADR-50).

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use model::{Timestamp, streams::ApiError};

use super::{Incoming, wishes::BatchWish};

/// Messages of one batch.
pub const MESSAGES_MAX: usize = 1000;
/// Their bytes: all of them have place in one write.
pub const BYTES_MAX: u64 = 6 << 20;
/// Batches of one stream that are not finished.
pub const OPEN_MAX: usize = 50;
/// From one message of a batch to the next.
pub const TIMEOUT: Duration = Duration::from_secs(10);
const ID_BYTES_MAX: usize = 64;

/// The unfinished batches of a stream.
#[derive(Debug, Default)]
pub(super) struct Batches(BTreeMap<Box<str>, Batch>);

#[derive(Debug)]
struct Batch {
    members: Vec<Incoming>,
    bytes: u64,
    expires: Timestamp,
}

/// What the messages of a batch that were checked so far will change.
#[derive(Debug, Default)]
pub(super) struct Staged<'a> {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) subjects: HashMap<&'a str, u64>,
    pub(super) ids: HashSet<&'a str>,
}

impl<'a> Staged<'a> {
    pub(super) fn add(&mut self, member: &'a Incoming) {
        self.messages += 1;
        self.bytes += member.bytes();
        *self.subjects.entry(&member.subject).or_default() += 1;
        self.ids.extend(member.wishes.id.as_deref());
    }
}

impl Batches {
    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Takes a message. Returns all messages of its batch when it is the one that commits them.
    ///
    /// # Errors
    /// Where the batch is wrong, it is dropped.
    pub(super) fn take(
        &mut self,
        wish: &BatchWish,
        incoming: &Incoming,
        now: Timestamp,
    ) -> Result<Option<Vec<Incoming>>, ApiError> {
        if wish.id.is_empty() || wish.id.len() > ID_BYTES_MAX {
            return Err(ApiError::BatchIdInvalid);
        }
        let sequence = wish.sequence.as_deref().and_then(|text| text.parse::<usize>().ok());
        let sequence = sequence.ok_or(ApiError::BatchSequenceMissing)?;
        if !self.contains(&wish.id) {
            self.open(wish, sequence, now)?;
        }
        let taken = self.add(wish, incoming, sequence, now);
        if !matches!(taken, Ok(None)) {
            self.0.remove(&wish.id);
        }
        taken
    }

    fn open(&mut self, wish: &BatchWish, sequence: usize, now: Timestamp) -> Result<(), ApiError> {
        if sequence != 1 {
            return Err(ApiError::BatchIncomplete);
        }
        if self.0.len() == OPEN_MAX {
            return Err(ApiError::BatchesTooMany);
        }
        self.0.insert(wish.id.clone(), Batch { members: Vec::new(), bytes: 0, expires: now + TIMEOUT });
        Ok(())
    }

    fn add(
        &mut self,
        wish: &BatchWish,
        incoming: &Incoming,
        sequence: usize,
        now: Timestamp,
    ) -> Result<Option<Vec<Incoming>>, ApiError> {
        let batch = self.0.get_mut(&wish.id).ok_or(ApiError::BatchIncomplete)?;
        let counts = match wish.commit.as_deref() {
            None | Some("1") => true,
            Some("eob") => false,
            Some(_) => return Err(ApiError::BatchCommitInvalid),
        };
        if sequence != batch.members.len() + 1 || (!counts && sequence == 1) {
            return Err(ApiError::BatchIncomplete);
        }
        if counts {
            if sequence > MESSAGES_MAX {
                return Err(ApiError::BatchTooLarge(MESSAGES_MAX as u64));
            }
            batch.bytes += incoming.bytes();
            if batch.bytes > BYTES_MAX {
                return Err(ApiError::BatchTooLarge(BYTES_MAX));
            }
            batch.members.push(incoming.clone());
        }
        batch.expires = now + TIMEOUT;
        Ok(wish.commit.is_some().then(|| std::mem::take(&mut batch.members)))
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.values().map(|batch| batch.expires).min()
    }

    /// Drops what was not finished in time.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<Box<str>> {
        self.0.extract_if(.., |_, batch| batch.expires <= now).map(|(id, _)| id).collect()
    }
}
