//! Messages that are stored together or not at all.

use model::{Timestamp, streams::ApiError};

use super::{Incoming, Outcome, Placed, Stored, Stream, batch::Staged, publish::Verdict, removal::View};

impl Stream {
    /// Whether messages may be stored together, in this order; none is stored yet. Tells of each under which sequence it was stored
    /// before: such a one is not to be stored again.
    ///
    /// # Errors
    /// What speaks against one of them.
    pub fn check_all(
        &mut self,
        all: &[Incoming],
        now: Timestamp,
        stored: &dyn Stored,
    ) -> Result<Vec<Option<u64>>, ApiError> {
        self.dedup.expire(self.config.duplicate_window, now);
        let (mut staged, mut before) = (Staged::default(), Vec::new());
        for incoming in all {
            before.push(match self.check(incoming, &staged, stored)? {
                Verdict::Duplicate(seq) => Some(seq),
                Verdict::Fine => {
                    staged.add(incoming);
                    None
                }
            });
        }
        Ok(before)
    }

    /// Stores messages that [`Stream::check_all`] has found new and sound, in their order. `interest` is that of
    /// [`Stream::publish`].
    pub fn place_all<'a>(
        &mut self,
        all: impl IntoIterator<Item = &'a Incoming>,
        interest: &dyn Fn(&str) -> bool,
        now: Timestamp,
        stored: &dyn Stored,
    ) -> Vec<Placed> {
        let mut view = View::new(stored);
        all.into_iter().map(|incoming| self.place(incoming, interest, now, &mut view)).collect()
    }

    pub(super) fn publish_in_batch(
        &mut self,
        incoming: &Incoming,
        interest: &dyn Fn(&str) -> bool,
        now: Timestamp,
        stored: &dyn Stored,
    ) -> Outcome {
        let Some(wish) = incoming.wishes.batch.as_deref().filter(|_| self.config.allow_atomic) else {
            return Outcome::Refused(ApiError::BatchDisabled);
        };
        let members = match self.batches.take(wish, incoming, now) {
            Ok(Some(members)) => members,
            Ok(None) => return Outcome::Staged,
            Err(error) => return Outcome::Refused(error),
        };
        // What was stored before is refused with the batch.
        match self.check_all(&members, now, stored) {
            Ok(_) => Outcome::Committed(self.place_all(&members, interest, now, stored)),
            Err(error) => Outcome::Refused(error),
        }
    }
}
