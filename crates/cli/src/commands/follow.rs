//! A stream of the API that is opened again when the platform process starts again, and that Ctrl-C ends.

use client::{ClientError, Lines};
use serde::de::DeserializeOwned;

use crate::{exit::ExitCode, view::watch::PAUSE};

/// Values with places that grow; what was seen is not seen again.
struct Follow<T, O> {
    /// Opens the stream, after this place.
    open: O,
    place: fn(&T) -> u64,
    last: u64,
    lines: Option<Lines<T>>,
    opened: bool,
}

impl<T: DeserializeOwned, O: AsyncFnMut(u64) -> Result<Lines<T>, ClientError>> Follow<T, O> {
    /// The next value; `None` when the system has ended.
    async fn next(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            match self.read().await {
                Ok(Some(value)) if (self.place)(&value) <= self.last => continue,
                Ok(Some(value)) => {
                    self.last = (self.place)(&value);
                    return Ok(Some(value));
                }
                Ok(None) | Err(ClientError::Lost(_)) => self.lines = None,
                Err(ClientError::NotRunning { .. }) if self.opened => return Ok(None),
                Err(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&mut self) -> Result<Option<T>, ClientError> {
        if self.lines.is_none() {
            self.lines = Some((self.open)(self.last).await?);
            self.opened = true;
        }
        match &mut self.lines {
            Some(lines) => lines.next().await,
            None => Ok(None),
        }
    }
}

/// Shows values until `show` wants no more, the system ends or Ctrl-C is pressed. `open` opens the stream after a place.
pub(super) async fn follow<T: DeserializeOwned>(
    open: impl AsyncFnMut(u64) -> Result<Lines<T>, ClientError>,
    place: fn(&T) -> u64,
    mut show: impl FnMut(&T) -> anyhow::Result<bool>,
) -> anyhow::Result<ExitCode> {
    let mut values = Follow { open, place, last: 0, lines: None, opened: false };
    let mut interrupted = Box::pin(tokio::signal::ctrl_c());
    loop {
        let value = tokio::select! {
            value = values.next() => value?,
            end = &mut interrupted => {
                end?;
                None
            }
        };
        match value {
            Some(value) if show(&value)? => {}
            _ => return Ok(ExitCode::Ok),
        }
    }
}
