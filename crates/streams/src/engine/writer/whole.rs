//! A part of the batch that must not be split.

use super::{Change, Writer};

/// With all that is stored in a whole part, a batch has at most so many bytes, and place in the journal's.
const WHOLE_BYTES: usize = 7 << 20;

/// What is collected while nothing may be split.
pub(super) struct Whole {
    /// What is still to be stored.
    reserved: usize,
    /// What gives way for it and has no place beside it.
    later: Vec<Later>,
}

enum Later {
    Remove(u64, u64),
    Index(u64, Change),
}

impl Whole {
    /// Something is stored that was announced.
    pub(super) fn store(&mut self, bytes: usize) {
        self.reserved = self.reserved.saturating_sub(bytes);
    }

    fn has_room(&self, taken: usize, bytes: usize) -> bool {
        self.later.is_empty() && taken + self.reserved + bytes <= WHOLE_BYTES
    }

    pub(super) fn remove(&mut self, taken: usize, stream: u64, seq: u64) -> bool {
        self.put_off(taken, 32, || Later::Remove(stream, seq))
    }

    pub(super) fn index(&mut self, taken: usize, stream: u64, change: &Change) -> bool {
        self.put_off(taken, change.bytes(), || Later::Index(stream, change.clone()))
    }

    /// Says whether it was put off.
    fn put_off(&mut self, taken: usize, bytes: usize, what: impl FnOnce() -> Later) -> bool {
        let has_room = self.has_room(taken, bytes);
        if !has_room {
            self.later.push(what());
        }
        !has_room
    }
}

impl Writer {
    /// What is stored from here to [`Writer::end_whole`] goes in one write: so many bytes, those around each record among them, at most
    /// [`logic::stream::BATCH_BYTES_MAX`] beside those.
    pub(in crate::engine) fn begin_whole(&mut self, bytes: u64) {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if self.bytes.saturating_add(bytes) > super::BATCH_BYTES {
            let answers = std::mem::take(&mut self.answers);
            self.write(answers);
        }
        self.whole = Some(Whole { reserved: bytes, later: Vec::new() });
    }

    /// What gave way for it and had no place beside it follows in another write: it comes again from the limits if that is lost.
    pub(in crate::engine) fn end_whole(&mut self) {
        let later = self.whole.take().map(|whole| whole.later).unwrap_or_default();
        if !later.is_empty() {
            let answers = std::mem::take(&mut self.answers);
            self.split(answers);
        }
        for later in later {
            match later {
                Later::Remove(stream, seq) => self.remove_one(stream, seq),
                Later::Index(stream, change) => self.index(stream, vec![change]),
            }
        }
    }
}
