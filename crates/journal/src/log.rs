//! Files of the log: making them, and reading them again.

use std::{collections::VecDeque, io, sync::Arc};

use crate::{
    codec::{HEADER_BYTES, Header, Kind, new_salt},
    disk::{Disk, DiskFile, publish, read_full, write_all},
    error::JournalError,
    frame::{self, frame_bytes},
    names,
    reserve::Reserve,
};

/// A file of the log is never larger, so that reading one again takes bounded memory.
pub(crate) const LOG_BYTES_MAX: u64 = 64 << 20;

/// The file that is written to.
pub(crate) struct Tip {
    pub(crate) number: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) salt: u32,
    /// Where the next frame goes.
    pub(crate) offset: u64,
    pub(crate) size: u64,
    /// Whether it was a part of the reserve.
    pub(crate) is_reserve: bool,
}

impl Tip {
    /// Makes a file of this size whose first frame has this sequence.
    pub(crate) fn create(disk: &dyn Disk, number: u64, sequence: u64, size: u64) -> io::Result<Self> {
        let (header, salt) = new_header(number, sequence);
        let file = publish(disk, &names::log(number), size, &header)?;
        Ok(Self { number, file, salt, offset: HEADER_BYTES as u64, size, is_reserve: false })
    }

    /// Makes one out of a step of the reserve.
    pub(crate) fn from_reserve(disk: &dyn Disk, number: u64, sequence: u64, reserve: &mut Reserve) -> io::Result<Self> {
        let (header, salt) = new_header(number, sequence);
        let file = reserve.take(disk, &names::log(number), &header)?;
        Ok(Self { number, file, salt, offset: HEADER_BYTES as u64, size: reserve.step_bytes, is_reserve: true })
    }
}

fn new_header(number: u64, sequence: u64) -> ([u8; HEADER_BYTES], u32) {
    let salt = new_salt();
    (Header { kind: Kind::Log, numbers: [number, sequence], salt }.encode(), salt)
}

/// A file that was read again.
pub(crate) struct LogBytes {
    pub(crate) name: String,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) salt: u32,
    pub(crate) first: u64,
    bytes: Vec<u8>,
}

/// How far a file's frames go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// The first byte after the last whole frame.
    pub(crate) offset: usize,
    /// The sequence that would come next.
    pub(crate) sequence: u64,
    /// Where the frames begin of which no later frame says that they are durable.
    unproven: usize,
}

impl LogBytes {
    pub(crate) fn read(disk: &dyn Disk, number: u64) -> Result<Self, JournalError> {
        let name = names::log(number);
        let file = disk.open(&name).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => JournalError::damaged(&name, 0, "it is missing"),
            _ => JournalError::io("open", &name)(error),
        })?;
        let length = file.length().map_err(JournalError::io("read", &name))?;
        if length > LOG_BYTES_MAX {
            return Err(JournalError::damaged(name, LOG_BYTES_MAX, "no file of the log is so long"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let read = read_full(&*file, &mut bytes, 0).map_err(JournalError::io("read", &name))?;
        bytes.truncate(read);
        let header = Header::decode(&bytes, Kind::Log, &name)?;
        if header.numbers[0] != number {
            return Err(JournalError::damaged(name, 0, "it is another file of the log"));
        }
        if !(1..names::COUNT_MAX).contains(&header.numbers[1]) {
            return Err(JournalError::damaged(name, 0, "no log begins so"));
        }
        Ok(Self { name, file, salt: header.salt, first: header.numbers[1], bytes })
    }

    pub(crate) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Gives each frame's body with its offset to `take`, which says whether it makes sense. `next` is the first sequence of
    /// the next file: all frames before it must be there.
    pub(crate) fn replay(
        &self,
        next: Option<u64>,
        mut take: impl FnMut(&[u8], u64) -> bool,
    ) -> Result<End, JournalError> {
        let mut end = End { offset: HEADER_BYTES, sequence: self.first, unproven: HEADER_BYTES };
        let mut unproven = VecDeque::new();
        while next != Some(end.sequence) {
            let rest = self.bytes.get(end.offset..).unwrap_or_default();
            let found = frame::frame(rest, self.salt).filter(|(header, _)| header.sequence == end.sequence);
            let Some((header, body)) = found else {
                let is_damage = next.is_some() || frame::proves_damage(rest, end.sequence, self.salt);
                return if is_damage { Err(self.damaged(end.offset)) } else { Ok(end) };
            };
            if !take(body, (end.offset + frame::FRAME_BYTES) as u64) {
                return Err(self.damaged(end.offset));
            }
            unproven.push_back((header.sequence, end.offset));
            while unproven.pop_front_if(|(sequence, _)| *sequence <= header.synced).is_some() {}
            end.offset += frame_bytes(header.length);
            end.sequence += 1;
            end.unproven = unproven.front().map_or(end.offset, |(_, offset)| *offset);
        }
        Ok(end)
    }

    /// Clears what a crash left after the last whole frame, so that nothing of it is ever taken for a frame, and makes durable
    /// what was read. What nothing proves durable is written again first: if a sync of it failed, the host may have it in
    /// memory only, take it for written, and not write it at the next sync.
    pub(crate) fn settle(&self, end: End) -> Result<(), JournalError> {
        let mut bytes = self.bytes.get(end.unproven..).unwrap_or_default().to_vec();
        let whole = (end.offset - end.unproven).min(bytes.len());
        if bytes[whole..].iter().all(|byte| *byte == 0) {
            bytes.truncate(whole);
        } else {
            bytes[whole..].fill(0);
        }
        let written = write_all(&*self.file, &bytes, end.unproven as u64);
        written.map_err(JournalError::io("write", &self.name))?;
        self.file.sync_data().map_err(JournalError::io("sync", &self.name))
    }

    fn damaged(&self, offset: usize) -> JournalError {
        JournalError::damaged(&self.name, offset as u64, "a batch that was written is not there")
    }
}
