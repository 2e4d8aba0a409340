//! All streams, as the log says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    batch::{Op, operations},
    codec::size,
    disk::DiskFile,
    store::Store,
    stream::{Position, Stream},
};

/// A file of the log.
pub(crate) struct Log {
    pub(crate) file: Arc<dyn DiskFile>,
    /// The sequence of its first frame.
    pub(crate) first: u64,
    /// How many bytes of it are written.
    pub(crate) used: u64,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) streams: BTreeMap<u64, Stream>,
    /// Streams with records that are in the log only.
    pub(crate) unmoved: BTreeSet<u64>,
    /// Files of the log by number; the last one is written to.
    pub(crate) logs: BTreeMap<u64, Log>,
    /// Segments that nobody needs, but that the catalogue on disk still names.
    pub(crate) garbage: Vec<u64>,
    pub(crate) next_segment: u64,
    incarnations: u64,
}

impl State {
    /// Carries out a batch that stands in the log; `false` if it is none. Also done when the log is read again: then the
    /// state may already hold what later batches did, and ends up the same all the same.
    pub(crate) fn apply(&mut self, body: &[u8], log: u64, offset: u64, store: &Store) -> bool {
        for operation in operations(body) {
            let Some((id, op)) = operation else { return false };
            match op {
                Op::Create(description) => self.create(id, description),
                Op::Drop => self.drop_stream(id),
                _ => self.change(id, op, log, offset, store),
            }
        }
        true
    }

    /// How many bytes of the log have not been moved.
    pub(crate) fn backlog_bytes(&self) -> u64 {
        self.logs.values().map(|log| log.used).sum()
    }

    /// The full files of the log: how many bytes of records in them are alive, and how many bytes they have.
    pub(crate) fn full_logs(&self) -> (u64, u64) {
        let Some((tip, log)) = self.logs.last_key_value() else { return (0, 0) };
        let tails = self.unmoved.iter().filter_map(|id| self.streams.get(id)).flat_map(|stream| stream.tail.values());
        let live = tails.filter(|position| position.log < *tip).map(|position| u64::from(position.length));
        (live.sum(), self.backlog_bytes() - log.used)
    }

    fn create(&mut self, id: u64, description: &[u8]) {
        self.drop_stream(id);
        self.incarnations += 1;
        let description = Bytes::copy_from_slice(description);
        self.streams.insert(id, Stream { description, incarnation: self.incarnations, ..Stream::default() });
    }

    fn drop_stream(&mut self, id: u64) {
        let segments = self.streams.remove(&id).into_iter().flat_map(|stream| stream.segments);
        self.garbage.extend(segments.map(|segment| segment.body.number));
        self.unmoved.remove(&id);
    }

    fn change(&mut self, id: u64, op: Op<'_>, log: u64, offset: u64, store: &Store) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        match op {
            Op::Append { sequence, bytes, at } => {
                let offset = u32::try_from(offset + at as u64).expect("a file of the log is smaller than 4 GiB");
                let length = size(bytes.len());
                stream.append(sequence, Position { log, offset, length, checksum: crc32c::crc32c(bytes) });
                self.unmoved.insert(id);
            }
            Op::Remove { sequence, .. } => self.garbage.extend(stream.remove(sequence, store)),
            Op::RemoveUpTo { sequence, .. } => self.garbage.extend(stream.remove_up_to(sequence, store)),
            Op::Describe(description) => stream.description = Bytes::copy_from_slice(description),
            Op::Create(_) | Op::Drop => {}
        }
    }
}
