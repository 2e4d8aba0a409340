//! The bytes of a bucket file, all numbers little-endian:
//! `ISLESKV` · format u8 · CRC32C of the rest u32 · revision u64 · count u32 · entries, each key length u16, key,
//! revision u64, value length u32, value.

use std::collections::BTreeMap;

/// The newest format.
pub(super) const FORMAT: u8 = 1;
const MAGIC: &[u8; 7] = b"ISLESKV";
const HEADER_BYTES: usize = 12;

/// A bucket's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// Of the last change.
    pub(super) revision: u64,
    /// Revision and value by key.
    pub(super) entries: BTreeMap<String, (u64, Vec<u8>)>,
}

/// Why bytes are not a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Of a newer format.
    Newer(u8),
    /// Not what was written.
    Damaged(&'static str),
}

pub(super) fn encode(content: &Content) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 12 + content.entries.len() * 64);
    bytes.extend_from_slice(MAGIC);
    bytes.push(FORMAT);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&content.revision.to_le_bytes());
    bytes.extend_from_slice(&length(content.entries.len()).to_le_bytes());
    for (key, (revision, value)) in &content.entries {
        let key_length = u16::try_from(key.len()).expect("a key has at most 256 bytes");
        bytes.extend_from_slice(&key_length.to_le_bytes());
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(&revision.to_le_bytes());
        bytes.extend_from_slice(&length(value.len()).to_le_bytes());
        bytes.extend_from_slice(value);
    }
    let checksum = crc32c::crc32c(&bytes[HEADER_BYTES..]);
    bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn length(count: usize) -> u32 {
    u32::try_from(count).expect("a bucket has fewer than 2^32 entries and a value at most 1 MiB")
}

pub(super) fn decode(bytes: &[u8]) -> Result<Content, Unreadable> {
    if bytes.len() < HEADER_BYTES || bytes[..7] != *MAGIC {
        return Err(Unreadable::Damaged("it is not a bucket file"));
    }
    if bytes[7] > FORMAT {
        return Err(Unreadable::Newer(bytes[7]));
    }
    let (header, mut rest) = bytes.split_at(HEADER_BYTES);
    if header[8..] != crc32c::crc32c(rest).to_le_bytes() {
        return Err(Unreadable::Damaged("its checksum does not fit"));
    }
    read_content(&mut rest).filter(|_| rest.is_empty()).ok_or(Unreadable::Damaged("its lengths do not fit"))
}

fn read_content(rest: &mut &[u8]) -> Option<Content> {
    let revision = u64::from_le_bytes(take(rest)?);
    let count = u32::from_le_bytes(take(rest)?);
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let key_length = u16::from_le_bytes(take(rest)?);
        let key = String::from_utf8(rest.split_off(..usize::from(key_length))?.to_vec()).ok()?;
        let key_revision = u64::from_le_bytes(take(rest)?);
        let value_length = u32::from_le_bytes(take(rest)?);
        let value = rest.split_off(..usize::try_from(value_length).ok()?)?.to_vec();
        entries.insert(key, (key_revision, value));
    }
    Some(Content { revision, entries })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.try_into().ok()
}
