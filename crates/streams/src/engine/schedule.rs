//! Carries out schedules of messages (ADR-51 of NATS).

use logic::stream::{Firing, Stored as _};

use super::{Engine, headers::rewritten, kept::wishes, record::Record};

/// Headers that are a schedule's own matter.
const OWN: [&str; 6] = ["Nats-Schedule", "Nats-Expected-", "Nats-Msg-Id", "Nats-TTL", "Nats-Rollup", "Nats-Batch-"];

impl Engine {
    /// Publishes what a schedule asks for. What is refused is tried again by the schedule.
    pub(super) fn fire(&mut self, stream: u64, firing: &Firing) {
        let _ = self.try_fire(stream, firing);
    }

    fn try_fire(&mut self, stream: u64, firing: &Firing) -> Option<()> {
        let kept = self.streams.get(&stream)?;
        let source = firing.source.as_deref().and_then(|source| kept.heads.last_of(source, u64::MAX));
        let seq = source.map_or(firing.seq, |head| head.seq);
        let bytes = self.writer.read(stream, seq).ok().flatten()?;
        let record = Record::decode(&bytes)?;
        let mut fields = vec![("Nats-Scheduler", &*firing.subject), ("Nats-Schedule-Next", &*firing.next)];
        fields.extend(firing.ttl.as_deref().map(|ttl| ("Nats-TTL", ttl)));
        fields.extend(firing.rollup.as_deref().map(|rollup| ("Nats-Rollup", rollup)));
        let headers = rewritten(record.headers, &OWN, &fields);
        let wishes = wishes(&headers)?;
        self.store(stream, &firing.target, (&headers, record.payload), wishes)
    }
}
