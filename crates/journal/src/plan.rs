//! Whether a batch makes sense after those before it that are not yet written.

use std::collections::BTreeMap;

use crate::{
    batch::{Op, operations, set_sequence},
    error::JournalError,
    options::BATCH_BYTES_MAX,
    state::State,
};

/// The greatest sequence of each stream that a batch touched; `None` if the stream does not exist.
#[derive(Default)]
pub(crate) struct Plan(BTreeMap<u64, Option<u64>>);

/// Whether a batch is not too large.
pub(crate) fn check_size(body: &[u8]) -> Result<(), JournalError> {
    let fits = body.len() <= BATCH_BYTES_MAX;
    if fits { Ok(()) } else { Err(JournalError::Invalid(format!("a batch has at most {BATCH_BYTES_MAX} bytes"))) }
}

impl Plan {
    /// Takes a batch, or refuses it whole. A removal beyond what the stream ever had is cut down to that: when the log is
    /// read again, it must not meet records that came later.
    pub(crate) fn admit(&mut self, body: &mut [u8], state: &State) -> Result<(), JournalError> {
        let mut changed = BTreeMap::new();
        let mut cuts = Vec::new();
        for operation in operations(body) {
            let wrong = || JournalError::Invalid("a sequence is from 1 to u64::MAX - 1".into());
            let (id, op) = operation.ok_or_else(wrong)?;
            let known = |plan: &Self| plan.0.get(&id).copied();
            let last = changed.get(&id).copied().or_else(|| known(self)).unwrap_or_else(|| last(state, id));
            if !matches!(op, Op::Drop | Op::Create(_)) {
                check_damage(state, id)?;
            }
            changed.insert(id, after(id, op, last, &mut cuts)?);
        }
        cuts.into_iter().for_each(|(at, sequence)| set_sequence(body, at, sequence));
        self.0.extend(changed);
        Ok(())
    }
}

fn last(state: &State, id: u64) -> Option<u64> {
    state.streams.get(&id).map(|stream| stream.last)
}

/// A stream that is damaged can only be dropped.
fn check_damage(state: &State, id: u64) -> Result<(), JournalError> {
    state.streams.get(&id).and_then(|stream| stream.damage.clone()).map_or(Ok(()), Err)
}

fn after(id: u64, op: Op<'_>, last: Option<u64>, cuts: &mut Vec<(usize, u64)>) -> Result<Option<u64>, JournalError> {
    match (op, last) {
        (Op::Create(_), None) => Ok(Some(0)),
        (Op::Create(_), Some(_)) => Err(JournalError::Invalid(format!("the stream {id} exists already"))),
        (_, None) => Err(JournalError::Invalid(format!("there is no stream {id}"))),
        (Op::Drop, _) => Ok(None),
        (Op::Append { sequence, .. }, Some(last)) if sequence <= last => {
            Err(JournalError::Invalid(format!("the stream {id} is at {last}, so {sequence} cannot follow")))
        }
        (Op::Append { sequence, .. }, _) => Ok(Some(sequence)),
        (Op::RemoveUpTo { sequence, at }, Some(last)) if sequence > last => {
            cuts.push((at, last));
            Ok(Some(last))
        }
        // No record has the sequence 0.
        (Op::Remove { sequence, at }, Some(last)) if sequence > last => {
            cuts.push((at, 0));
            Ok(Some(last))
        }
        (Op::Describe(_) | Op::Remove { .. } | Op::RemoveUpTo { .. }, last) => Ok(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, stream::Stream};

    /// A removal is of what was there at the time: read again, it must not meet what was appended after it.
    #[test]
    fn removals_end_at_the_last_record() {
        let mut state = State::default();
        state.streams.insert(1, Stream { last: 5, ..Stream::default() });
        for (asked, removed, removed_up_to) in [(4, 4, 4), (5, 5, 5), (6, 0, 5), (u64::MAX, 0, 5)] {
            let mut batch = Batch::new();
            batch.remove(1, asked);
            batch.remove_up_to(1, asked);
            Plan::default().admit(&mut batch.body, &state).unwrap();
            let sequences: Vec<_> = operations(&batch.body)
                .map(|operation| match operation {
                    Some((1, Op::Remove { sequence, .. } | Op::RemoveUpTo { sequence, .. })) => sequence,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(sequences, [removed, removed_up_to], "{asked}");
        }
    }
}
