//! The mover: takes records from full files of the log to the streams' segments, writes the catalogue, and frees what is then
//! not needed. A crash at any moment leaves the older catalogue, and the log from there.

use std::{io, sync::Arc};

use bytes::Bytes;

use crate::{
    catalogue::{self, Start},
    compact,
    core::Core,
    disk::{Disk, publish},
    error::JournalError,
    names,
    open::is_full,
    read,
    segment::{Body, Segment},
    store::lock,
    stream::Position,
    target::{Target, Written},
};

/// So much is moved at a time, to bound memory.
const CHUNK_BYTES: u64 = 4 << 20;

/// Moves and frees what can be. When the disk is full, what is done stays done, and the rest comes next time.
pub(crate) fn run(core: &Core) -> Result<(), JournalError> {
    loop {
        core.check()?;
        let outcome = match pass(core) {
            Err(JournalError::Full) => make_room(core),
            other => other.map(|()| false),
        };
        match outcome {
            Ok(true) => {}
            Ok(false) => break,
            Err(JournalError::Full) => return Err(JournalError::Full),
            Err(other) => return Err(core.poison(&other)),
        }
    }
    // On a full disk it stays as it is until there is space.
    let _ = lock(&core.reserve).refill(&*core.disk);
    Ok(())
}

/// Room for the next pass: what was deleted, or else a step of the reserve, if what lives needs little and frees much.
fn make_room(core: &Core) -> Result<bool, JournalError> {
    if free(core, None)? {
        return Ok(true);
    }
    let (live_bytes, log_bytes) = core.state().full_logs();
    let mut reserve = lock(&core.reserve);
    if live_bytes.saturating_mul(2) > log_bytes.min(reserve.step_bytes) {
        return Err(JournalError::Full);
    }
    reserve.give_up(&*core.disk).map_err(JournalError::io("remove", "a step of the reserve"))?;
    Ok(true)
}

fn pass(core: &Core) -> Result<(), JournalError> {
    let (cut, streams) = {
        let state = core.state();
        let cut = state.logs.last_key_value().map_or(0, |(number, _)| *number);
        (cut, state.unmoved.iter().copied().collect::<Vec<_>>())
    };
    streams.into_iter().try_for_each(|stream| move_stream(core, stream, cut))?;
    compact::one(core)?;
    free(core, Some(cut)).map(drop)
}

fn move_stream(core: &Core, stream: u64, cut: u64) -> Result<(), JournalError> {
    while let Some(chunk) = Chunk::take(core, stream, cut) {
        let records = chunk.read(core)?;
        let target = match chunk.target {
            Some(body) => Target { body, is_new: false },
            None => Target::new(core),
        };
        let written = target.write(core, stream, &records)?;
        chunk_moved(core, stream, chunk.incarnation, &target, written, &records);
    }
    Ok(())
}

/// Records of one stream that are moved together.
struct Chunk {
    incarnation: u64,
    records: Vec<(u64, Position)>,
    /// The segment that takes them, if one has room.
    target: Option<Arc<Body>>,
}

impl Chunk {
    fn take(core: &Core, stream: u64, cut: u64) -> Option<Self> {
        let state = core.state();
        let stream = state.streams.get(&stream)?;
        let mut bytes = 0;
        let full = stream.tail.iter().take_while(|(_, position)| position.log < cut);
        let chunk = full.take_while(|(_, position)| {
            let fits = bytes < CHUNK_BYTES;
            bytes += u64::from(position.length);
            fits
        });
        let records: Vec<_> = chunk.map(|(sequence, position)| (*sequence, *position)).collect();
        let has_room = |body: &Arc<Body>| lock(&body.shape).length < core.options.segment_bytes;
        let last = stream.segments.back().map(|segment| segment.body.clone());
        let target = last.filter(has_room).filter(|_| stream.damage.is_none());
        (!records.is_empty()).then_some(Self { incarnation: stream.incarnation, records, target })
    }

    fn read(&self, core: &Core) -> Result<Vec<(u64, Bytes)>, JournalError> {
        read::all_from_log(core, &self.records)
    }
}

/// From here on the records are in the segment, and not in the log.
fn chunk_moved(core: &Core, id: u64, incarnation: u64, target: &Target, written: Written, records: &[(u64, Bytes)]) {
    let mut guard = core.state_mut();
    let state = &mut *guard;
    let number = target.body.number;
    let stream = state.streams.get_mut(&id).filter(|stream| stream.incarnation == incarnation);
    let Some(stream) = stream else {
        // It was dropped meanwhile, and with it the segment, if it had it.
        state.garbage.extend(target.is_new.then_some(number));
        return;
    };
    if target.is_new {
        stream.segments.push_back(Segment { body: target.body.clone(), ..Segment::new(number, 0) });
    }
    let Some(segment) = stream.segments.back_mut().filter(|segment| segment.body.number == number) else {
        // All that it held was removed meanwhile.
        return;
    };
    target.grow(written);
    for (sequence, bytes) in records {
        if stream.tail.remove(sequence).is_none() {
            segment.holes.insert(*sequence);
            continue;
        }
        if segment.live.count == 0 {
            segment.first = *sequence;
        }
        segment.live.add(bytes.len() as u64);
    }
    if let Some((last, _)) = records.last() {
        segment.last = *last;
        stream.moved = *last;
    }
    if segment.live.count == 0 {
        stream.segments.pop_back();
        state.garbage.push(number);
    }
    if stream.tail.is_empty() {
        state.unmoved.remove(&id);
    }
}

