//! Reads segments: open files and the spans that were read last are kept, few of both.

use std::{
    collections::VecDeque,
    io::ErrorKind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::{
    block::{self, BLOCK_BYTES, BLOCK_HEADER_BYTES},
    codec::HEADER_BYTES,
    disk::{Disk, DiskFile, read_full},
    error::JournalError,
    names,
    segment::{Body, Shape},
};

const FILES_MAX: usize = 64;
const SPANS_MAX: usize = 64;
const SPAN_CACHE_BYTES_MAX: u64 = 2 << 20;

/// Records that are read together: those of some blocks that follow each other.
pub(crate) type Span = Arc<Vec<(u64, Bytes)>>;

/// Blocks that follow each other, each by itself.
type Blocks = Arc<Vec<Bytes>>;

pub(crate) struct Store {
    disk: Arc<dyn Disk>,
    files: Mutex<VecDeque<(u64, Arc<dyn DiskFile>)>>,
    /// Bytes of blocks that were checked.
    spans: Mutex<VecDeque<(Place, Blocks)>>,
}

/// A part of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    segment: u64,
    start: u64,
    end: u64,
}

impl Store {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, files: Mutex::default(), spans: Mutex::default() }
    }

    /// The record of a sequence.
    pub(crate) fn find(&self, body: &Body, sequence: u64) -> Result<Option<Bytes>, JournalError> {
        let found = self.next(body, sequence, |_| true)?;
        Ok(found.filter(|(at, _)| *at == sequence).map(|(_, record)| record))
    }

    /// The first record from a sequence on that is wanted.
    pub(crate) fn next(
        &self,
        body: &Body,
        from: u64,
        is_wanted: impl Fn(u64) -> bool,
    ) -> Result<Option<(u64, Bytes)>, JournalError> {
        let mut number = None;
        while let Some((place, at)) = self.place(body, from, number)? {
            for block in self.read(place)?.iter() {
                let found = block::records(block).find(|(sequence, _)| *sequence >= from && is_wanted(*sequence));
                if let Some((sequence, record)) = found {
                    return Ok(Some((sequence, block.slice(record))));
                }
            }
            number = Some(at + 1);
        }
        Ok(None)
    }

    /// The first span that ends at or after a sequence.
    pub(crate) fn span(&self, body: &Body, sequence: u64) -> Result<Option<Span>, JournalError> {
        let mut number = None;
        loop {
            let Some((place, at)) = self.place(body, sequence, number)? else { return Ok(None) };
            let span = self.parse(place)?;
            if span.last().is_some_and(|(last, _)| *last >= sequence) {
                return Ok(Some(Arc::new(span)));
            }
            number = Some(at + 1);
        }
    }

    pub(crate) fn file(&self, segment: u64) -> Result<Arc<dyn DiskFile>, JournalError> {
        let mut files = lock(&self.files);
        if let Some(at) = files.iter().position(|(number, _)| *number == segment) {
            return Ok(files[at].1.clone());
        }
        let name = names::segment(segment);
        let file = self.disk.open(&name).map_err(|error| match error.kind() {
            ErrorKind::NotFound => JournalError::damaged(&name, 0, "it is missing"),
            _ => JournalError::io("open", &name)(error),
        })?;
        files.truncate(FILES_MAX - 1);
        files.push_front((segment, file.clone()));
        Ok(file)
    }

    /// Forgets a segment that is removed.
    pub(crate) fn forget(&self, segment: u64) {
        lock(&self.files).retain(|(number, _)| *number != segment);
        lock(&self.spans).retain(|(place, _)| place.segment != segment);
    }

    /// Where a span lies: the one of this number, or the last that begins at or before a sequence.
    fn place(&self, body: &Body, sequence: u64, number: Option<usize>) -> Result<Option<(Place, usize)>, JournalError> {
        let mut shape = lock(&body.shape);
        if shape.index.is_none() {
            shape.index = Some(self.walk(body.number, shape.length)?);
        }
        let Shape { length, index } = &*shape;
        let index = index.as_deref().unwrap_or_default();
        let at = number.unwrap_or_else(|| index.partition_point(|(first, _)| *first <= sequence).saturating_sub(1));
        let Some((_, start)) = index.get(at) else { return Ok(None) };
        let end = index.get(at + 1).map_or(*length, |(_, next)| *next);
        Ok(Some((Place { segment: body.number, start: *start, end }, at)))
    }

    /// Builds the index from the headers of the blocks.
    fn walk(&self, segment: u64, length: u64) -> Result<Vec<(u64, u64)>, JournalError> {
        let (file, name) = (self.file(segment)?, names::segment(segment));
        let (mut index, mut at, mut last) = (Vec::new(), HEADER_BYTES as u64, 0);
        while at < length {
            let mut bytes = [0; BLOCK_HEADER_BYTES];
            read_full(&*file, &mut bytes, at).map_err(JournalError::io("read", &name))?;
            let damaged = || JournalError::damaged(&name, at, "the header of a block is not what was written");
            let header = block::header(&bytes, salt(segment)).filter(|header| header.first > last);
            let header = header.ok_or_else(damaged)?;
            note(&mut index, header.first, at);
            last = header.last;
            at += (BLOCK_HEADER_BYTES + header.length) as u64;
        }
        if at > length {
            return Err(JournalError::damaged(name, length, "a block goes on after the end"));
        }
        Ok(index)
    }

    fn read(&self, place: Place) -> Result<Blocks, JournalError> {
        let mut spans = lock(&self.spans);
        if let Some(at) = spans.iter().position(|(kept, _)| *kept == place) {
            return Ok(spans[at].1.clone());
        }
        let blocks = Arc::new(self.load(place)?);
        spans.push_front((place, blocks.clone()));
        let mut bytes = 0;
        let fitting = spans.iter().take(SPANS_MAX).take_while(|(kept, _)| {
            bytes += kept.end - kept.start;
            bytes <= SPAN_CACHE_BYTES_MAX
        });
        let fitting = fitting.count();
        spans.truncate(fitting);
        Ok(blocks)
    }

    fn load(&self, place: Place) -> Result<Vec<Bytes>, JournalError> {
        let (file, name) = (self.file(place.segment)?, names::segment(place.segment));
        let length = usize::try_from(place.end - place.start).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        read_full(&*file, &mut bytes, place.start).map_err(JournalError::io("read", &name))?;
        let (bytes, mut at, mut blocks) = (Bytes::from(bytes), 0, Vec::new());
        while at < length {
            let end = block::check(&bytes[at..], salt(place.segment)).map(|taken| at + taken);
            let end = end.ok_or_else(|| damaged(place, at))?;
            blocks.push(bytes.slice(at..end));
            at = end;
        }
        Ok(blocks)
    }

    fn parse(&self, place: Place) -> Result<Vec<(u64, Bytes)>, JournalError> {
        let (mut at, mut records) = (0, Vec::new());
        for block in self.read(place)?.iter() {
            block::take(block, &mut records).ok_or_else(|| damaged(place, at))?;
            at += block.len();
        }
        Ok(records)
    }
}

fn damaged(place: Place, at: usize) -> JournalError {
    JournalError::damaged(names::segment(place.segment), place.start + at as u64, "a block is not what was written")
}

/// Notes a block in an index, if it is far enough from the last one that was noted.
pub(crate) fn note(index: &mut Vec<(u64, u64)>, first: u64, at: u64) {
    if index.last().is_none_or(|(_, start)| at - start >= BLOCK_BYTES as u64) {
        index.push((first, at));
    }
}

/// What the checksums of a segment begin with.
#[allow(clippy::cast_possible_truncation, reason = "the low half tells neighbours apart")]
pub(crate) fn salt(segment: u64) -> u32 {
    segment as u32
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
