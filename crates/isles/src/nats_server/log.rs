//! The log, in the form of the reference server: `[PID] YYYY/MM/DD HH:MM:SS.micros [INF] text`.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use cli::report::UserError;
use model::Timestamp;
use ports::clock::Clock;

use super::unwritable;

/// Where lines are written.
pub(super) struct Log {
    file: Option<File>,
    clock: Arc<dyn Clock>,
}

impl Log {
    /// Appends to a file, or writes to the standard error output.
    pub(super) fn open(file: Option<&Path>, clock: Arc<dyn Clock>) -> Result<Self, UserError> {
        let append = |path: &Path| {
            let opened = File::options().create(true).append(true).open(path);
            opened.map_err(|error| unwritable("log", path, &error))
        };
        Ok(Self { file: file.map(append).transpose()?, clock })
    }

    pub(super) fn info(&self, text: &str) {
        self.write("INF", text);
    }

    pub(super) fn error(&self, text: &str) {
        self.write("ERR", text);
    }

    /// That a line cannot be written stops nothing.
    fn write(&self, level: &str, text: &str) {
        let line = line(std::process::id(), self.clock.now(), level, text);
        let _ = match &self.file {
            Some(file) => (&mut &*file).write_all(line.as_bytes()),
            None => io::stderr().write_all(line.as_bytes()),
        };
    }
}

fn line(pid: u32, at: Timestamp, level: &str, text: &str) -> String {
    let time = i64::try_from(at.0).ok().and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    let time = time.unwrap_or(jiff::Timestamp::MAX).strftime("%Y/%m/%d %H:%M:%S%.6f");
    format!("[{pid}] {time} [{level}] {text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let expected = "[7] 2026/01/01 00:00:01.500000 [INF] Server is ready\n";
        assert_eq!(line(7, Timestamp(1_767_225_601_500_000), "INF", "Server is ready"), expected);
    }
}
