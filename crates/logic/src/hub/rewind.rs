//! Where a consumer may go on.

use std::fmt;

use model::streams::Retention;

use super::{Hub, owned, view};
use crate::stream::Stored;

/// Why a consumer cannot go on at a sequence. Both happen where the stream keeps messages for its consumers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoWay {
    /// The message there has gone; with the next one that there is.
    Gone(u64, Option<u64>),
    /// So many messages that it has not had, or not acknowledged, would be passed over, and stay for nobody.
    PassesOver(u64),
}

impl fmt::Display for NoWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(seq, next) => {
                write!(
                    f,
                    "message {seq} is gone, for the stream keeps what its consumers wait for and nothing else; "
                )?;
                match next {
                    Some(next) => write!(f, "the next that there is is {next}"),
                    None => write!(f, "there is none after it"),
                }
            }
            Self::PassesOver(count) => {
                write!(f, "it would pass over what the stream keeps for it, as many messages as {count}")
            }
        }
    }
}

impl std::error::Error for NoWay {}

impl Hub {
    /// Whether a consumer may go on at a sequence ([`crate::consumer::Event::Rewind`], or with `skips` [`crate::consumer::Event::Skip`]).
    /// Gives back how many messages it will have before it then.
    ///
    /// # Errors
    /// When what it would get is gone, or what it would not get would stay for nobody.
    pub fn check_rewind(&self, id: u64, seq: u64, skips: bool, stored: &dyn Stored) -> Result<u64, NoWay> {
        let Some(consumer) = self.get(id) else { return Ok(0) };
        let pending = self.stream.index().pending(&owned(consumer), seq.saturating_sub(1), stored);
        if self.stream.config().retention == Retention::Limits {
            return Ok(pending);
        }
        if seq <= self.stream.counts().last_seq && stored.get(seq).is_none() {
            return Err(NoWay::Gone(seq, stored.next(seq).map(|head| head.seq)));
        }
        let had = consumer.info(view(&self.stream, stored));
        let had = had.num_pending + if skips { had.num_ack_pending } else { 0 };
        match had.saturating_sub(pending) {
            0 => Ok(pending),
            count => Err(NoWay::PassesOver(count)),
        }
    }
}