/// Writes the catalogue, and removes what it does not name; says whether there was anything. With a cut, files of the log
/// before it are not needed.
fn free(core: &Core, cut: Option<u64>) -> Result<bool, JournalError> {
    let (bytes, mut garbage, start, tip) = {
        let mut state = core.state_mut();
        let first = state.logs.first_key_value().map_or(0, |(number, _)| *number);
        let log = cut.unwrap_or(first);
        if log == first && state.garbage.is_empty() {
            return Ok(false);
        }
        let start = Start { log, sequence: state.logs.get(&log).map_or(0, |log| log.first) };
        let tip = state.logs.last_key_value().map(|(_, log)| log.file.clone());
        (catalogue::encode(&state, start), std::mem::take(&mut state.garbage), start, tip)
    };
    // The catalogue tells of removals that are written, but perhaps not yet durable with the rest of their batches.
    let synced = tip.map_or(Ok(()), |tip| tip.sync_data());
    let saved = synced.and_then(|()| core.disk.sync_folder()).and_then(|()| save(core, &bytes));
    if let Err(error) = saved {
        core.state_mut().garbage.append(&mut garbage);
        return Err(JournalError::io("write", names::CATALOGUE)(error));
    }
    let logs = {
        let mut state = core.state_mut();
        let needed = state.logs.split_off(&start.log);
        let freed = std::mem::replace(&mut state.logs, needed);
        core.note_backlog(&state);
        freed
    };
    for number in &garbage {
        core.store.forget(*number);
    }
    let garbage = garbage.into_iter().map(names::segment);
    garbage.chain(logs.into_keys().map(names::log)).try_for_each(|name| remove(&*core.disk, &name))?;
    Ok(true)
}

/// On a full disk the reserve makes room, for without a catalogue nothing can be freed.
fn save(core: &Core, bytes: &[u8]) -> io::Result<()> {
    let publish = || publish(&*core.disk, names::CATALOGUE, bytes.len() as u64, bytes).map(drop);
    match publish() {
        Err(error) if is_full(&error) => {
            lock(&core.reserve).give_up(&*core.disk)?;
            publish()
        }
        other => other,
    }
}

fn remove(disk: &dyn Disk, name: &str) -> Result<(), JournalError> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(JournalError::io("remove", name)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Batch, FaultyDisk,
        tests::rig::{Rig, SMALL},
    };

    fn remove(batch: &mut Batch) {
        batch.remove(1, 7);
        batch.remove_up_to(1, 3);
    }

    fn remove_all(batch: &mut Batch) {
        batch.remove_up_to(1, u64::MAX);
    }

    fn replace(batch: &mut Batch) {
        batch.drop_stream(1);
        batch.create(1, b"another");
        (1..=30).for_each(|sequence| batch.append(1, sequence, &[2; 100]));
    }

    /// Whatever is written while records are being moved counts, at once and after opening again.
    #[test]
    fn what_changes_while_records_are_moved_is_kept() {
        for change in [remove, remove_all, replace] {
            let disk = FaultyDisk::new(1);
            let mut rig = Rig::open(&disk, &SMALL).unwrap();
            let mut batch = Batch::new();
            batch.create(1, b"one");
            (1..=50).for_each(|sequence| batch.append(1, sequence, &[1; 100]));
            rig.commit(batch).unwrap();
            // It needs another file of the log, so that the first batch is in a full one.
            let mut batch = Batch::new();
            (51..=90).for_each(|sequence| batch.append(1, sequence, &[1; 100]));
            rig.commit(batch).unwrap();
            let tip = *rig.core.state().logs.last_key_value().unwrap().0;
            let chunk = Chunk::take(&rig.core, 1, tip).unwrap();
            let records = chunk.read(&rig.core).unwrap();
            let target = Target::new(&rig.core);
            let written = target.write(&rig.core, 1, &records).unwrap();
            let mut batch = Batch::new();
            change(&mut batch);
            rig.commit(batch).unwrap();
            let expected = rig.content().unwrap();
            chunk_moved(&rig.core, 1, chunk.incarnation, &target, written, &records);
            for _ in 0..2 {
                assert_eq!(rig.content().unwrap(), expected);
                rig.assert_consistent(&expected);
                rig.run_mover().unwrap();
                rig = Rig::open(&disk, &SMALL).unwrap();
            }
        }
    }
}
