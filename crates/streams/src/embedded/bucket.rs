//! One bucket: its content in memory and in its file. Writes that arrive while the file is being replaced share the
//! next replacement.

use std::{
    ops::Bound,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ports::streams::{Change, Entry, Expect, StreamsError};
use tokio::sync::{mpsc, oneshot};

use super::{
    file,
    format::{self, Content, FORMAT, Unreadable},
};

/// How far a watcher may fall behind, in changes.
const WATCHER_LAG_MAX: usize = 1024;

/// A write.
pub(super) struct Operation {
    pub(super) key: String,
    /// `None` deletes.
    pub(super) value: Option<Vec<u8>>,
    pub(super) expect: Expect,
}

type Answer = oneshot::Sender<Result<u64, StreamsError>>;

pub(super) struct Bucket {
    name: String,
    path: PathBuf,
    state: Mutex<State>,
    /// Held while the file is replaced.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    /// What the file holds.
    content: Arc<Content>,
    waiting: Vec<(Operation, Answer)>,
    watchers: Vec<mpsc::Sender<Change>>,
}

impl Bucket {
    pub(super) async fn open(name: &str, path: PathBuf) -> Result<Self, StreamsError> {
        let read_path = path.clone();
        let read = blocking(move || file::read(&read_path)).await;
        let bytes =
            read.map_err(|source| StreamsError::Io { doing: format!("cannot read {}", path.display()), source });
        let content = bytes?.map_or(Ok(Content::default()), |bytes| format::decode(&bytes));
        let content = Arc::new(content.map_err(|error| unreadable(name, &path, &error))?);
        let state = Mutex::new(State { content, ..State::default() });
        Ok(Self { name: name.into(), path, state, turn: Arc::default() })
    }

    pub(super) fn get(&self, key: &str) -> Option<Entry> {
        self.state().content.entries.get_key_value(key).map(entry)
    }

    pub(super) fn list(&self, prefix: &str) -> Vec<Entry> {
        let content = self.state().content.clone();
        let from = content.entries.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
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

    /// Returns when the write is durable.
    pub(super) async fn write(self: &Arc<Self>, operation: Operation) -> Result<u64, StreamsError> {
        let (answer, mut answered) = oneshot::channel();
        self.state().waiting.push((operation, answer));
        let turn = self.clone().replace();
        tokio::select! {
            biased;
            answer = &mut answered => return answer.unwrap_or_else(|_| Err(self.given_up())),
            () = turn => {}
        }
        answered.await.unwrap_or_else(|_| Err(self.given_up()))
    }

    /// Carries out everything that waits, with one replacement of the file.
    async fn replace(self: Arc<Self>) {
        let turn = self.turn.clone().lock_owned().await;
        if self.state().waiting.is_empty() {
            return;
        }
        // The thread holds the turn: a caller that goes away can neither leave it half done nor let the next one begin.
        let _ = tokio::task::spawn_blocking(move || {
            self.replace_now();
            drop(turn);
        })
        .await;
    }

    fn replace_now(&self) {
        let (waiting, mut content) = {
            let mut state = self.state();
            (std::mem::take(&mut state.waiting), Content::clone(&state.content))
        };
        let mut changes = Vec::new();
        let outcomes: Vec<_> = waiting
            .into_iter()
            .map(|(operation, answer)| (apply(&mut content, operation, &mut changes), answer))
            .collect();
        let written = if changes.is_empty() { Ok(()) } else { file::replace(&self.path, &format::encode(&content)) };
        if written.is_ok() {
            self.publish(content, &changes);
        }
        for (outcome, answer) in outcomes {
            let _ = answer.send(outcome.and_then(|revision| match &written {
                Ok(()) => Ok(revision),
                Err(error) => Err(self.not_written(error)),
            }));
        }
    }

    fn publish(&self, content: Content, changes: &[Change]) {
        let mut state = self.state();
        state.content = Arc::new(content);
        state.watchers.retain(|watcher| changes.iter().all(|change| watcher.try_send(change.clone()).is_ok()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_written(&self, error: &std::io::Error) -> StreamsError {
        let source = error.raw_os_error().map_or_else(|| error.kind().into(), std::io::Error::from_raw_os_error);
        StreamsError::Io { doing: format!("cannot write {}", self.path.display()), source }
    }

    fn given_up(&self) -> StreamsError {
        StreamsError::Invalid(format!("the bucket `{}` is closing", self.name))
    }
}

fn apply(content: &mut Content, operation: Operation, changes: &mut Vec<Change>) -> Result<u64, StreamsError> {
    let Operation { key, value, expect } = operation;
    let found = content.entries.get(&key).map(|(revision, _)| *revision);
    let as_expected = match expect {
        Expect::Any => true,
        Expect::Absent => found.is_none(),
        Expect::Revision(revision) => found == Some(revision),
    };
    if !as_expected {
        return Err(StreamsError::Conflict { key, found: found.unwrap_or(0) });
    }
    if value.is_none() && found.is_none() {
        return Ok(content.revision);
    }
    content.revision += 1;
    let revision = content.revision;
    if let Some(value) = value {
        content.entries.insert(key.clone(), (revision, value.clone()));
        changes.push(Change::Put(Entry { key, value, revision }));
    } else {
        content.entries.remove(&key);
        changes.push(Change::Delete { key, revision });
    }
    Ok(revision)
}

fn entry((key, (revision, value)): (&String, &(u64, Vec<u8>))) -> Entry {
    Entry { key: key.clone(), value: value.clone(), revision: *revision }
}

fn unreadable(bucket: &str, path: &std::path::Path, error: &Unreadable) -> StreamsError {
    let bucket = bucket.to_owned();
    match error {
        Unreadable::Newer(found) => StreamsError::Newer { bucket, found: u32::from(*found), known: u32::from(FORMAT) },
        Unreadable::Damaged(cause) => {
            StreamsError::Damaged { bucket, cause: (*cause).into(), file: path.display().to_string() }
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
