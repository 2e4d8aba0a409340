//! One write for all that came together, and what waits until it is on disk.

mod whole;

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
use crate::server;
use whole::Whole;

/// A batch of more bytes is committed at once. One message with all that gives way for it fits into what is left then.
const BATCH_BYTES: usize = 4 << 20;

/// Collects changes, and the answers and deliveries that wait for them.
///
/// A commit in which messages are stored, or that somebody waits for, is as durable as the strictest of their streams asks before
/// what waits for it goes out. Any other is written without a sync, and nothing waits: what consumers delivered and removed, which
/// happens again if it is lost.
pub(super) struct Writer {
    journal: Arc<Journal>,
    /// Where the streams' indexes are read.
    pub(super) shelf: Arc<Shelf>,
    pub(super) mail: Arc<Mail>,
    batch: Batch,
    bytes: usize,
    /// Nothing of what is collected now may be split.
    whole: Option<Whole>,
    /// How durable the batch must be, if anything is stored in it.
    durability: Option<Durability>,
    /// Nothing in the batch needs more space than the reserve may give.
    only_removes: bool,
    answers: Vec<Answer>,
    letters: server::Batch,
    /// Records that the journal may not have yet.
    ahead: HashMap<(u64, u64), Bytes>,
    current: Vec<(u64, u64)>,
    /// Commits that are not answered yet, oldest first, and the number of the first.
    commits: VecDeque<Commit>,
    first: u64,
    /// How many of them deliveries must not overtake.
    awaited: usize,
    /// What is collected belongs to what was committed last, which had no place for it.
    continues: bool,
    /// Why the last commit that was answered has failed, if it has.
    failed: Option<JournalError>,
    /// To whom something was to go that will not.
    lost: Vec<Box<[u8]>>,
}

/// A commit that the journal has not answered.
struct Commit {
    records: Vec<(u64, u64)>,
    answers: Vec<Answer>,
    letters: server::Batch,
    is_awaited: bool,
    /// What it answers may be about the commit before as well.
    continues: bool,
}

