//! The journal of a node, and which of its streams are buckets.

use std::{
    collections::BTreeMap,
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use journal::{Batch, Durability, Folder, Journal, JournalError, Options};
use model::Gather;
use ports::streams::StreamsError;

use super::{content::Content, error::from_journal, older, record};
use crate::engine::FIRST_STREAM;

/// The folder of the journal in that of the buckets.
pub(super) const JOURNAL: &str = "journal";
/// Stands for a bucket in what is said of the journal when messages need it.
pub(super) const MESSAGES: &str = "messages";
/// What a node remembers is small, and so is what it takes to stop it on a full disk.
const RESERVE_BYTES: u64 = 2 << 20;
/// A stream with this and a name as its description is the bucket of that name.
const BUCKET: &[u8] = b"bucket:";

pub(super) struct Node {
    pub(super) journal: Arc<Journal>,
    /// Where its files lie.
    pub(super) folder: PathBuf,
    buckets: BTreeMap<String, u64>,
    next_stream: AtomicU64,
}

impl Node {
    /// Opens the journal in a folder, and moves over what lies there in the older format. Errors name the bucket that needs
    /// it.
    pub(super) async fn open(folder: PathBuf, bucket: &str) -> Result<Arc<Self>, StreamsError> {
        let bucket = bucket.to_owned();
        blocking(move || {
            let path = folder.join(JOURNAL);
            let failed = |error| from_journal(error, &bucket, &path);
            let node = Self::with(Arc::new(open(&path).map_err(failed)?), path.clone());
            move_over(node, &folder)
        })
        .await
        .map(Arc::new)
    }

    pub(super) fn with(journal: Arc<Journal>, folder: PathBuf) -> Self {
        let mut streams = journal.streams();
        streams.retain(|(id, _)| *id < FIRST_STREAM);
        let next_stream = AtomicU64::new(streams.last().map_or(1, |(last, _)| last + 1));
        let bucket = |(stream, description): (u64, _)| Some((bucket_name(description)?, stream));
        let buckets = streams.into_iter().map(|(stream, description)| (stream, description.to_vec()));
        Self { journal, folder, buckets: buckets.filter_map(bucket).gather(), next_stream }
    }

    /// The journal, with a reserve of at least so many bytes.
    pub(super) async fn for_messages(&self, reserve_bytes: u64) -> Result<Arc<Journal>, StreamsError> {
        let (journal, folder) = (self.journal.clone(), self.folder.clone());
        blocking(move || {
            let enlarged = journal.enlarge_reserve(reserve_bytes);
            enlarged.map(|()| journal).map_err(|error| from_journal(error, MESSAGES, &folder))
        })
        .await
    }

    /// The stream of a bucket, and whether there is one already.
    pub(super) fn stream(&self, bucket: &str) -> (u64, bool) {
        let found = self.buckets.get(bucket).copied();
        found.map_or_else(|| (self.next_stream.fetch_add(1, Ordering::Relaxed), false), |stream| (stream, true))
    }

    /// What a bucket holds.
    pub(super) fn read(&self, bucket: &str, stream: u64) -> Result<Content, StreamsError> {
        let mut content = Content::default();
        let failed = |error| from_journal(error, bucket, &self.folder);
        content.revision = self.journal.bounds(stream).map_or(0, |bounds| bounds.last);
        for found in self.journal.records(stream, 0) {
            let (revision, bytes) = found.map_err(failed)?;
            let (key, value) = record::decode(&bytes).ok_or_else(|| StreamsError::Damaged {
                cause: format!("revision {revision} of the bucket `{bucket}` is no entry"),
                file: self.folder.display().to_string(),
            })?;
            content.entries.insert(key, (revision, value));
        }
        Ok(content)
    }
}

/// The description of a bucket's stream.
pub(super) fn description(bucket: &str) -> Vec<u8> {
    [BUCKET, bucket.as_bytes()].concat()
}

fn bucket_name(description: Vec<u8>) -> Option<String> {
    String::from_utf8(description.strip_prefix(BUCKET)?.to_vec()).ok()
}

fn open(path: &Path) -> Result<Journal, JournalError> {
    let failed =
        |error: io::Error| JournalError::Io { doing: "cannot open the journal".into(), source: Arc::new(error) };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let options = Options { reserve_bytes: RESERVE_BYTES, ..Options::default() };
    Journal::open(Arc::new(Folder::open(path).map_err(failed)?), options)
}

/// A file goes when its bucket is in the journal. One that is there already was moved before a crash.
fn move_over(node: Node, folder: &Path) -> Result<Node, StreamsError> {
    let failed = |source| StreamsError::Io { doing: format!("cannot move over {}", folder.display()), source };
    let names = older::names(folder).map_err(failed)?;
    if names.is_empty() {
        return Ok(node);
    }
    for name in &names {
        let path = folder.join(format!("{name}.bucket"));
        if !node.buckets.contains_key(name) {
            let batch = batch(node.stream(name).0, name, older::read(&path, name)?);
            commit(&node.journal, batch).map_err(|error| from_journal(error, name, &node.folder))?;
        }
        std::fs::remove_file(&path).map_err(failed)?;
    }
    Ok(Node::with(node.journal, node.folder))
}

/// A whole bucket as one batch.
fn batch(stream: u64, name: &str, content: Content) -> Batch {
    let mut batch = Batch::new();
    batch.create(stream, &description(name));
    let by_revision: BTreeMap<_, _> =
        content.entries.iter().map(|(key, (revision, value))| (revision, (key, value))).gather();
    for (revision, (key, value)) in &by_revision {
        batch.append(stream, **revision, &record::encode(key, value));
    }
    if by_revision.last_key_value().is_none_or(|(last, _)| **last < content.revision) && content.revision > 0 {
        batch.append(stream, content.revision, &[]);
        batch.remove(stream, content.revision);
    }
    batch
}

fn commit(journal: &Journal, batch: Batch) -> Result<(), JournalError> {
    let (done, outcome) = std::sync::mpsc::sync_channel(1);
    journal.commit(batch, Durability::Always, move |result| _ = done.send(result));
    outcome.recv().unwrap_or(Err(JournalError::Closed))
}

pub(super) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, StreamsError> + Send + 'static,
) -> Result<T, StreamsError> {
    let ended = tokio::task::spawn_blocking(run).await;
    ended.unwrap_or_else(|error| {
        Err(StreamsError::Io { doing: "reading the journal broke off".into(), source: io::Error::other(error) })
    })
}
