//! One bucket: its content in memory and in its stream. Writes that arrive while others are being written share the next
//! batch.

use std::{
    collections::VecDeque,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use journal::{Batch, Durability, JournalError};
use ports::streams::{Change, Entry, StreamsError};
use tokio::sync::{mpsc, oneshot};

use super::{
    content::{Content, Operation, Wave},
    error::from_journal,
    node::{Node, blocking, description},
    record,
};

/// How far a watcher may fall behind, in changes.
const WATCHER_LAG_MAX: usize = 1024;
/// Writes of so many bytes go together; a batch of the journal takes more.
const WAVE_BYTES: usize = 4 << 20;

type Answer = oneshot::Sender<Result<u64, StreamsError>>;
type Outcome = (Result<u64, StreamsError>, Answer);

pub(super) struct Bucket {
    name: String,
    node: Arc<Node>,
    stream: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is durable.
    content: Content,
    is_created: bool,
    /// Whether a batch is being written.
    is_writing: bool,
    waiting: VecDeque<(Vec<Operation>, Answer)>,
    watchers: Vec<mpsc::Sender<Change>>,
}

impl Bucket {
    pub(super) async fn open(name: &str, node: Arc<Node>) -> Result<Self, StreamsError> {
        let (stream, is_created) = node.stream(name);
        let (reader, bucket) = (node.clone(), name.to_owned());
        let content = blocking(move || reader.read(&bucket, stream)).await?;
        let state = Mutex::new(State { content, is_created, ..State::default() });
        Ok(Self { name: name.into(), node, stream, state })
    }

    pub(super) fn get(&self, key: &str) -> Option<Entry> {
        self.state().content.entries.get_key_value(key).map(entry)
    }

    pub(super) fn list(&self, prefix: &str) -> Vec<Entry> {
        let state = self.state();
        let from = state.content.entries.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.take_while(|(key, _)| key.starts_with(prefix)).map(entry).collect()
    }

    pub(super) fn watch(&self) -> mpsc::Receiver<Change> {
        let mut state = self.state();
        let (sender, receiver) = mpsc::channel(WATCHER_LAG_MAX + state.content.entries.len());
        for found in state.content.entries.iter().map(entry) {
            sender.try_send(Change::Put(found)).expect("the channel has room for every entry");
        }
        state.watchers.push(sender);
        receiver
    }

    /// Returns the last revision when all of it is durable; what expects something comes alone. A caller that goes away leaves
    /// nothing half done.
    pub(super) async fn write(self: &Arc<Self>, operations: Vec<Operation>) -> Result<u64, StreamsError> {
        let (answer, answered) = oneshot::channel();
        self.state().waiting.push_back((operations, answer));
        self.begin();
        answered.await.unwrap_or_else(|_| Err(self.failed(JournalError::Closed)))
    }

    /// Writes what waits, unless something is being written: then its end begins this.
    fn begin(self: &Arc<Self>) {
        let (wave, outcomes, batch) = {
            let mut state = self.state();
            if state.is_writing || state.waiting.is_empty() {
                return;
            }
            state.is_writing = true;
            let (wave, outcomes) = state.next_wave();
            let batch = self.batch(&wave, !state.is_created);
            (wave, outcomes, batch)
        };
        if wave.changes.is_empty() {
            return self.clone().end(&wave, outcomes, &Ok(()));
        }
        let this = self.clone();
        self.node.journal.commit(batch, Durability::Always, move |written| this.end(&wave, outcomes, &written));
    }

    /// Begins with what came meanwhile, and answers. Whoever has an answer may take it that the bucket is not in use by it any
    /// more.
    fn end(self: Arc<Self>, wave: &Wave, outcomes: Vec<Outcome>, written: &Result<(), JournalError>) {
        let written = || written.clone().map_err(|error| self.failed(error));
        let outcomes: Vec<_> = outcomes
            .into_iter()
            .map(|(outcome, answer)| (outcome.and_then(|revision| written().map(|()| revision)), answer))
            .collect();
        {
            let mut state = self.state();
            state.is_writing = false;
            if written().is_ok() {
                state.publish(wave);
            }
        }
        self.begin();
        drop(self);
        for (outcome, answer) in outcomes {
            let _ = answer.send(outcome);
        }
    }

    /// What Isles itself remembers is what it takes to stop and to roll back, so it may use the reserve.
    fn batch(&self, wave: &Wave, is_first: bool) -> Batch {
        let mut batch = Batch::new().for_reserve();
        if is_first {
            batch.create(self.stream, &description(&self.name));
        }
        for (change, replaced) in &wave.changes {
            match change {
                Change::Put(entry) => {
                    batch.append(self.stream, entry.revision, &record::encode(&entry.key, &entry.value));
                }
                // The stream remembers its greatest sequence, though the record is gone at once.
                Change::Delete { revision, .. } => {
                    batch.append(self.stream, *revision, &[]);
                    batch.remove(self.stream, *revision);
                }
            }
            replaced.iter().for_each(|revision| batch.remove(self.stream, *revision));
        }
        batch
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: JournalError) -> StreamsError {
        from_journal(error, &self.name, &self.node.folder)
    }
}

impl State {
    /// Decides on what waits, as far as it fits into one batch; what is larger comes alone.
    fn next_wave(&mut self) -> (Wave, Vec<Outcome>) {
        let (mut wave, mut outcomes, mut bytes) = (Wave::default(), Vec::new(), 0);
        while let Some((operations, answer)) = self.waiting.pop_front_if(|(operations, _)| {
            bytes += operations.iter().map(Operation::bytes).sum::<usize>();
            bytes <= WAVE_BYTES || outcomes.is_empty()
        }) {
            let revision = self.content.revision;
            let decided = operations.into_iter().try_fold(revision, |_, one| self.content.decide(&mut wave, one));
            outcomes.push((decided, answer));
        }
        (wave, outcomes)
    }

    fn publish(&mut self, wave: &Wave) {
        self.is_created |= !wave.changes.is_empty();
        wave.changes.iter().for_each(|(change, _)| self.content.change(change));
        let is_kept = |watcher: &mut mpsc::Sender<Change>| {
            wave.changes.iter().all(|(change, _)| watcher.try_send(change.clone()).is_ok())
        };
        self.watchers.retain_mut(is_kept);
    }
}

fn entry((key, (revision, value)): (&String, &(u64, Vec<u8>))) -> Entry {
    Entry { key: key.clone(), value: value.clone(), revision: *revision }
}
