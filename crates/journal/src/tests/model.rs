//! What the journal should hold: the same operations on maps.

use std::collections::BTreeMap;

use crate::Batch;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Model(pub(crate) BTreeMap<u64, Stream>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) description: Vec<u8>,
    pub(crate) last: u64,
    pub(crate) records: BTreeMap<u64, Vec<u8>>,
}

const STREAMS: u64 = 4;

impl Model {
    /// A batch that makes sense here, and this with it carried out.
    pub(crate) fn random_batch(&self, random: &mut fastrand::Rng) -> (Batch, Self) {
        let (mut batch, mut after) = (Batch::new(), self.clone());
        for _ in 0..random.usize(1..6) {
            after.random_operation(&mut batch, random);
        }
        (batch, after)
    }

    fn random_operation(&mut self, batch: &mut Batch, random: &mut fastrand::Rng) {
        let id = random.u64(1..=STREAMS);
        let Some(stream) = self.0.get_mut(&id) else {
            let description = vec![b'd'; random.usize(..20)];
            batch.create(id, &description);
            self.0.insert(id, Stream { description, ..Stream::default() });
            return;
        };
        // Sometimes beyond the last one.
        let some = random.u64(..stream.last + 4);
        match random.u8(..100) {
            0..60 => {
                let sequence = stream.last + 1 + random.u64(..3) * random.u64(..2) * random.u64(..50);
                let length = if random.u8(..10) == 0 { random.usize(..6000) } else { random.usize(..200) };
                let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
                batch.append(id, sequence, &bytes);
                stream.last = sequence;
                stream.records.insert(sequence, bytes);
            }
            60..85 => {
                let picked = stream.records.keys().nth(random.usize(..stream.records.len().max(1))).copied();
                let sequence = picked.filter(|_| random.u8(..5) > 0).unwrap_or(some);
                batch.remove(id, sequence);
                stream.records.remove(&sequence);
            }
            85..92 => {
                let oldest = stream.records.keys().nth(random.usize(..10)).copied();
                let sequence = oldest.unwrap_or(some);
                batch.remove_up_to(id, sequence);
                stream.records = stream.records.split_off(&(sequence + 1));
            }
            92..94 => {
                batch.remove_up_to(id, some);
                stream.records = stream.records.split_off(&(some + 1));
            }
            94..98 => {
                stream.description = vec![b'e'; random.usize(..20)];
                batch.describe(id, &stream.description);
            }
            _ => {
                batch.drop_stream(id);
                self.0.remove(&id);
            }
        }
    }
}
