//! Segments of which little is alive, and small ones beside each other, become one. A pass of the mover does one such run, and
//! reads at most [`RUN_MAX`] segments for it.

use std::ops::Range;

use bytes::Bytes;

use crate::{core::Core, error::JournalError, segment::Segment, store::lock, stream::Stream, target::Target};

const RUN_MAX: usize = 8;
/// So many small segments beside each other are worth the work, even if all in them is alive.
const SMALL_RUN: usize = 4;
/// What a record takes in a block beyond its bytes.
const RECORD_BYTES: u64 = 12;

/// Compacts the first run that is worth it.
pub(crate) fn one(core: &Core) -> Result<(), JournalError> {
    let found = {
        let state = core.state();
        let mut sound = state.streams.iter().filter(|(_, stream)| stream.damage.is_none());
        sound.find_map(|(id, stream)| {
            let run = run(stream, core.options.segment_bytes)?;
            let numbers: Vec<_> = stream.segments.range(run).map(|segment| segment.body.number).collect();
            Some((*id, stream.incarnation, numbers))
        })
    };
    let Some((id, incarnation, numbers)) = found else { return Ok(()) };
    match read(core, id, incarnation, &numbers) {
        Ok(records) => replace(core, id, incarnation, &numbers, &records),
        Err(damage @ JournalError::Damaged { .. }) => {
            core.state_mut().streams.get_mut(&id).into_iter().for_each(|stream| stream.damage = Some(damage.clone()));
            Ok(())
        }
        Err(other) => Err(other),
    }
}

/// Segments beside each other, the last one left out, that fit into one and are worth the work.
fn run(stream: &Stream, segment_bytes: u64) -> Option<Range<usize>> {
    let sizes = |segment: &Segment| {
        let live = segment.live.bytes + segment.live.count * RECORD_BYTES;
        (live, lock(&segment.body.shape).length)
    };
    let is_poor = |(live, length): (u64, u64)| live * 2 < length;
    let (mut start, mut bytes, mut has_poor) = (0, 0, false);
    let sealed = stream.segments.len().saturating_sub(1);
    for at in 0..=sealed {
        let (live, length) = if at < sealed { sizes(&stream.segments[at]) } else { (u64::MAX, u64::MAX) };
        let belongs = at < sealed && (is_poor((live, length)) || length < segment_bytes / 4);
        if belongs && bytes + live <= segment_bytes && at - start < RUN_MAX {
            bytes += live;
            has_poor |= is_poor((live, length));
            continue;
        }
        if has_poor || at - start >= SMALL_RUN {
            return Some(start..at);
        }
        (start, bytes, has_poor) = if belongs { (at, live, is_poor((live, length))) } else { (at + 1, 0, false) };
    }
    None
}

/// What is alive in some segments of a stream.
fn read(core: &Core, id: u64, incarnation: u64, numbers: &[u64]) -> Result<Vec<(u64, Bytes)>, JournalError> {
    let mut records = Vec::new();
    for number in numbers {
        let mut from = 0;
        while let Some(span) = next_span(core, id, incarnation, *number, from)? {
            from = span.last().map_or(u64::MAX, |(last, _)| last + 1);
            records.extend(span);
        }
    }
    Ok(records)
}

/// The records of a span that are alive, and at least the last of it, so that one knows how far it went.
fn next_span(
    core: &Core,
    id: u64,
    incarnation: u64,
    number: u64,
    from: u64,
) -> Result<Option<Vec<(u64, Bytes)>>, JournalError> {
    let body = {
        let state = core.state();
        let stream = state.streams.get(&id).filter(|stream| stream.incarnation == incarnation);
        let segment = stream.and_then(|stream| stream.segments.iter().find(|it| it.body.number == number));
        segment.map(|segment| segment.body.clone())
    };
    let Some(span) = body.map(|body| core.store.span(&body, from)).transpose()?.flatten() else { return Ok(None) };
    let state = core.state();
    let stream = state.streams.get(&id).filter(|stream| stream.incarnation == incarnation);
    let is_alive = |sequence: u64| stream.is_some_and(|stream| stream.holds_in_segment(sequence));
    let last = span.last().map(|(last, _)| *last);
    let alive = span.iter().filter(|(at, _)| *at >= from && (is_alive(*at) || Some(*at) == last));
    Ok(Some(alive.cloned().collect()))
}

/// Puts a new segment in the place of the others.
fn replace(
    core: &Core,
    id: u64,
    incarnation: u64,
    numbers: &[u64],
    records: &[(u64, Bytes)],
) -> Result<(), JournalError> {
    let target = Target::new(core);
    let number = target.body.number;
    let written = target.write(core, id, records)?;
    let mut guard = core.state_mut();
    let state = &mut *guard;
    let stream = state.streams.get_mut(&id).filter(|stream| stream.incarnation == incarnation);
    let Some(stream) = stream else {
        state.garbage.push(number);
        return Ok(());
    };
    target.grow(written);
    let mut segment = Segment { body: target.body, ..Segment::new(number, 0) };
    for (sequence, bytes) in records {
        segment.last = *sequence;
        if !stream.holds_in_segment(*sequence) {
            segment.holes.insert(*sequence);
            continue;
        }
        if segment.live.count == 0 {
            segment.first = *sequence;
        }
        segment.live.add(bytes.len() as u64);
    }
    let is_replaced = |segment: &Segment| numbers.contains(&segment.body.number);
    state.garbage.extend(stream.segments.iter().filter(|it| is_replaced(it)).map(|it| it.body.number));
    stream.segments.retain(|segment| !is_replaced(segment));
    if segment.live.count == 0 {
        state.garbage.push(number);
        return Ok(());
    }
    let at = stream.segments.partition_point(|other| other.last < segment.first);
    stream.segments.insert(at, segment);
    Ok(())
}
