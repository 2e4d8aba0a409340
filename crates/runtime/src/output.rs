//! What a program writes, on its way from the pipe into the log.

use std::{io, os::fd::OwnedFd, sync::Arc};

use ports::keeper::line::Cutter;
use rustix::io::{ioctl_fionread, read};
use tokio::io::{Interest, unix::AsyncFd};

use crate::{
    logs::{LogStore, SlotLog},
    watch::watch,
};

/// The most bytes read at once. They are on the stack: a program that writes nothing costs nothing.
const READ_BYTES: usize = 16 * 1024;

/// The read end of a program's output, and the log that it goes to.
pub(crate) struct Output {
    pipe: AsyncFd<OwnedFd>,
    ended: bool,
    cutter: Cutter,
    store: Arc<LogStore>,
    log: Arc<SlotLog>,
    run: Option<u64>,
}

impl Output {
    /// The pipe does not block.
    pub(crate) fn open(
        pipe: OwnedFd,
        secrets: &[String],
        store: Arc<LogStore>,
        log: Arc<SlotLog>,
        run: Option<u64>,
    ) -> io::Result<Self> {
        let pipe = watch(pipe, Interest::READABLE)?;
        Ok(Self { pipe, ended: false, cutter: Cutter::new(secrets), store, log, run })
    }

    /// Copies until nobody can write any more; never returns then, for what follows is up to others.
    pub(crate) async fn copy(&mut self) {
        while !self.ended {
            let Ok(mut ready) = self.pipe.readable().await else { break };
            let mut buffer = [0; READ_BYTES];
            if let Ok(read) = ready.try_io(|pipe| Ok(read(pipe.get_ref(), &mut buffer)?)) {
                drop(ready);
                self.take(read, &buffer);
            }
        }
        std::future::pending::<()>().await;
    }

    /// Copies what has been written so far, be it a line or not, and no more: others may go on writing.
    pub(crate) fn drain(&mut self) {
        let mut left = ioctl_fionread(self.pipe.get_ref()).unwrap_or(0);
        while left > 0 && !self.ended {
            let mut buffer = [0; READ_BYTES];
            let Ok(length @ 1..) = read(self.pipe.get_ref(), &mut buffer) else { break };
            left = left.saturating_sub(length as u64);
            self.take(Ok(length), &buffer);
        }
        self.store.append(&self.log, self.run, |each| self.cutter.finish(each));
    }

    fn take(&mut self, read: io::Result<usize>, buffer: &[u8]) {
        match read {
            Ok(0) => self.ended = true,
            Ok(length) => {
                self.store.append(&self.log, self.run, |each| self.cutter.push(&buffer[..length], each));
            }
            Err(error) => self.ended = error.kind() != io::ErrorKind::Interrupted,
        }
    }
}

/// Whoever reads on begins with a new line.
impl Drop for Output {
    fn drop(&mut self) {
        self.store.append(&self.log, self.run, |each| self.cutter.finish(each));
    }
}
