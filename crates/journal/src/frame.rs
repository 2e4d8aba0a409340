//! A batch in the log, all numbers little-endian: body length u32 · CRC32C of the body u32 · sequence u64 · synced u64 ·
//! CRC32C of the header before it u32 · zero u32 · body, padded to eight bytes.
//!
//! `synced` is the greatest sequence that was durable when the frame was written. So what follows a tear tells whether the
//! missing frame was acknowledged: a frame with `synced` at or above the missing sequence proves damage; without one, a
//! crash took what nobody had been promised, whatever the disk kept of the frames after it.

use crate::codec::{long, number, size};

/// The length of a frame's header.
pub(crate) const FRAME_BYTES: usize = 32;
const ALIGNMENT: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) sequence: u64,
    pub(crate) synced: u64,
    pub(crate) length: usize,
    checksum: u32,
}

/// How many bytes of the log a body takes.
pub(crate) fn frame_bytes(body: usize) -> usize {
    FRAME_BYTES + body.next_multiple_of(ALIGNMENT)
}

/// Appends a frame.
pub(crate) fn put(to: &mut Vec<u8>, sequence: u64, synced: u64, salt: u32, body: &[u8]) {
    let start = to.len();
    to.extend_from_slice(&size(body.len()).to_le_bytes());
    to.extend_from_slice(&crc32c::crc32c_append(salt, body).to_le_bytes());
    to.extend_from_slice(&sequence.to_le_bytes());
    to.extend_from_slice(&synced.to_le_bytes());
    let checksum = crc32c::crc32c_append(salt, &to[start..]);
    to.extend_from_slice(&checksum.to_le_bytes());
    to.extend_from_slice(&[0; 4]);
    to.extend_from_slice(body);
    to.resize(start + frame_bytes(body.len()), 0);
}

/// The header at the beginning of the bytes.
pub(crate) fn header(bytes: &[u8], salt: u32) -> Option<FrameHeader> {
    let bytes = bytes.get(..FRAME_BYTES)?;
    let fits = crc32c::crc32c_append(salt, &bytes[..24]) == number(&bytes[24..]) && number(&bytes[28..]) == 0;
    fits.then(|| FrameHeader {
        length: number(bytes) as usize,
        checksum: number(&bytes[4..]),
        sequence: long(&bytes[8..]),
        synced: long(&bytes[16..]),
    })
}

/// The frame at the beginning of the bytes, if it is whole.
pub(crate) fn frame(bytes: &[u8], salt: u32) -> Option<(FrameHeader, &[u8])> {
    let header = header(bytes, salt)?;
    let body = bytes.get(FRAME_BYTES..FRAME_BYTES.checked_add(header.length)?)?;
    (crc32c::crc32c_append(salt, body) == header.checksum).then_some((header, body))
}

/// Whether what follows a tear proves that the missing frame was durable.
pub(crate) fn proves_damage(rest: &[u8], missing: u64, salt: u32) -> bool {
    let places = (0..rest.len()).step_by(ALIGNMENT);
    // Most of what follows is zeros, and no frame has the sequence 0.
    let mut likely = places.map(|at| &rest[at..]).filter(|bytes| bytes.get(8..).is_some_and(|from| long(from) != 0));
    likely.any(|bytes| header(bytes, salt).is_some_and(|header| header.synced >= missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_written_and_any_flipped_bit_is_seen() {
        let mut bytes = Vec::new();
        put(&mut bytes, 9, 7, 5, b"hello");
        assert_eq!(bytes.len(), frame_bytes(5));
        let (header, body) = frame(&bytes, 5).unwrap();
        assert_eq!((header.sequence, header.synced, body), (9, 7, b"hello".as_slice()));
        assert_eq!(frame(&bytes, 6), None);
        for bit in 0..(FRAME_BYTES + 5) * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(frame(&flipped, 5), None, "bit {bit}");
        }
    }

    #[test]
    fn only_a_later_sync_proves_damage() {
        for (sequence, synced, missing, expected) in
            [(9, 7, 7, true), (9, 7, 6, true), (9, 7, 8, false), (9, 0, 1, false)]
        {
            let mut bytes = vec![0xee; 40];
            put(&mut bytes, sequence, synced, 5, b"x");
            assert_eq!(proves_damage(&bytes, missing, 5), expected, "{sequence} {synced} {missing}");
            assert!(!proves_damage(&bytes, missing, 6));
        }
    }
}
