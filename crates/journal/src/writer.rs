//! The writer: batches become frames of the log, and share writes and syncs.

use std::{io, sync::Arc};

use crate::{
    batch::{Batch, Durability},
    codec::HEADER_BYTES,
    core::Core,
    disk::write_all,
    error::JournalError,
    frame::{self, FRAME_BYTES, frame_bytes},
    log::{LOG_BYTES_MAX, Tip},
    names,
    open::is_full,
    plan::{Plan, check_size},
    state::Log,
    store::lock,
};

/// Is called once, with what became of a commit.
pub(crate) type Done = Box<dyn FnOnce(Result<(), JournalError>) + Send>;

/// A batch that waits.
pub(crate) struct Request {
    pub(crate) batch: Batch,
    pub(crate) durability: Durability,
    pub(crate) done: Done,
}

/// Frames are written when so many bytes of them have come together.
const BUFFER_BYTES: usize = 1 << 20;

pub(crate) struct Writer {
    core: Arc<Core>,
    tip: Tip,
    /// How large the next file of the log will be.
    next_bytes: u64,
    /// Of the next frame.
    sequence: u64,
    /// The greatest sequence that is durable, and the greatest that a later frame says so of.
    synced: u64,
    marked: u64,
    buffer: Vec<u8>,
    /// Where bodies are in the buffer.
    bodies: Vec<std::ops::Range<usize>>,
}

impl Writer {
    /// All before `sequence` is durable.
    pub(crate) fn new(core: Arc<Core>, tip: Tip, sequence: u64) -> Self {
        let next_bytes = (core.options.log_bytes * 2).min(core.options.log_bytes_max);
        let synced = sequence - 1;
        Self { core, tip, next_bytes, sequence, synced, marked: synced, buffer: Vec::new(), bodies: Vec::new() }
    }