impl Writer {
    pub(super) fn new(journal: Arc<Journal>) -> Self {
        Self {
            shelf: Arc::new(Shelf::new(journal.clone())),
            journal,
            mail: Arc::default(),
            batch: Batch::new(),
            bytes: 0,
            whole: None,
            durability: None,
            only_removes: true,
            answers: Vec::new(),
            letters: server::Batch::default(),
            ahead: HashMap::new(),
            current: Vec::new(),
            commits: VecDeque::new(),
            first: 0,
            awaited: 0,
            continues: false,
            failed: None,
            lost: Vec::new(),
        }
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Stores a message.
    pub(super) fn append(&mut self, stream: u64, seq: u64, record: Vec<u8>, durability: Durability) {
        self.make_room(record.len());
        self.durability = Some(durability.and(self.durability.unwrap_or(Durability::None)));
        self.only_removes = false;
        self.batch.append(stream, seq, &record);
        self.ahead.insert((stream, seq), record.into());
        self.current.push((stream, seq));
    }

    /// Stores what a consumer has done. With `replaces`, its records before are not needed any more.
    pub(super) fn append_state(&mut self, consumer: u64, seq: u64, record: &[u8], replaces: bool) {
        self.make_room(record.len());
        self.batch.append(consumer, seq, record);
        if replaces && seq > 1 {
            self.batch.remove_up_to(consumer, seq - 1);
        }
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
        let is_put_off = self.whole.as_mut().is_some_and(|whole| whole.remove(self.bytes, stream, seq));
        if is_put_off {
            return;
        }
        // What has no place in one batch goes in several: nothing is acknowledged before the last.
        if self.bytes > BATCH_BYTES && self.whole.is_none() {
            self.split(Vec::new());
        }
        self.bytes += 32;
        self.batch.remove(stream, seq);
    }

    /// Makes a stream and its index.
    pub(super) fn create(&mut self, stream: u64, description: &[u8]) {
        self.make_room(description.len());
        self.only_removes = false;
        self.batch.create(stream, description);
        self.batch.create(index_of(stream), b"");
    }

    /// Changes the index of a stream. What is changed because something is removed may use the reserve as well.
    pub(super) fn index(&mut self, stream: u64, changes: Vec<Change>) {
        for change in changes {
            let is_put_off = self.whole.as_mut().is_some_and(|whole| whole.index(self.bytes, stream, &change));
            if is_put_off {
                continue;
            }
            if self.bytes > BATCH_BYTES && self.whole.is_none() {
                self.split(Vec::new());
            }
            self.bytes += change.bytes();
            change.put(stream, &mut self.batch);
        }
    }

    pub(super) fn describe(&mut self, stream: u64, description: &[u8]) {
        self.make_room(description.len());
        self.only_removes = false;
        self.batch.describe(stream, description);
    }

    pub(super) fn drop_stream(&mut self, stream: u64) {
        self.batch.drop_stream(stream);
        self.batch.drop_stream(index_of(stream));
    }

    /// Answers once everything up to here is as durable as the answer says.
    pub(super) fn answer(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// What goes out once every message that was stored up to here is as durable as its stream asks.
    pub(super) fn letters(&mut self) -> &mut server::Batch {
        &mut self.letters
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

    /// Gives all that was collected to the journal. What need not wait for it goes out.
    pub(super) fn commit(&mut self, out: &mut server::Batch) {
        let answers = std::mem::take(&mut self.answers);
        if self.awaited == 0 && self.durability.is_none() && answers.is_empty() && !self.mail.has_failed() {
            out.append(&mut self.letters);
        }
        if !self.batch.is_empty() || !answers.is_empty() || !self.letters.is_empty() {
            self.write(answers);
        }
    }

    /// Sends what waited for commits that the journal has answered, in their order.
    pub(super) fn collect(&mut self, out: &mut server::Batch) {
        while let Some(result) = self.commits.front().and_then(|_| self.mail.take(self.first))
            && let Some(mut commit) = self.commits.pop_front()
        {
            self.first += 1;
            self.awaited -= usize::from(commit.is_awaited);
            for key in &commit.records {
                self.ahead.remove(key);
            }
            let before = self.failed.take().filter(|_| commit.continues);
            self.failed = result.err().or(before);
            commit.answers.iter().for_each(|answer| answer.write(self.failed.as_ref(), out));
            // After a failure nobody knows which messages of theirs are stored.
            if self.failed.is_none() && !self.mail.has_failed() {
                out.append(&mut commit.letters);
            } else {
                self.lost.extend(commit.letters.iter().map(|(to, _)| to.into()));
            }
        }
    }

    /// The number after the last commit that deliveries wait for.
    pub(super) fn last_with_letters(&self) -> u64 {
        let last = self.commits.iter().rposition(|commit| !commit.letters.is_empty());
        last.map_or(0, |last| self.first + last as u64 + 1)
    }

    /// Whether what waited for the commits before this one has gone out.
    pub(super) fn has_sent(&self, commit: u64) -> bool {
        self.first >= commit
    }

    /// Whether the journal has answered everything.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.commits.is_empty()
    }

    /// Whether the journal has not answered every commit.
    pub(super) fn waits(&self) -> bool {
        !self.commits.is_empty()
    }

    /// Whether a commit has failed and all others are answered.
    pub(super) fn is_undone(&self) -> bool {
        !self.waits() && self.mail.has_failed()
    }

    /// Begins anew after a failure. Returns to whom something was to go that will not.
    pub(super) fn begin_anew(&mut self) -> Vec<Box<[u8]>> {
        self.mail.forget_failure();
        std::mem::take(&mut self.lost)
    }

    fn make_room(&mut self, bytes: usize) {
        match &mut self.whole {
            Some(whole) => whole.store(bytes + 32),
            None if self.bytes > BATCH_BYTES => {
                let answers = std::mem::take(&mut self.answers);
                self.write(answers);
            }
            None => {}
        }
        self.bytes += bytes + 32;
    }

    /// Writes what is there; what follows belongs to it.
    fn split(&mut self, answers: Vec<Answer>) {
        self.write(answers);
        self.continues = true;
    }

    fn write(&mut self, answers: Vec<Answer>) {
        let mut batch = std::mem::take(&mut self.batch);
        if self.only_removes {
            batch = batch.for_reserve();
        }
        let asked =
            answers.iter().map(|answer| answer.durability).chain(self.durability.take()).reduce(Durability::and);
        let (records, letters) = (std::mem::take(&mut self.current), std::mem::take(&mut self.letters));
        let (is_awaited, number) = (asked.is_some(), self.first + self.commits.len() as u64);
        let wakes = is_awaited || !letters.is_empty();
        let continues = std::mem::take(&mut self.continues);
        self.commits.push_back(Commit { records, answers, letters, is_awaited, continues });
        self.awaited += usize::from(is_awaited);
        (self.bytes, self.only_removes) = (0, true);
        let (mail, durability) = (self.mail.clone(), asked.unwrap_or(Durability::None));
        self.journal.commit(batch, durability, move |result| mail.end(number, result, wakes));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.mail.close();
    }
}
