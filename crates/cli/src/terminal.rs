//! Standard output for data, standard error for progress, and what a terminal can show.

use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::{args::ColorChoice, paint::Paint, settings::Settings};

/// Where a command writes.
pub struct Terminal {
    /// For data.
    pub out: Output,
    /// For progress and errors.
    pub err: Output,
    /// The size of the terminal behind `err`, if it is one on which lines may be redrawn in place.
    size: Box<dyn Fn() -> Option<Size> + Send>,
}

/// One of the two.
pub struct Output {
    writer: Box<dyn Write + Send>,
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// Its colours.
    pub paint: Paint,
}

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The characters of a line.
    pub columns: usize,
    /// The lines.
    pub rows: usize,
}

/// Why data could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nobody reads it any more.
    #[error("standard output was closed")]
    Closed,
    /// Anything else, such as a full disk.
    #[error("standard output cannot be written: {0}")]
    Io(io::Error),
}

impl Terminal {
    /// The process's own.
    pub fn host(settings: &Settings) -> Self {
        let out = Output::new(Box::new(io::stdout()), io::stdout().is_terminal(), settings.color);
        let err = Output::new(Box::new(io::stderr()), io::stderr().is_terminal(), settings.color);
        let live = err.is_terminal && settings.redraw;
        Self { out, err, size: Box::new(move || if live { host_size() } else { None }) }
    }

    /// Two writers instead of the process's own; `size` makes the second one a terminal.
    pub fn new(out: impl Write + Send + 'static, err: impl Write + Send + 'static, size: Option<Size>) -> Self {
        let out = Output::new(Box::new(out), false, ColorChoice::Never);
        let err = Output::new(Box::new(err), size.is_some(), ColorChoice::Never);
        Self { out, err, size: Box::new(move || size) }
    }

    /// The size of the terminal on which lines may be redrawn in place, if there is one.
    pub fn size(&self) -> Option<Size> {
        (self.size)()
    }

    /// Writes data.
    ///
    /// # Errors
    /// When nobody reads it or it cannot be written.
    pub fn print(&mut self, text: &str) -> Result<(), WriteError> {
        self.print_bytes(text.as_bytes())
    }

    /// Writes data that need not be text.
    ///
    /// # Errors
    /// When nobody reads it or it cannot be written.
    pub fn print_bytes(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let writer = &mut self.out.writer;
        writer.write_all(bytes).and_then(|()| writer.flush()).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => WriteError::Closed,
            _ => WriteError::Io(error),
        })
    }

    /// Writes a value as one line of JSON.
    ///
    /// # Errors
    /// When nobody reads it or it cannot be written.
    pub fn print_json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        Ok(self.print(&(serde_json::to_string(value)? + "\n"))?)
    }

    /// Writes progress. That it cannot be written stops nothing.
    pub fn say(&mut self, text: &str) {
        drop(self.err.writer.write_all(text.as_bytes()).and_then(|()| self.err.writer.flush()));
    }
}

impl Output {
    fn new(writer: Box<dyn Write + Send>, is_terminal: bool, color: ColorChoice) -> Self {
        let on = match color {
            ColorChoice::Auto => is_terminal,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Self { writer, is_terminal, paint: Paint { on } }
    }
}

fn host_size() -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    Some(
        size.map_or(Size { columns: 80, rows: 24 }, |size| Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        }),
    )
}