    /// Writes batches in their order; each is answered when its durability is reached, or with an error.
    pub(crate) fn write(&mut self, requests: Vec<Request>) {
        let mut plan = Plan::default();
        let mut taken = Vec::new();
        for Request { mut batch, durability, done } in requests {
            match self.take(&mut batch, &mut plan) {
                Ok(()) => taken.push((durability, done)),
                Err(error) => done(Err(error)),
            }
        }
        // An error stays in the core.
        let _ = self.flush();
        let (durable, early): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|(durability, _)| *durability == Durability::Always);
        let answer = |(_, done): (Durability, Done)| done(self.core.check());
        early.into_iter().for_each(answer);
        if !durable.is_empty() {
            let _ = self.sync();
            durable.into_iter().for_each(|(_, done)| done(self.core.check()));
        }
    }

    /// Makes durable what is written.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        self.core.check()?;
        if self.synced + 1 < self.sequence {
            let synced = self.tip.file.sync_data();
            synced.map_err(|error| self.poison("sync", error))?;
            self.synced = self.sequence - 1;
        }
        Ok(())
    }

    /// Says in the log that what is synced is: without a later frame, damage to the last one looks like a torn write.
    pub(crate) fn mark(&mut self) {
        if self.is_unmarked() && self.core.check().is_ok() && self.fits(FRAME_BYTES as u64) {
            self.put(&[]);
            let _ = self.flush();
        }
        self.marked = self.synced;
    }

    /// Whether all is synced and the log does not say so.
    pub(crate) fn is_unmarked(&self) -> bool {
        self.marked < self.synced && self.synced + 1 == self.sequence
    }

    fn take(&mut self, batch: &mut Batch, plan: &mut Plan) -> Result<(), JournalError> {
        self.core.check()?;
        let bytes = frame_bytes(batch.body.len()) as u64;
        let reserve = if batch.may_use_reserve { lock(&self.core.reserve).bytes() } else { 0 };
        if self.core.backlog_bytes() + self.buffer.len() as u64 + bytes > self.core.options.backlog_bytes + reserve {
            self.core.to_move.set();
            return Err(JournalError::Backlog);
        }
        check_size(&batch.body)?;
        self.make_room(bytes, batch.may_use_reserve)?;
        plan.admit(&mut batch.body, &self.core.state())?;
        self.put(&batch.body);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn put(&mut self, body: &[u8]) {
        let start = self.buffer.len() + FRAME_BYTES;
        frame::put(&mut self.buffer, self.sequence, self.synced, self.tip.salt, body);
        self.bodies.push(start..start + body.len());
        self.sequence += 1;
    }

    fn fits(&self, bytes: u64) -> bool {
        self.tip.offset + self.buffer.len() as u64 + bytes <= self.tip.size
    }

    /// Goes on in a new file if the frame does not fit, or must not be in this one.
    fn make_room(&mut self, bytes: u64, may_use_reserve: bool) -> Result<(), JournalError> {
        let is_allowed = may_use_reserve || !self.tip.is_reserve;
        if is_allowed && self.fits(bytes) {
            return Ok(());
        }
        self.flush()?;
        self.sync()?;
        let needed = HEADER_BYTES as u64 + bytes;
        let tip = match self.create(needed) {
            Err(error) if is_full(&error) => self.out_of_reserve(needed, may_use_reserve),
            other => other,
        };
        match tip {
            Ok(tip) => self.go_on_in(tip),
            Err(error) if is_full(&error) => return Err(JournalError::Full),
            Err(error) => return Err(self.poison("write", error)),
        }
        Ok(())
    }

    /// The reserve is made whole first, or else ordinary batches would take up what a full disk needs to be emptied. A step that
    /// this file is made of comes back when its records are moved.
    fn create(&self, needed: u64) -> io::Result<Tip> {
        let disk = &*self.core.disk;
        let mut reserve = lock(&self.core.reserve);
        let refilled = reserve.refill(disk);
        if reserve.missing() > u64::from(self.tip.is_reserve) {
            refilled?;
        }
        let create =
            |bytes: u64| Tip::create(disk, self.tip.number + 1, self.sequence, bytes.clamp(needed, LOG_BYTES_MAX));
        match create(self.next_bytes) {
            Err(error) if is_full(&error) => create(self.core.options.log_bytes),
            other => other,
        }
    }

    fn out_of_reserve(&self, needed: u64, may_use_reserve: bool) -> io::Result<Tip> {
        let mut reserve = lock(&self.core.reserve);
        if !may_use_reserve || needed > reserve.step_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Tip::from_reserve(&*self.core.disk, self.tip.number + 1, self.sequence, &mut reserve)
    }

    fn go_on_in(&mut self, tip: Tip) {
        self.next_bytes = (tip.size * 2).min(self.core.options.log_bytes_max);
        if self.tip.is_reserve {
            self.core.to_move.set();
        }
        self.tip = tip;
        let mut state = self.core.state_mut();
        let log = Log { file: self.tip.file.clone(), first: self.sequence, used: self.tip.offset };
        state.logs.insert(self.tip.number, log);
        self.core.note_work(&state);
    }

    /// Writes the frames that have come together, and carries out what they say.
    fn flush(&mut self) -> Result<(), JournalError> {
        self.core.check()?;
        if self.buffer.is_empty() {
            return Ok(());
        }
        let (buffer, bodies) = (std::mem::take(&mut self.buffer), std::mem::take(&mut self.bodies));
        let written = write_all(&*self.tip.file, &buffer, self.tip.offset);
        written.map_err(|error| self.poison("write", error))?;
        let (offset, number) = (self.tip.offset, self.tip.number);
        self.tip.offset += buffer.len() as u64;
        let mut state = self.core.state_mut();
        for body in bodies {
            state.apply(&buffer[body.clone()], number, offset + body.start as u64, &self.core.store);
        }
        if let Some(log) = state.logs.get_mut(&number) {
            log.used = self.tip.offset;
        }
        self.core.note_backlog(&state);
        self.core.note_work(&state);
        Ok(())
    }

    fn poison(&self, doing: &str, error: io::Error) -> JournalError {
        self.core.poison(&JournalError::io(doing, &names::log(self.tip.number))(error))
    }
}
