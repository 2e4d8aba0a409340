//! A segment that takes records, of the log or of other segments.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    block,
    codec::{Header, Kind},
    core::Core,
    disk::write_all,
    error::JournalError,
    names,
    segment::{Body, Segment},
    store::{lock, note, salt},
};

/// A segment that takes records.
pub(crate) struct Target {
    pub(crate) body: Arc<Body>,
    pub(crate) is_new: bool,
}

/// What was written to a segment.
pub(crate) struct Written {
    /// First sequence and offset of each block.
    blocks: Vec<(u64, u64)>,
    length: u64,
}

impl Target {
    pub(crate) fn new(core: &Core) -> Self {
        let mut state = core.state_mut();
        let body = Segment::new(state.next_segment, 0).body;
        state.next_segment += 1;
        Self { body, is_new: true }
    }

    /// Writes records after what counts of the segment, durably. Nothing of it counts yet.
    pub(crate) fn write(&self, core: &Core, stream: u64, records: &[(u64, Bytes)]) -> Result<Written, JournalError> {
        let (number, start) = (self.body.number, lock(&self.body.shape).length);
        let name = names::segment(number);
        let mut bytes = Vec::new();
        if self.is_new {
            let header = Header { kind: Kind::Segment, numbers: [stream, number], salt: salt(number) };
            bytes.extend_from_slice(&header.encode());
        }
        let blocks = block::put(&mut bytes, salt(number), records.iter().map(|(at, bytes)| (*at, &bytes[..])));
        let length = start + bytes.len() as u64;
        let write = || {
            let file = if self.is_new { core.disk.create(&name)? } else { core.disk.open(&name)? };
            file.allocate(length)?;
            write_all(&*file, &bytes, start)?;
            file.sync_data()
        };
        let written = write();
        if written.is_err() && self.is_new {
            let _ = core.disk.remove(&name);
        }
        written.map_err(JournalError::io("write", &name))?;
        Ok(Written { blocks: blocks.into_iter().map(|(first, at)| (first, start + at)).collect(), length })
    }

    /// Lets readers see what was written.
    pub(crate) fn grow(&self, written: Written) {
        let mut shape = lock(&self.body.shape);
        shape.length = written.length;
        if self.is_new {
            shape.index = Some(Vec::new());
        }
        if let Some(index) = &mut shape.index {
            written.blocks.into_iter().for_each(|(first, at)| note(index, first, at));
        }
    }
}
