//! Reading what is written.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::Bytes;

use crate::{core::Core, disk::read_full, error::JournalError, names, segment::Body, stream::Position};

/// How many records of the log an iterator reads at once, and how many bytes at least end that.
const AHEAD: usize = 128;
const AHEAD_BYTES: u64 = 256 << 10;
/// How often a segment may be replaced while it is looked into.
const TRIES: u32 = 8;

/// Records of the log that lie near each other are read together, at most so much at once.
const WINDOW_BYTES: u32 = 1 << 20;
/// Less between two records is read with them.
const GAP_BYTES: u32 = 4 << 10;

/// A record that has not been moved.
pub(crate) fn from_log(core: &Core, position: Position) -> Result<Bytes, JournalError> {
    let mut records = all_from_log(core, &[(0, position)])?;
    Ok(records.pop().map(|(_, record)| record).unwrap_or_default())
}

/// Records that have not been moved, with their sequences.
pub(crate) fn all_from_log(core: &Core, records: &[(u64, Position)]) -> Result<Vec<(u64, Bytes)>, JournalError> {
    let mut read = Vec::with_capacity(records.len());
    let mut rest = records;
    while let Some((_, first)) = rest.first() {
        let (together, after) = rest.split_at(near(rest));
        let end = together.last().map_or(first.offset, |(_, last)| last.offset + last.length);
        let window = part_of_log(core, first.log, first.offset..end)?;
        for (sequence, position) in together {
            let start = (position.offset - first.offset) as usize;
            let record = window.slice(start..start + position.length as usize);
            if crc32c::crc32c(&record) != position.checksum {
                let cause = "a record is not what was written";
                return Err(JournalError::damaged(names::log(position.log), position.offset.into(), cause));
            }
            read.push((*sequence, record));
        }
        rest = after;
    }
    Ok(read)
}

/// How many of the first records lie so near each other in the log that they are read together.
fn near(records: &[(u64, Position)]) -> usize {
    let Some((_, first)) = records.first() else { return 0 };
    let mut end = first.offset + first.length;
    let beside = records.iter().skip(1).take_while(|(_, position)| {
        let is_near = position.log == first.log
            && position.offset >= end
            && position.offset - end < GAP_BYTES
            && position.offset + position.length - first.offset <= WINDOW_BYTES;
        end = position.offset + position.length;
        is_near
    });
    1 + beside.count()
}

fn part_of_log(core: &Core, log: u64, range: Range<u32>) -> Result<Bytes, JournalError> {
    let file = core.state().logs.get(&log).map(|log| log.file.clone());
    let name = names::log(log);
    let file = file.ok_or_else(|| JournalError::damaged(&name, range.start.into(), "it is not there any more"))?;
    let mut bytes = vec![0; range.len()];
    read_full(&*file, &mut bytes, range.start.into()).map_err(JournalError::io("read", &name))?;
    Ok(bytes.into())
}

/// Where a record is.
enum Place {
    Log(Position),
    Segment(Arc<Body>),
}

pub(crate) fn get(core: &Core, stream: u64, sequence: u64) -> Result<Option<Bytes>, JournalError> {
    retried(core, stream, || {
        let place = {
            let state = core.state();
            state.streams.get(&stream).and_then(|stream| {
                let in_log = stream.tail.get(&sequence).map(|position| Place::Log(*position));
                in_log.or_else(|| {
                    let segment = stream.segment_of(sequence)?;
                    segment.may_hold(sequence).then(|| Place::Segment(segment.body.clone()))
                })
            })
        };
        match place {
            Some(Place::Log(position)) => from_log(core, position).map(Some),
            Some(Place::Segment(body)) => core.store.find(&body, sequence),
            None => Ok(None),
        }
    })
}

/// The mover may take away what is being looked into; then it is somewhere else. What is damaged stays so, and makes the
/// stream read-only.
fn retried<T>(core: &Core, stream: u64, mut look: impl FnMut() -> Result<T, JournalError>) -> Result<T, JournalError> {
    let mut tries = 1;
    loop {
        match look() {
            Err(JournalError::Damaged { .. }) if tries < TRIES => tries += 1,
            Err(damage @ JournalError::Damaged { .. }) => {
                if let Some(stream) = core.state_mut().streams.get_mut(&stream) {
                    stream.damage = Some(damage.clone());
                }
                return Err(damage);
            }
            other => return other,
        }
    }
}

/// The records of a stream from a sequence on. It sees what is appended while it goes, and may still give a record that was
/// removed since it was read ahead. It ends after an error.
pub struct Records {
    core: Arc<Core>,
    stream: u64,
    from: u64,
    ahead: VecDeque<(u64, Bytes)>,
    is_over: bool,
}

impl Records {
    pub(crate) fn new(core: Arc<Core>, stream: u64, from: u64) -> Self {
        Self { core, stream, from, ahead: VecDeque::new(), is_over: false }
    }

    /// Reads on; leaves nothing ahead at the end.
    fn read(&mut self) -> Result<(), JournalError> {
        loop {
            let (core, stream, from) = (&*self.core, self.stream, self.from);
            let (records, next) = retried(core, stream, || ahead(core, stream, from))?;
            let Some(next) = next else { return Ok(()) };
            self.from = next;
            self.ahead.extend(records);
            if !self.ahead.is_empty() {
                return Ok(());
            }
        }
    }
}

impl Iterator for Records {
    type Item = Result<(u64, Bytes), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ahead.is_empty()
            && !self.is_over
            && let Err(error) = self.read()
        {
            self.is_over = true;
            return Some(Err(error));
        }
        self.ahead.pop_front().map(Ok)
    }
}

type Ahead = (Vec<(u64, Bytes)>, Option<u64>);

/// Some records from a sequence on, and from where to read on; `None` at the end.
fn ahead(core: &Core, id: u64, from: u64) -> Result<Ahead, JournalError> {
    let (body, positions) = {
        let state = core.state();
        let Some(stream) = state.streams.get(&id) else { return Ok((Vec::new(), None)) };
        let body = stream.segment_of(from).map(|segment| (segment.body.clone(), segment.last));
        let mut bytes = 0;
        let tail = stream.tail.range(from..).take(AHEAD).take_while(|(_, position)| {
            let fits = bytes < AHEAD_BYTES;
            bytes += u64::from(position.length);
            fits
        });
        (body, tail.map(|(sequence, position)| (*sequence, *position)).collect::<Vec<_>>())
    };
    let Some((body, last)) = body else {
        let next = positions.last().map(|(last, _)| last + 1);
        return Ok((all_from_log(core, &positions)?, next));
    };
    let Some(span) = core.store.span(&body, from)? else { return Ok((Vec::new(), Some(last + 1))) };
    let next = span.last().map(|(last, _)| last + 1);
    let state = core.state();
    let is_alive = |sequence| state.streams.get(&id).is_some_and(|stream| stream.holds_in_segment(sequence));
    let alive = span.iter().filter(|(sequence, _)| *sequence >= from && is_alive(*sequence));
    Ok((alive.cloned().collect(), next))
}
