//! Bucket files of the format before the journal, which are read once and moved over. All numbers little-endian:
//! `ISLESKV` · format u8 · CRC32C of the rest u32 · revision u64 · count u32 · entries, each key length u16, key,
//! revision u64, value length u32, value.

use std::{collections::BTreeMap, io, path::Path};

use ports::streams::StreamsError;

use super::content::Content;

/// The only format there was.
const FORMAT: u8 = 1;
const MAGIC: &[u8; 7] = b"ISLESKV";
const HEADER_BYTES: usize = 12;

/// Why bytes are not a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Of a newer format.
    Newer(u8),
    /// Not what was written.
    Damaged(&'static str),
}

/// The buckets that lie as files in a folder, by name.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    let names = entries.iter().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(".bucket").map(str::to_owned)
    });
    Ok(names.collect())
}

/// What a file holds.
pub(super) fn read(path: &Path, bucket: &str) -> Result<Content, StreamsError> {
    let failed = |source| StreamsError::Io { doing: format!("cannot read {}", path.display()), source };
    let bytes = std::fs::read(path).map_err(failed)?;
    let bucket = bucket.to_owned();
    decode(&bytes).map_err(|error| match error {
        Unreadable::Newer(found) => StreamsError::Newer { bucket, found: found.into(), known: FORMAT.into() },
        Unreadable::Damaged(cause) => StreamsError::Damaged { cause: cause.into(), file: path.display().to_string() },
    })
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
