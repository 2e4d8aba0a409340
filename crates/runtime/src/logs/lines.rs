//! The lines between two places of a log, and of several logs by time.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Take},
    os::unix::fs::FileExt,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use model::{Timestamp, api::LogLine};

use super::slot::{End, SlotLog};

/// The bytes that are read first from the end of a file.
const WINDOW_BYTES: u64 = 64 * 1024;

/// The lines of one log, read as they are taken.
pub(super) struct Lines {
    log: Arc<SlotLog>,
    next: End,
    until: End,
    since: Timestamp,
    reader: Option<Take<BufReader<File>>>,
}

impl Lines {
    /// From one place to another, without the lines from before a moment. Files that are gone are passed over.
    pub(super) fn between(log: Arc<SlotLog>, from: End, until: End, since: Timestamp) -> Self {
        let oldest = End { file: *log.files().start(), bytes: 0 };
        Self { log, next: from.max(oldest), until, since, reader: None }
    }

    /// Opens the file of the next line; `false` when there is none.
    fn open(&mut self) -> bool {
        let End { file: number, bytes: from } = self.next;
        if number > self.until.file {
            return false;
        }
        self.next = End { file: number + 1, bytes: 0 };
        let last = if number == self.until.file { self.until.bytes } else { u64::MAX };
        self.reader = self.log.file(number).and_then(|(mut file, length)| {
            let length = length.min(last).saturating_sub(from);
            let wanted = length > 0 && !is_older(&file, self.since);
            (wanted && file.seek(SeekFrom::Start(from)).is_ok()).then(|| BufReader::new(file).take(length))
        });
        true
    }

    fn read(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let length = self.reader.as_mut()?.read_until(b'\n', &mut line).unwrap_or(0);
        line.pop_if(|byte| *byte == b'\n');
        (length > 0).then_some(line)
    }
}

impl Iterator for Lines {
    type Item = LogLine;

    fn next(&mut self) -> Option<LogLine> {
        loop {
            match self.read() {
                Some(line) => {
                    let line = self.log.key.line(&line).filter(|line| line.at >= self.since);
                    if line.is_some() {
                        return line;
                    }
                }
                None if self.open() => {}
                None => return None,
            }
        }
    }
}

/// The file system's clock lags behind ours by some milliseconds.
const CLOCK_SLACK: Duration = Duration::from_secs(10);

fn is_older(file: &File, since: Timestamp) -> bool {
    let written = file.metadata().and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| written + CLOCK_SLACK < UNIX_EPOCH + Duration::from_micros(since.0))
}

/// The lines of several logs by time; each log's in its own order.
pub(super) fn merge<L: Iterator<Item = LogLine>>(logs: Vec<L>) -> impl Iterator<Item = LogLine> {
    let mut logs: Vec<_> = logs.into_iter().map(Iterator::peekable).collect();
    let heads = logs.iter_mut().enumerate().filter_map(|(index, log)| Some(Reverse((log.peek()?.at, index))));
    let mut heads: BinaryHeap<_> = heads.collect();
    std::iter::from_fn(move || {
        let Reverse((_, index)) = heads.pop()?;
        let line = logs[index].next();
        heads.extend(logs[index].peek().map(|next| Reverse((next.at, index))));
        line
    })
}

/// The last lines that are accepted, from a file on and before a place, oldest first. Reads no more than it must.
pub(super) fn last(
    log: &SlotLog,
    first: u64,
    until: End,
    count: usize,
    accept: &dyn Fn(&LogLine) -> bool,
) -> Vec<LogLine> {
    let mut lines = Vec::new();
    for number in log.files().rev().filter(|number| (first..=until.file).contains(number)) {
        let Some((file, length)) = log.file(number) else { break };
        let length = if number == until.file { length.min(until.bytes) } else { length };
        let mut before = last_of_file(log, &file, length, count - lines.len(), accept);
        before.append(&mut lines);
        lines = before;
        if lines.len() >= count {
            break;
        }
    }
    lines
}

fn last_of_file(log: &SlotLog, file: &File, end: u64, count: usize, accept: &dyn Fn(&LogLine) -> bool) -> Vec<LogLine> {
    let mut window = WINDOW_BYTES;
    loop {
        let start = end.saturating_sub(window);
        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(0)];
        if file.read_exact_at(&mut bytes, start).is_err() {
            return Vec::new();
        }
        let cut =
            if start == 0 { 0 } else { bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1) };
        let lines = bytes[cut..].split(|byte| *byte == b'\n').filter_map(|line| log.key.line(line)).filter(accept);
        let lines: Vec<_> = lines.collect();
        if start == 0 || lines.len() >= count {
            let surplus = lines.len().saturating_sub(count);
            return lines.into_iter().skip(surplus).collect();
        }
        window *= 8;
    }
}
