//! What signals ask of the server.

use std::io;

use tokio::signal::unix::{self, SignalKind};

/// The signals that are waited for.
pub(super) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hangup: unix::Signal,
    lame_duck: unix::Signal,
}

/// What is asked.
pub(super) enum Signal {
    /// SIGINT, SIGTERM.
    End,
    /// SIGHUP.
    Reload,
    /// SIGUSR2.
    LameDuck,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    pub(super) fn wait_for() -> io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
            hangup: unix::signal(SignalKind::hangup())?,
            lame_duck: unix::signal(SignalKind::user_defined2())?,
        })
    }

    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::End,
            _ = self.terminate.recv() => Signal::End,
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.lame_duck.recv() => Signal::LameDuck,
        }
    }

    /// Waits until the end is asked for, whatever else is.
    pub(super) async fn end(&mut self) {
        while !matches!(self.next().await, Signal::End) {}
    }
}
