//! A journal without threads.

use std::sync::{Arc, Mutex};

use super::model::{Model, Stream};
use crate::{
    Batch, Durability, FaultyDisk, JournalError, Options,
    core::Core,
    mover, open,
    read::{self, Records},
    store::lock,
    writer::{Request, Writer},
};

/// So small that all that takes megabytes happens soon.
pub(crate) const SMALL: Options = Options {
    log_bytes: 4 << 10,
    log_bytes_max: 16 << 10,
    move_bytes: 8 << 10,
    segment_bytes: 24 << 10,
    backlog_bytes: 1 << 20,
    reserve_bytes: 0,
    waiting_bytes: 1 << 20,
};

pub(crate) struct Rig {
    pub(crate) core: Arc<Core>,
    pub(crate) writer: Writer,
}

pub(crate) type Outcomes = Vec<Result<(), JournalError>>;

impl Rig {
    pub(crate) fn open(disk: &FaultyDisk, options: &Options) -> Result<Self, JournalError> {
        let (core, writer) = open::open(Arc::new(disk.clone()), options.clone())?;
        Ok(Self { core, writer })
    }

    /// Writes batches together; says what became of each.
    pub(crate) fn write(&mut self, batches: impl IntoIterator<Item = (Batch, Durability)>) -> Outcomes {
        let outcomes = Arc::new(Mutex::new(Vec::new()));
        let request = |(at, (batch, durability)): (usize, _)| {
            lock(&outcomes).push(None);
            let outcomes = outcomes.clone();
            Request { batch, durability, done: Box::new(move |outcome| lock(&outcomes)[at] = Some(outcome)) }
        };
        let requests = batches.into_iter().enumerate().map(request).collect();
        self.writer.write(requests);
        let outcomes = lock(&outcomes);
        outcomes.iter().map(|outcome| outcome.clone().expect("every commit is answered")).collect()
    }

    /// Writes one batch durably.
    pub(crate) fn commit(&mut self, batch: Batch) -> Result<(), JournalError> {
        self.write([(batch, Durability::Always)]).remove(0)
    }

    pub(crate) fn run_mover(&self) -> Result<(), JournalError> {
        mover::run(&self.core)
    }

    /// Everything that can be read.
    pub(crate) fn content(&self) -> Result<Model, JournalError> {
        let ids: Vec<_> = self.core.state().streams.keys().copied().collect();
        let mut model = Model::default();
        for id in ids {
            let records = Records::new(self.core.clone(), id, 0);
            let records = records.map(|record| record.map(|(sequence, bytes)| (sequence, bytes.to_vec())));
            let records = records.collect::<Result<_, _>>()?;
            let state = self.core.state();
            let stream = &state.streams[&id];
            model.0.insert(id, Stream { description: stream.description.to_vec(), last: stream.last, records });
        }
        Ok(model)
    }

    /// Bounds and single records say the same as all records together.
    pub(crate) fn assert_consistent(&self, model: &Model) {
        for (id, stream) in &model.0 {
            let bounds = self.core.state().streams[id].bounds();
            let expected = crate::Bounds {
                first: stream.records.keys().next().copied().unwrap_or(0),
                last: stream.last,
                count: stream.records.len() as u64,
                bytes: stream.records.values().map(|bytes| bytes.len() as u64).sum(),
            };
            assert_eq!(bounds, expected, "stream {id}");
            for sequence in stream.records.keys().flat_map(|sequence| [*sequence, sequence + 1]) {
                let found = read::get(&self.core, *id, sequence).unwrap();
                assert_eq!(found.as_deref(), stream.records.get(&sequence).map(Vec::as_slice), "{id} {sequence}");
            }
        }
    }
}
