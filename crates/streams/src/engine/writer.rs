//! One write for all that came together.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use journal::{Batch, Durability, Journal, JournalError};
use logic::stream::Removals;

use super::{
    answer::Answer,
    heads::{Change, Shelf, index_of},
    mail::Mail,
};

/// A batch of more bytes is committed at once. One message with all that gives way for it fits into what is left then.
const BATCH_BYTES: usize = 4 << 20;

/// Collects changes and the answers that wait for them.
pub(super) struct Writer {
    journal: Arc<Journal>,
    /// Where the streams' indexes are read.
    pub(super) shelf: Arc<Shelf>,
    pub(super) mail: Arc<Mail>,
    batch: Batch,
    bytes: usize,
    only_removes: bool,
    answers: Vec<Answer>,
    /// Records that the journal may not have yet, and the commits that they belong to, oldest first.
    ahead: HashMap<(u64, u64), Bytes>,
    commits: VecDeque<Vec<(u64, u64)>>,
    current: Vec<(u64, u64)>,
}

impl Writer {
    pub(super) fn new(journal: Journal) -> Self {
        let journal = Arc::new(journal);
        Self {
            shelf: Arc::new(Shelf::new(journal.clone())),
            journal,
            mail: Arc::default(),
            batch: Batch::new(),
            bytes: 0,
            only_removes: true,
            answers: Vec::new(),
            ahead: HashMap::new(),
            commits: VecDeque::new(),
            current: Vec::new(),
        }
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(super) fn append(&mut self, stream: u64, seq: u64, record: Vec<u8>) {
        if self.bytes > BATCH_BYTES {
            self.commit();
        }
        self.bytes += record.len();
        self.only_removes = false;
        self.batch.append(stream, seq, &record);
        self.ahead.insert((stream, seq), record.into());
        self.current.push((stream, seq));
    }

    pub(super) fn remove(&mut self, stream: u64, removals: &Removals) {
        if let Some(before) = removals.before {
            self.batch.remove_up_to(stream, before - 1);
        }
        for removed in &removals.each {
            self.remove_one(stream, removed.seq);
        }
    }

    pub(super) fn remove_one(&mut self, stream: u64, seq: u64) {
        // What has no place in one batch goes in several: nothing is acknowledged before the last.
        if self.bytes > BATCH_BYTES {
            self.write(Vec::new());
        }
        self.bytes += 32;
        self.batch.remove(stream, seq);
    }

    /// Makes a stream and its index.
    pub(super) fn create(&mut self, stream: u64, description: &[u8]) {
        (self.bytes, self.only_removes) = (self.bytes + description.len(), false);
        self.batch.create(stream, description);
        self.batch.create(index_of(stream), b"");
    }

    /// Changes the index of a stream. What is changed because something is removed may use the reserve as well.
    pub(super) fn index(&mut self, stream: u64, changes: Vec<Change>) {
        for change in changes {
            if self.bytes > BATCH_BYTES {
                self.write(Vec::new());
            }
            self.bytes += change.bytes();
            change.put(stream, &mut self.batch);
        }
    }

    pub(super) fn describe(&mut self, stream: u64, description: &[u8]) {
        (self.bytes, self.only_removes) = (self.bytes + description.len(), false);
        self.batch.describe(stream, description);
    }

    pub(super) fn drop_stream(&mut self, stream: u64) {
        self.batch.drop_stream(stream);
        self.batch.drop_stream(index_of(stream));
    }

    /// Answers once everything up to here is durable.
    pub(super) fn answer(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// A record, on disk or on its way there.
    ///
    /// # Errors
    /// As the journal's.
    pub(super) fn read(&self, stream: u64, seq: u64) -> Result<Option<Bytes>, JournalError> {
        match self.ahead.get(&(stream, seq)) {
            Some(record) => Ok(Some(record.clone())),
            None => self.journal.get(stream, seq),
        }
    }

    /// Gives all that was collected to the journal.
    pub(super) fn commit(&mut self) {
        let answers = std::mem::take(&mut self.answers);
        if !self.batch.is_empty() || !answers.is_empty() {
            self.write(answers);
        }
    }

    /// Forgets what the journal has by now.
    pub(super) fn prune(&mut self) {
        while self.commits.len() > self.mail.outstanding() {
            for key in self.commits.pop_front().unwrap_or_default() {
                self.ahead.remove(&key);
            }
        }
    }

    fn write(&mut self, answers: Vec<Answer>) {
        let mut batch = std::mem::take(&mut self.batch);
        if self.only_removes {
            batch = batch.for_reserve();
        }
        (self.bytes, self.only_removes) = (0, true);
        self.commits.push_back(std::mem::take(&mut self.current));
        self.mail.begin();
        let mail = self.mail.clone();
        self.journal.commit(batch, Durability::Always, move |result| mail.end(&answers, &result));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.mail.close();
    }
}
