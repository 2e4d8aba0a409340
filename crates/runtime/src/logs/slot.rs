//! The log of one slot: a file, and the files that it was before.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

use model::{InstanceId, ServiceName, Slot, Timestamp, api::LogLine};
use ports::{keeper::line::Line, workloads::WorkloadId};

/// How large logs become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// The largest file, in bytes.
    pub file_bytes_max: u64,
    /// The most files of one slot, the current one included.
    pub files_max: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { file_bytes_max: 4 << 20, files_max: 4 }
    }
}

/// Whose log it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogKey {
    pub(crate) service: ServiceName,
    pub(crate) part: Part,
}

/// What of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Builds,
    Migrations,
    Slot(u32),
}

impl LogKey {
    pub(crate) fn of(id: &WorkloadId) -> Self {
        let (service, part) = match id {
            WorkloadId::Instance(id) => (&id.slot.service, Part::Slot(id.slot.index)),
            WorkloadId::Build(service) => (service, Part::Builds),
            WorkloadId::Migration(service) => (service, Part::Migrations),
        };
        Self { service: service.clone(), part }
    }

    /// The file's name without `.log`.
    fn stem(&self) -> String {
        match self.part {
            Part::Builds => "build".into(),
            Part::Migrations => "migration".into(),
            Part::Slot(index) => index.to_string(),
        }
    }

    /// The key of a file's name; `None` for what is not a current log.
    pub(crate) fn parse(service: &ServiceName, file_name: &str) -> Option<Self> {
        let part = match file_name.strip_suffix(".log")? {
            "build" => Part::Builds,
            "migration" => Part::Migrations,
            index => Part::Slot(index.parse().ok()?),
        };
        Some(Self { service: service.clone(), part })
    }

    /// A line of its files.
    pub(crate) fn line(&self, line: &[u8]) -> Option<LogLine> {
        let Line { at, run, text } = Line::parse(line)?;
        let index = if let Part::Slot(index) = self.part { Some(index) } else { None };
        let slot = index.map(|index| Slot { service: self.service.clone(), index });
        Some(LogLine {
            at: Timestamp(at),
            service: self.service.clone(),
            instance: slot.zip(run).map(|(slot, run)| InstanceId { slot, run }),
            migration: self.part == Part::Migrations,
            text: String::from_utf8_lossy(text).into_owned(),
        })
    }
}

/// A log that is written and read at once. Its files are numbered in the order in which they were begun.
pub(crate) struct SlotLog {
    pub(crate) key: LogKey,
    path: PathBuf,
    limits: LogLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<File>,
    /// The number of the current file, and its length.
    end: End,
    lines_lost: u64,
}

/// A place in a log: the number of a file and bytes in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) file: u64,
    pub(crate) bytes: u64,
}

impl SlotLog {
    /// The log of a slot in a folder, with what is in it already.
    pub(crate) fn open(key: LogKey, folder: &Path, limits: LogLimits) -> Self {
        let path = folder.join(key.service.as_str()).join(format!("{}.log", key.stem()));
        let length = |path: &Path| fs::metadata(path).map(|metadata| metadata.len());
        let older = (1..limits.files_max).take_while(|age| length(&rotated(&path, *age)).is_ok()).count();
        let end = End { file: older as u64, bytes: length(&path).unwrap_or(0) };
        Self { key, path, limits, state: Mutex::new(State { end, ..State::default() }) }
    }

    /// The current file. Its folder exists afterwards, where it can be made.
    pub(crate) fn path(&self) -> PathBuf {
        let _ = self.path.parent().map(fs::create_dir_all);
        self.path.clone()
    }

    /// Appends whole lines. What the disk does not take is counted, and said when it takes something again.
    pub(crate) fn append(&self, lines: &[u8], run: Option<u64>, now: Timestamp) -> io::Result<()> {
        let mut state = self.state();
        let mut all = Vec::new();
        if state.lines_lost > 0 {
            let text = format!("isles: {} lines before this one could not be written", state.lines_lost);
            Line { at: now.0, run, text: text.as_bytes() }.format(&mut all);
        }
        all.extend_from_slice(lines);
        let written = self.write(&mut state, &all);
        match written {
            Ok(()) => state.lines_lost = 0,
            Err(_) => state.lines_lost += lines.iter().filter(|byte| **byte == b'\n').count() as u64,
        }
        written
    }

    /// Goes on in a new file.
    pub(crate) fn begin_file(&self) {
        let mut state = self.state();
        if state.end.bytes > 0 {
            let _ = self.rotate(&mut state);
        }
    }

    /// Where it ends now.
    pub(crate) fn end(&self) -> End {
        self.state().end
    }

