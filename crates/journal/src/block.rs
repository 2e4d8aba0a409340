//! Records in a segment, in blocks: body length u32 · CRC32C of the body u32 · count u32 · first sequence u64 · last
//! sequence u64 · CRC32C of the header before it u32 · body. In the body each record is sequence u64 · length u32 · bytes.
//! Checksums begin with the segment's number, so that a block in the wrong file is seen.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    codec::{long, number, put_bytes, size},
    options::BATCH_BYTES_MAX,
};

/// The length of a block's header.
pub(crate) const BLOCK_HEADER_BYTES: usize = 32;
/// A block takes no more records when it is as large as this.
pub(crate) const BLOCK_BYTES: usize = 16 << 10;
/// The last record of a block is at most as large as a batch.
const BODY_BYTES_MAX: usize = BLOCK_BYTES + BATCH_BYTES_MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) length: usize,
    checksum: u32,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// Appends records as blocks; says the first sequence of each block and where it begins.
pub(crate) fn put<'a>(
    to: &mut Vec<u8>,
    salt: u32,
    records: impl IntoIterator<Item = (u64, &'a [u8])>,
) -> Vec<(u64, u64)> {
    let mut blocks = Vec::new();
    let mut open = Block::default();
    for (sequence, bytes) in records {
        if open.body.len() >= BLOCK_BYTES {
            blocks.push(std::mem::take(&mut open).close(to, salt));
        }
        if open.count == 0 {
            open.first = sequence;
        }
        open.last = sequence;
        open.count += 1;
        open.body.extend_from_slice(&sequence.to_le_bytes());
        put_bytes(&mut open.body, bytes);
    }
    if open.count > 0 {
        blocks.push(open.close(to, salt));
    }
    blocks
}

#[derive(Default)]
struct Block {
    body: Vec<u8>,
    count: u32,
    first: u64,
    last: u64,
}

impl Block {
    fn close(self, to: &mut Vec<u8>, salt: u32) -> (u64, u64) {
        let start = to.len();
        to.extend_from_slice(&size(self.body.len()).to_le_bytes());
        to.extend_from_slice(&crc32c::crc32c_append(salt, &self.body).to_le_bytes());
        to.extend_from_slice(&self.count.to_le_bytes());
        to.extend_from_slice(&self.first.to_le_bytes());
        to.extend_from_slice(&self.last.to_le_bytes());
        let checksum = crc32c::crc32c_append(salt, &to[start..]);
        to.extend_from_slice(&checksum.to_le_bytes());
        to.extend_from_slice(&self.body);
        (self.first, start as u64)
    }
}

/// The header at the beginning of the bytes.
pub(crate) fn header(bytes: &[u8], salt: u32) -> Option<BlockHeader> {
    let bytes = bytes.get(..BLOCK_HEADER_BYTES)?;
    let header = BlockHeader {
        length: number(bytes) as usize,
        checksum: number(&bytes[4..]),
        first: long(&bytes[12..]),
        last: long(&bytes[20..]),
    };
    let is_sane = header.first <= header.last && header.last < u64::MAX && header.length <= BODY_BYTES_MAX;
    let is_whole = crc32c::crc32c_append(salt, &bytes[..28]) == number(&bytes[28..]);
    (is_sane && is_whole).then_some(header)
}

/// Whether the block at the beginning of the bytes is what was written; says how long it is.
pub(crate) fn check(bytes: &[u8], salt: u32) -> Option<usize> {
    let header = header(bytes, salt)?;
    let end = BLOCK_HEADER_BYTES.checked_add(header.length)?;
    let body = bytes.get(BLOCK_HEADER_BYTES..end)?;
    (crc32c::crc32c_append(salt, body) == header.checksum).then_some(end)
}

/// The records of a block that was checked: their sequences, and where they lie in it.
pub(crate) fn records(block: &[u8]) -> impl Iterator<Item = (u64, Range<usize>)> {
    let mut at = BLOCK_HEADER_BYTES;
    std::iter::from_fn(move || {
        let head = block.get(at..at + 12)?;
        let record = at + 12..at + 12 + number(&head[8..]) as usize;
        at = record.end;
        (at <= block.len()).then(|| (long(head), record))
    })
}

/// Reads all records of a block that was checked; `None` if they are not what its header says.
pub(crate) fn take(block: &Bytes, to: &mut Vec<(u64, Bytes)>) -> Option<()> {
    let (count, first, end) = (number(&block[8..]), long(&block[12..]), long(&block[20..]));
    let (mut at, mut last, mut taken) = (BLOCK_HEADER_BYTES, first.checked_sub(1)?, 0);
    for (sequence, record) in records(block) {
        if sequence <= last || sequence > end {
            return None;
        }
        (at, last, taken) = (record.end, sequence, taken + 1);
        to.push((sequence, block.slice(record)));
    }
    (at == block.len() && taken == count).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_written_and_any_flipped_bit_is_seen() {
        let large = vec![b'x'; BLOCK_BYTES];
        let records: [(u64, &[u8]); 4] = [(3, b"a"), (4, &large), (9, b""), (10, b"c")];
        let mut bytes = Vec::new();
        let blocks = put(&mut bytes, 8, records);
        assert_eq!(blocks.iter().map(|(first, _)| *first).collect::<Vec<_>>(), [3, 9]);
        let second = usize::try_from(blocks[1].1).unwrap();
        let (mut read, whole) = (Vec::new(), Bytes::from(bytes.clone()));
        assert_eq!(check(&whole, 8), Some(second));
        assert_eq!(check(&whole.slice(second..), 8), Some(bytes.len() - second));
        for block in [whole.slice(..second), whole.slice(second..)] {
            take(&block, &mut read).unwrap();
        }
        assert_eq!(read.iter().map(|(sequence, bytes)| (*sequence, &bytes[..])).collect::<Vec<_>>(), records);
        for bit in 0..(bytes.len() - second) * 8 {
            let mut flipped = bytes[second..].to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check(&flipped, 8), None, "bit {bit}");
        }
    }
}
