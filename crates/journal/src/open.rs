//! Opening: the catalogue, then the log from where the catalogue ends.

use std::{collections::BTreeSet, io, sync::Arc};

use crate::{
    catalogue::{self, Start},
    codec::{HEADER_BYTES, Header, Kind},
    core::Core,
    disk::{Disk, read_full},
    error::JournalError,
    log::{LogBytes, Tip},
    names,
    options::Options,
    reserve::Reserve,
    state::{Log, State},
    store::{Store, lock},
    writer::Writer,
};

/// Opens a journal, or makes one in an empty folder.
pub(crate) fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Arc<Core>, Writer), JournalError> {
    let found = Found::list(&*disk)?;
    let (mut state, start) = found.catalogue(&*disk)?;
    let store = Store::new(disk.clone());
    check_segments(&mut state, &store)?;
    let (tip, sequence) = if found.logs.is_empty() && start.is_none() {
        create(&*disk, &options, &mut state)?
    } else {
        replay(&*disk, start.unwrap_or(Start { log: 1, sequence: 1 }), &found, &mut state, &store)?
    };
    found.tidy(&*disk, &state)?;
    let mut reserve = Reserve::open(&*disk, options.reserve_bytes, &found.reserve)
        .map_err(JournalError::io("read", "the reserve"))?;
    match reserve.refill(&*disk) {
        Err(error) if !is_full(&error) => return Err(JournalError::io("write", "the reserve")(error)),
        _ => {}
    }
    let core = Arc::new(Core::new(disk, options, store, state, reserve));
    core.note_work(&core.state());
    Ok((core.clone(), Writer::new(core, tip, sequence)))
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The files that are there.
struct Found {
    logs: BTreeSet<u64>,
    segments: Vec<u64>,
    reserve: Vec<u64>,
    unfinished: Vec<String>,
    has_catalogue: bool,
}

impl Found {
    fn list(disk: &dyn Disk) -> Result<Self, JournalError> {
        let names = disk.list().map_err(JournalError::io("list", "the journal's folder"))?;
        let numbered = |prefix| names.iter().filter_map(move |name| names::numbered(name, prefix));
        Ok(Self {
            logs: numbered("log").collect(),
            segments: numbered("segment").collect(),
            reserve: numbered("reserve").collect(),
            unfinished: names.iter().filter(|name| names::is_unfinished(name)).cloned().collect(),
            has_catalogue: names.iter().any(|name| name == names::CATALOGUE),
        })
    }

    fn catalogue(&self, disk: &dyn Disk) -> Result<(State, Option<Start>), JournalError> {
        if !self.has_catalogue {
            // The first file of the log is made before anything else, and lasts until there is a catalogue.
            let is_young = self.logs.first().map_or(self.segments.is_empty(), |first| *first == 1);
            let missing = JournalError::damaged(names::CATALOGUE, 0, "it is missing");
            return if is_young { Ok((State::default(), None)) } else { Err(missing) };
        }
        let failed = || JournalError::io("read", names::CATALOGUE);
        let file = disk.open(names::CATALOGUE).map_err(failed())?;
        let mut bytes = vec![0; usize::try_from(file.length().map_err(failed())?).unwrap_or(usize::MAX)];
        let read = read_full(&*file, &mut bytes, 0).map_err(failed())?;
        let (state, start) = catalogue::decode(&bytes[..read])?;
        Ok((state, Some(start)))
    }

    /// Removes what a crash left behind, once the names that make it so are durable.
    fn tidy(&self, disk: &dyn Disk, state: &State) -> Result<(), JournalError> {
        disk.sync_folder().map_err(JournalError::io("sync", "the journal's folder"))?;
        let segments = state.streams.values().flat_map(|stream| &stream.segments).map(|segment| segment.body.number);
        let needed: BTreeSet<_> = segments.chain(state.garbage.iter().copied()).collect();
        let logs = self.logs.iter().filter(|number| !state.logs.contains_key(number)).map(|number| names::log(*number));
        let segments = self.segments.iter().filter(|number| !needed.contains(number));
        let unneeded = segments.map(|number| names::segment(*number)).chain(logs);
        unneeded
            .chain(self.unfinished.iter().cloned())
            .try_for_each(|name| disk.remove(&name).map_err(JournalError::io("remove", &name)))
    }
}

/// A new journal.
fn create(disk: &dyn Disk, options: &Options, state: &mut State) -> Result<(Tip, u64), JournalError> {
    let tip = Tip::create(disk, 1, 1, options.log_bytes).map_err(JournalError::io("write", &names::log(1)))?;
    state.next_segment = 1;
    state.logs.insert(1, Log { file: tip.file.clone(), first: 1, used: tip.offset });
    Ok((tip, 1))
}

/// Reads the log again; says where to go on.
fn replay(
    disk: &dyn Disk,
    start: Start,
    found: &Found,
    state: &mut State,
    store: &Store,
) -> Result<(Tip, u64), JournalError> {
    state.next_segment = state.next_segment.max(found.segments.iter().max().map_or(1, |last| last + 1));
    let last = found.logs.last().copied().unwrap_or(start.log).max(start.log);
    let mut log = LogBytes::read(disk, start.log)?;
    if log.first != start.sequence {
        return Err(JournalError::damaged(log.name, 0, "the log does not go on where the catalogue ends"));
    }
    let mut number = start.log;
    loop {
        let next = if number < last { Some(LogBytes::read(disk, number + 1)?) } else { None };
        let end =
            log.replay(next.as_ref().map(|next| next.first), |body, offset| state.apply(body, number, offset, store))?;
        let offset = end.offset as u64;
        state.logs.insert(number, Log { file: log.file.clone(), first: log.first, used: offset });
        let Some(next) = next else {
            log.settle(end)?;
            let (size, salt) = (log.size(), log.salt);
            return Ok((Tip { number, file: log.file, salt, offset, size, is_reserve: false }, end.sequence));
        };
        (log, number) = (next, number + 1);
    }
}

/// A segment that is not what the catalogue says makes its stream read-only; a newer one ends it all.
fn check_segments(state: &mut State, store: &Store) -> Result<(), JournalError> {
    for (id, stream) in &mut state.streams {
        for segment in &stream.segments {
            let (number, length) = (segment.body.number, lock(&segment.body.shape).length);
            match check_segment(*id, number, length, store) {
                Ok(()) => {}
                Err(damage @ JournalError::Damaged { .. }) => stream.damage = Some(damage),
                Err(other) => return Err(other),
            }
        }
    }
    Ok(())
}

fn check_segment(stream: u64, number: u64, length: u64, store: &Store) -> Result<(), JournalError> {
    let (name, file) = (names::segment(number), store.file(number)?);
    let mut bytes = [0; HEADER_BYTES];
    let read = read_full(&*file, &mut bytes, 0).map_err(JournalError::io("read", &name))?;
    let header = Header::decode(&bytes[..read], Kind::Segment, &name)?;
    if header.numbers != [stream, number] {
        return Err(JournalError::damaged(name, 0, "it is another segment"));
    }
    let found = file.length().map_err(JournalError::io("read", &name))?;
    if found < length {
        return Err(JournalError::damaged(name, found, "it is too short"));
    }
    Ok(())
}