    /// The oldest file that is kept and the one that is written, by number.
    pub(crate) fn files(&self) -> std::ops::RangeInclusive<u64> {
        let current = self.state().end.file;
        current.saturating_sub(self.limits.files_max - 1)..=current
    }

    /// Opens a file by its number, with as many bytes of it as are whole lines; `None` if it is gone.
    pub(crate) fn file(&self, number: u64) -> Option<(File, u64)> {
        let state = self.state();
        let file = File::open(rotated(&self.path, state.end.file.checked_sub(number)?)).ok()?;
        let bytes = if number == state.end.file { state.end.bytes } else { file.metadata().ok()?.len() };
        Some((file, bytes))
    }

    fn write(&self, state: &mut State, lines: &[u8]) -> io::Result<()> {
        let length = lines.len() as u64;
        if state.end.bytes > 0 && state.end.bytes + length > self.limits.file_bytes_max {
            self.rotate(state)?;
        }
        if state.file.is_none() {
            let file = File::options().append(true).create(true).open(self.path())?;
            state.end.bytes = file.metadata()?.len();
            state.file = Some(file);
        }
        let Some(file) = &mut state.file else { return Ok(()) };
        if let Err(error) = file.write_all(lines) {
            // Part of a line would spoil the next one.
            let _ = file.set_len(state.end.bytes);
            state.file = None;
            return Err(error);
        }
        state.end.bytes += length;
        Ok(())
    }

    fn rotate(&self, state: &mut State) -> io::Result<()> {
        let _ = fs::remove_file(rotated(&self.path, self.limits.files_max - 1));
        for age in (1..self.limits.files_max).rev() {
            let renamed = fs::rename(rotated(&self.path, age - 1), rotated(&self.path, age));
            if age == 1 {
                renamed?;
            }
        }
        *state = State { end: End { file: state.end.file + 1, bytes: 0 }, lines_lost: state.lines_lost, file: None };
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under the lock")
    }
}

/// The name of the file that was the current one so many rotations ago.
fn rotated(path: &Path, age: u64) -> PathBuf {
    if age == 0 { path.into() } else { path.with_added_extension(age.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(folder: &Path, file_bytes_max: u64) -> SlotLog {
        let key = LogKey { service: "users".parse().unwrap(), part: Part::Slot(1) };
        SlotLog::open(key, folder, LogLimits { file_bytes_max, files_max: 3 })
    }

    #[test]
    fn files_are_rotated_and_their_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let first = log(folder.path(), 10);
        let append = |log: &SlotLog, text: &str| log.append(text.as_bytes(), None, Timestamp(0)).unwrap();
        ["one 1\n", "2\n", "two 2\n", "three 3\n", "four four four\n"].iter().for_each(|line| append(&first, line));
        let read = |name: &str| fs::read_to_string(folder.path().join("users").join(name)).unwrap_or_default();
        let names = ["1.log", "1.log.1", "1.log.2", "1.log.3"];
        assert_eq!(names.map(read), ["four four four\n", "three 3\n", "two 2\n", ""]);
        assert_eq!((first.end(), first.files()), (End { file: 3, bytes: 15 }, 1..=3));
        assert_eq!((first.file(1).map(|(_, bytes)| bytes), first.file(0).is_some()), (Some(6), false));

        let second = log(folder.path(), 10);
        assert_eq!((second.end(), second.files()), (End { file: 2, bytes: 15 }, 0..=2));
        append(&second, "five\n");
        assert_eq!(names.map(read), ["five\n", "four four four\n", "three 3\n", ""]);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 1 << 20);
        std::os::unix::fs::symlink("/dev/full", log.path()).unwrap();
        assert!(log.append(b"lost\nlost\n", Some(1), Timestamp(0)).is_err());
        assert!(log.append(b"lost\n", Some(1), Timestamp(0)).is_err());
        fs::remove_file(log.path()).unwrap();
        log.append(b"kept\n", Some(1), Timestamp(0)).unwrap();
        let expected = "1970-01-01T00:00:00.000000Z 1 isles: 3 lines before this one could not be written\nkept\n";
        assert_eq!(fs::read_to_string(log.path()).unwrap(), expected);
    }

    #[test]
    fn file_names() {
        let users: ServiceName = "users".parse().unwrap();
        let key = |part| Some(LogKey { service: users.clone(), part });
        for (name, expected) in [
            ("3.log", key(Part::Slot(3))),
            ("build.log", key(Part::Builds)),
            ("3.log.1", None),
            ("x.log", None),
            ("3", None),
        ] {
            assert_eq!(LogKey::parse(&users, name), expected, "{name}");
        }
    }
}
