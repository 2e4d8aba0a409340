//! A consumer goes on somewhere else in its stream.

use journal::Durability;
use logic::{consumer::Event, stream::Stored as _};
use ports::streams::Start;
use serde::{Deserialize, Serialize};

use super::{Engine, inside::Refused};
use crate::jetstream::{ApiError, ErrorCode};

/// What a consumer has before it from where it goes on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rewound {
    pub(crate) pending: u64,
}

impl Engine {
    /// Lets a consumer go on from there, back or forward. Its counts and who waits for it stay as they are, and so does what was
    /// delivered of earlier messages, unless it is to have new ones only.
    pub(super) fn rewind(
        &mut self,
        reply: &[u8],
        (stream, consumer): (&str, &str),
        start: Start,
    ) -> Result<(), Refused> {
        let what = format!("consumer `{consumer}` of stream `{stream}`");
        let pending = self.try_rewind(stream, consumer, start);
        let pending = pending.map_err(|error| Refused { error, what: what.clone() })?;
        self.grant(reply, &Rewound { pending }, &what, Durability::Always);
        Ok(())
    }

    fn try_rewind(&mut self, stream: &str, consumer: &str, start: Start) -> Result<u64, ApiError> {
        let (stream, consumer) = self.find_consumer(stream, consumer)?;
        self.check_open()?;
        let kept = self.kept(stream)?;
        let end = kept.hub.stream.counts().last_seq + 1;
        let seq = match start {
            Start::Sequence(0) => kept.heads.next(0).map_or(end, |head| head.seq),
            Start::Sequence(seq) => seq.min(end),
            Start::Time(at) => kept.heads.since(at).map_or(end, |head| head.seq),
            Start::New => end,
        };
        let skips = matches!(start, Start::New);
        let pending = kept.hub.check_rewind(consumer, seq, skips, &kept.heads);
        let pending = pending.map_err(|error| ErrorCode::ConsumerInvalidReset.because(error.to_string()))?;
        self.handle(stream, consumer, if skips { Event::Skip(seq) } else { Event::Rewind(seq) });
        // The answer must not overtake it.
        self.write_changes();
        Ok(pending)
    }
}
