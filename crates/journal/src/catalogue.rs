//! The catalogue: which streams and segments there are, and where the log begins that they do not yet hold. After the file's
//! header: log number u64 · its first sequence u64 · next segment u64 · count u32 · streams · CRC32C of all this u32.
//! A stream: id u64 · last u64 · moved u64 · description · count u32 · segments. A segment: number u64 · first u64 · last u64 ·
//! live count u64 · live bytes u64 · length u64 · count u32 · words of holes, each number u64 · bits u64.

use bytes::Bytes;

use crate::{
    codec::{HEADER_BYTES, Header, Kind, new_salt, number, put_bytes, size, take_bytes, take_long, take_number},
    error::JournalError,
    names::{CATALOGUE, COUNT_MAX},
    segment::{Amount, Segment},
    state::State,
    store::lock,
    stream::Stream,
};

/// Where the log begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) log: u64,
    pub(crate) sequence: u64,
}

pub(crate) fn encode(state: &State, start: Start) -> Vec<u8> {
    let mut body = Vec::new();
    for value in [start.log, start.sequence, state.next_segment] {
        body.extend_from_slice(&value.to_le_bytes());
    }
    body.extend_from_slice(&size(state.streams.len()).to_le_bytes());
    for (id, stream) in &state.streams {
        put_stream(&mut body, *id, stream);
    }
    let salt = new_salt();
    let checksum = crc32c::crc32c_append(salt, &body);
    body.extend_from_slice(&checksum.to_le_bytes());
    let header = Header { kind: Kind::Catalogue, numbers: [body.len() as u64, 0], salt };
    [&header.encode()[..], &body].concat()
}

fn put_stream(to: &mut Vec<u8>, id: u64, stream: &Stream) {
    for value in [id, stream.last, stream.moved] {
        to.extend_from_slice(&value.to_le_bytes());
    }
    put_bytes(to, &stream.description);
    to.extend_from_slice(&size(stream.segments.len()).to_le_bytes());
    for segment in &stream.segments {
        let length = lock(&segment.body.shape).length;
        let live = segment.live;
        for value in [segment.body.number, segment.first, segment.last, live.count, live.bytes, length] {
            to.extend_from_slice(&value.to_le_bytes());
        }
        let words = segment.holes.words();
        to.extend_from_slice(&size(words.len()).to_le_bytes());
        for value in words.flat_map(|(word, bits)| [word, bits]) {
            to.extend_from_slice(&value.to_le_bytes());
        }
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<(State, Start), JournalError> {
    let header = Header::decode(bytes, Kind::Catalogue, CATALOGUE)?;
    let damaged = |cause| JournalError::damaged(CATALOGUE, HEADER_BYTES as u64, cause);
    let body = &bytes[HEADER_BYTES..];
    if body.len() as u64 != header.numbers[0] || body.len() < 4 {
        return Err(damaged("its length does not fit"));
    }
    let (mut body, checksum) = body.split_at(body.len() - 4);
    if crc32c::crc32c_append(header.salt, body) != number(checksum) {
        return Err(damaged("its checksum does not fit"));
    }
    take_state(&mut body).filter(|_| body.is_empty()).ok_or_else(|| damaged("what it says makes no sense"))
}

fn take_state(rest: &mut &[u8]) -> Option<(State, Start)> {
    let start = Start { log: take_long(rest)?, sequence: take_long(rest)? };
    let mut state = State::default();
    state.next_segment = take_long(rest)?;
    for _ in 0..take_number(rest)? {
        let id = take_long(rest)?;
        let stream = take_stream(rest)?;
        state.streams.insert(id, stream);
    }
    let is_sane = |number: u64| (1..COUNT_MAX).contains(&number);
    [start.log, start.sequence, state.next_segment].into_iter().all(is_sane).then_some((state, start))
}

fn take_stream(rest: &mut &[u8]) -> Option<Stream> {
    let mut stream = Stream { last: take_long(rest)?, moved: take_long(rest)?, ..Stream::default() };
    stream.description = Bytes::copy_from_slice(take_bytes(rest)?);
    for _ in 0..take_number(rest)? {
        let segment = take_segment(rest)?;
        stream.live.count = stream.live.count.checked_add(segment.live.count)?;
        stream.live.bytes = stream.live.bytes.checked_add(segment.live.bytes)?;
        stream.segments.push_back(segment);
    }
    let ascending = stream.segments.iter().zip(stream.segments.iter().skip(1)).all(|(a, b)| a.last < b.first);
    ascending.then_some(stream)
}

fn take_segment(rest: &mut &[u8]) -> Option<Segment> {
    let [number, first, last] = [take_long(rest)?, take_long(rest)?, take_long(rest)?];
    let live = Amount { count: take_long(rest)?, bytes: take_long(rest)? };
    let mut segment = Segment { first, last, live, ..Segment::new(number, take_long(rest)?) };
    for _ in 0..take_number(rest)? {
        segment.holes.put_word(take_long(rest)?, take_long(rest)?);
    }
    (first <= last && last < u64::MAX && number < COUNT_MAX).then_some(segment)
}
