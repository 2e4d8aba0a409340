//! Little-endian numbers, and the header that every file begins with:
//! `ISLESJ` · kind u8 · format u8 · first number u64 · second number u64 · salt u32 · CRC32C of all before u32.

use crate::error::JournalError;

/// The newest format.
pub(crate) const FORMAT: u8 = 1;
/// The length of a file's header.
pub(crate) const HEADER_BYTES: usize = 32;
const MAGIC: &[u8; 6] = b"ISLESJ";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Numbers: its own, and the sequence of its first frame.
    Log = b'L',
    /// Numbers: its stream, and its own.
    Segment = b'S',
    /// Numbers: the length of what follows the header, and 0.
    Catalogue = b'C',
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) numbers: [u64; 2],
    /// What checksums in the file begin with, so that nobody who writes content can write a frame.
    pub(crate) salt: u32,
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..6].copy_from_slice(MAGIC);
        bytes[6] = self.kind as u8;
        bytes[7] = FORMAT;
        bytes[8..16].copy_from_slice(&self.numbers[0].to_le_bytes());
        bytes[16..24].copy_from_slice(&self.numbers[1].to_le_bytes());
        bytes[24..28].copy_from_slice(&self.salt.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8], kind: Kind, file: &str) -> Result<Self, JournalError> {
        let damaged = |cause| JournalError::damaged(file, 0, cause);
        let Some(header) = bytes.get(..HEADER_BYTES) else { return Err(damaged("it ends within its header")) };
        if header[..6] != *MAGIC || header[6] != kind as u8 {
            return Err(damaged("it is not the file that its name says"));
        }
        if header[7] > FORMAT {
            return Err(JournalError::Newer { file: file.into(), found: header[7], known: FORMAT });
        }
        if crc32c::crc32c(&header[..28]) != number(&header[28..]) {
            return Err(damaged("the checksum of its header does not fit"));
        }
        Ok(Self { kind, numbers: [long(&header[8..]), long(&header[16..])], salt: number(&header[24..]) })
    }
}

/// The first four bytes as a number; 0 if there are fewer.
pub(crate) fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map_or(0, u32::from_le_bytes)
}

/// The first eight bytes as a number; 0 if there are fewer.
pub(crate) fn long(bytes: &[u8]) -> u64 {
    bytes.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

/// Takes a number off the front.
pub(crate) fn take_long(rest: &mut &[u8]) -> Option<u64> {
    Some(long(rest.split_off(..8)?))
}

/// Takes a number off the front.
pub(crate) fn take_number(rest: &mut &[u8]) -> Option<u32> {
    Some(number(rest.split_off(..4)?))
}

/// Takes bytes off the front, which their length precedes.
pub(crate) fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_number(rest)? as usize;
    rest.split_off(..length)
}

/// Appends bytes after their length.
pub(crate) fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&size(bytes.len()).to_le_bytes());
    to.extend_from_slice(bytes);
}

/// A length that a bound keeps small.
pub(crate) fn size(length: usize) -> u32 {
    u32::try_from(length).expect("a batch, a block and a log file are far smaller than 4 GiB")
}

/// A number that nobody can know beforehand.
pub(crate) fn new_salt() -> u32 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    number(&RandomState::new().build_hasher().finish().to_le_bytes())
}
