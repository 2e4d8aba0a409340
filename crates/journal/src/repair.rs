//! For fuzzing: makes checksums fit, so that bytes behind them are reached.

use crate::{
    block::BLOCK_HEADER_BYTES,
    codec::{FORMAT, HEADER_BYTES, Header, Kind, long, number},
    frame::{FRAME_BYTES, frame_bytes},
    names, store,
};

/// Puts right the header and the checksums of what would be a file of the journal.
pub fn repair(name: &str, content: &mut [u8]) {
    let Some(header) = content.get(..HEADER_BYTES) else { return };
    let mut numbers = [long(&header[8..]), long(&header[16..])];
    let salt = number(&header[24..]);
    let kind = match (names::numbered(name, "log"), names::numbered(name, "segment")) {
        (Some(log), _) => {
            numbers[0] = log;
            Kind::Log
        }
        (_, Some(segment)) => {
            numbers[1] = segment;
            Kind::Segment
        }
        _ => {
            numbers = [(content.len() - HEADER_BYTES) as u64, 0];
            Kind::Catalogue
        }
    };
    let format = content[7];
    content[..HEADER_BYTES].copy_from_slice(&Header { kind, numbers, salt }.encode());
    content[7] = if format == FORMAT { FORMAT } else { format.saturating_add(1) };
    let body = &mut content[HEADER_BYTES..];
    match kind {
        Kind::Log => frames(body, salt),
        Kind::Segment => blocks(body, store::salt(numbers[1])),
        Kind::Catalogue => {
            if let Some((body, checksum)) = body.split_last_chunk_mut::<4>() {
                *checksum = crc32c::crc32c_append(salt, body).to_le_bytes();
            }
        }
    }
}

fn frames(mut rest: &mut [u8], salt: u32) {
    while rest.len() >= FRAME_BYTES {
        let length = (number(rest) as usize).min(rest.len() - FRAME_BYTES);
        let checksum = crc32c::crc32c_append(salt, &rest[FRAME_BYTES..FRAME_BYTES + length]);
        rest[4..8].copy_from_slice(&checksum.to_le_bytes());
        let checksum = crc32c::crc32c_append(salt, &rest[..24]);
        rest[24..28].copy_from_slice(&checksum.to_le_bytes());
        rest[28..32].fill(0);
        let end = frame_bytes(length).min(rest.len());
        rest = &mut rest[end..];
    }
}

fn blocks(mut rest: &mut [u8], salt: u32) {
    while rest.len() >= BLOCK_HEADER_BYTES {
        let length = (number(rest) as usize).min(rest.len() - BLOCK_HEADER_BYTES);
        let end = BLOCK_HEADER_BYTES + length;
        let checksum = crc32c::crc32c_append(salt, &rest[BLOCK_HEADER_BYTES..end]);
        rest[4..8].copy_from_slice(&checksum.to_le_bytes());
        let checksum = crc32c::crc32c_append(salt, &rest[..28]);
        rest[28..32].copy_from_slice(&checksum.to_le_bytes());
        rest = &mut rest[end..];
    }
}
