//! The journal: its threads, and what callers may ask.

use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    batch::{Batch, Durability},
    core::Core,
    disk::Disk,
    error::JournalError,
    mover,
    open::open,
    options::Options,
    queue::Queue,
    read::{self, Records},
    store::lock,
    stream::{Bounds, Extent},
    ticker::Ticker,
    writer::{Request, Writer},
};

/// When nothing has come for so long, the log says that what is synced is: not sooner, for who waits for one batch before giving the
/// next one would wait for that too.
const MARK_AFTER: Duration = Duration::from_millis(10);

/// An open journal. Dropping it makes durable what is written, and waits for that, unless it is dropped by its own thread.
pub struct Journal {
    core: Arc<Core>,
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal of a disk, or makes one where there is none.
    ///
    /// # Errors
    /// [`JournalError::Damaged`], [`JournalError::Newer`], [`JournalError::Full`] or [`JournalError::Io`].
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Self, JournalError> {
        let (core, writer) = open(disk, options)?;
        let mut journal = Self { core: core.clone(), queue: Arc::default(), threads: Vec::new() };
        let queue = journal.queue.clone();
        journal.spawn("journal-writer", move || write_on(writer, &queue))?;
        journal.spawn("journal-mover", move || {
            while core.to_move.wait() {
                // On a full disk it is tried again when something is written; any other error stays in the core.
                let _ = mover::run(&core);
            }
        })?;
        Ok(journal)
    }

    /// Writes a batch, all of it or nothing, and calls `done` once: when its durability is reached, or with why it was not
    /// written. Does not wait for the disk. Batches take effect in the order of the calls; those that arrive while the disk
    /// syncs share the next sync. `done` is called by the journal's thread or by this one: it must not block.
    pub fn commit(
        &self,
        batch: Batch,
        durability: Durability,
        done: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) {
        self.queue.put(Request { batch, durability, done: Box::new(done) }, self.core.options.waiting_bytes);
    }

    /// A record that is written, durable or not.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] or [`JournalError::Io`].
    pub fn get(&self, stream: u64, sequence: u64) -> Result<Option<Bytes>, JournalError> {
        read::get(&self.core, stream, sequence)
    }

    /// The records of a stream from a sequence on, ascending.
    pub fn records(&self, stream: u64, from: u64) -> Records {
        Records::new(self.core.clone(), stream, from)
    }

    /// What a stream holds; `None` if there is no such stream.
    pub fn bounds(&self, stream: u64) -> Option<Bounds> {
        self.core.state().streams.get(&stream).map(|stream| stream.bounds())
    }

    /// Where the records of a stream are, in order.
    pub fn extents(&self, stream: u64) -> Vec<Extent> {
        self.core.state().streams.get(&stream).map_or_else(Vec::new, |stream| stream.extents())
    }

    /// What is wrong with a stream, which is then read-only.
    pub fn damage(&self, stream: u64) -> Option<JournalError> {
        self.core.state().streams.get(&stream).and_then(|stream| stream.damage.clone())
    }

    /// All streams with their descriptions, by number.
    pub fn streams(&self) -> Vec<(u64, Bytes)> {
        self.core.state().streams.iter().map(|(id, stream)| (*id, stream.description.clone())).collect()
    }

    /// How much of what may wait does so, in percent: the more of the bounds of what waits to be written, and of that with what waits
    /// to be moved. From 100 on, batches get [`JournalError::Backlog`].
    pub fn pressure_percent(&self) -> u64 {
        let options = &self.core.options;
        let (waiting, unwritten) = self.queue.bytes();
        let moving = (self.core.backlog_bytes() + unwritten as u64).saturating_mul(100) / options.backlog_bytes.max(1);
        let waiting = (waiting as u64).saturating_mul(100) / (options.waiting_bytes as u64).max(1);
        moving.max(waiting)
    }

    /// Makes the reserve as large as this, in bytes, unless it is; on a full disk as far as there is room. Waits for the disk, and so
    /// does who writes meanwhile. It stays so large, whatever the options say when the journal is opened again.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn enlarge_reserve(&self, bytes: u64) -> Result<(), JournalError> {
        lock(&self.core.reserve).enlarge(&*self.core.disk, bytes).map_err(JournalError::io("enlarge", "the reserve"))
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), JournalError> {
        let thread = Builder::new().name(name.into()).spawn(run);
        self.threads.push(thread.map_err(JournalError::io("start", name))?);
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.core.to_move.close();
        self.queue.close();
        let own = std::thread::current().id();
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != own) {
            let _ = thread.join();
        }
    }
}

fn write_on(mut writer: Writer, queue: &Arc<Queue>) {
    let mut ticker = None;
    loop {
        let pause = writer.is_unmarked().then_some(MARK_AFTER);
        let Some(work) = queue.take(pause) else {
            writer.mark();
            continue;
        };
        let interval = work.requests.iter().filter_map(|request| match request.durability {
            Durability::Interval(after) => Some(after),
            Durability::Always | Durability::None => None,
        });
        let interval = interval.min();
        writer.write(work.requests);
        let is_armed = interval.is_none_or(|after| arm(&mut ticker, queue, after).is_ok());
        if work.is_sync_due || work.is_closed || !is_armed {
            // An error stays in the core.
            let _ = writer.sync();
        }
        if work.is_closed && queue.is_empty() {
            writer.mark();
            let _ = writer.sync();
            return;
        }
    }
}

fn arm(ticker: &mut Option<Ticker>, queue: &Arc<Queue>, after: Duration) -> io::Result<()> {
    if ticker.is_none() {
        *ticker = Some(Ticker::start(queue.clone())?);
    }
    ticker.iter().for_each(|ticker| ticker.arm(after));
    Ok(())
}
