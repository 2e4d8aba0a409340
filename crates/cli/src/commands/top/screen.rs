//! The whole terminal, for a while.

use std::{io, time::Duration};

use rustix::{
    io::{Errno, read},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcsetattr},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    paint::Paint,
    terminal::{Size, Terminal, WriteError},
};

/// The alternate screen without a cursor, and back (xterm's private modes 1049 and 25).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// The keys that end it, Ctrl-C and Ctrl-D among them (ASCII ETX and EOT).
const END: &[u8] = b"qQ\x03\x04";
/// The pause between looks at the keys: not felt, and it costs nothing.
const KEYS_PAUSE: Duration = Duration::from_millis(50);

/// The alternate screen. Dropped, it gives back what was there before.
pub(super) struct Screen<'a>(&'a mut Terminal);

impl<'a> Screen<'a> {
    pub(super) fn enter(terminal: &'a mut Terminal) -> Result<Self, WriteError> {
        let screen = Self(terminal);
        screen.0.print(ENTER)?;
        Ok(screen)
    }

    /// Replaces what is shown, without a moment in which it is gone (ECMA-48: CUP, EL, ED).
    pub(super) fn draw(&mut self, lines: impl FnOnce(Size, Paint) -> Vec<String>) -> Result<(), WriteError> {
        let Some(size) = self.0.size() else { return Ok(()) };
        let mut text = String::from("\x1b[H");
        for line in lines(size, self.0.out.paint) {
            text.push_str(&format!("{line}\x1b[K\n"));
        }
        self.0.print(&(text + "\x1b[J"))
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        // Nobody is left to tell.
        drop(self.0.print(LEAVE));
    }
}

/// The keys, one at a time and unseen, and the signals that end a program. Dropped, it gives the terminal back.
pub(super) struct Keyboard {
    /// `None` if standard input is no terminal.
    keys: Option<Keys>,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Keyboard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When the terminal is gone, or the host takes no handler of a signal.
    pub(super) fn take() -> io::Result<Self> {
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        let keys = isatty(io::stdin()).then(Keys::take).transpose()?;
        Ok(Self { keys, interrupt: interrupt?, terminate: terminate?, hangup: hangup? })
    }

    /// Returns when the person or the host wants an end. May be cancelled without loss.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        let key = async {
            match &self.keys {
                Some(keys) => keys.end().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            end = key => end,
            _ = self.interrupt.recv() => Ok(()),
            _ = self.terminate.recv() => Ok(()),
            _ = self.hangup.recv() => Ok(()),
        }
    }
}

/// What a terminal was before its keys were taken.
struct Keys(Termios);

impl Keys {
    /// Without lines, echo and signals of keys; and a read does not wait, though the descriptor, which others share, is not
    /// made so (termios(3), the case of MIN and TIME 0).
    fn take() -> io::Result<Self> {
        let keys = Self(tcgetattr(io::stdin())?);
        let mut raw = keys.0.clone();
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(keys)
    }

    /// Looks again and again: a terminal that others share cannot be waited for without `unsafe`.
    async fn end(&self) -> io::Result<()> {
        while !is_pressed()? {
            tokio::time::sleep(KEYS_PAUSE).await;
        }
        Ok(())
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Whether a key that ends it was pressed.
fn is_pressed() -> io::Result<bool> {
    let mut bytes = [0; 64];
    match read(io::stdin(), &mut bytes) {
        Ok(length) => Ok(bytes[..length].iter().any(|byte| END.contains(byte))),
        Err(Errno::AGAIN | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
