use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::{
    ClientError,
    exchange::{ANSWER_BYTES_MAX, Exchange, parse},
};

/// A stream of values, a JSON object a line.
pub struct Lines<T> {
    exchange: Exchange,
    buffer: Vec<u8>,
    /// Bytes at the start of the buffer that hold no line end.
    scanned: usize,
    ended: bool,
    values: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Lines<T> {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Self { exchange, buffer: Vec::new(), scanned: 0, ended: false, values: PhantomData }
    }

    /// The next value; `None` when the stream has ended as it should. May be cancelled without loss.
    ///
    /// # Errors
    /// [`ClientError::Lost`] when the connection broke, [`ClientError::Protocol`] when a line is not understood.
    pub async fn next(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            if let Some(line) = self.line() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return parse(&line).map(Some);
            }
            if self.ended {
                return Ok(None);
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), ClientError> {
        match self.exchange.chunk().await? {
            Some(chunk) if self.buffer.len() + chunk.len() > ANSWER_BYTES_MAX => {
                Err(ClientError::Protocol(format!("a line is longer than {} MiB", ANSWER_BYTES_MAX >> 20)))
            }
            Some(chunk) => {
                self.buffer.extend_from_slice(&chunk);
                Ok(())
            }
            None => {
                self.ended = true;
                Ok(())
            }
        }
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n').map(|at| self.scanned + at + 1);
        self.scanned = if end.is_some() { 0 } else { self.buffer.len() };
        match end {
            Some(end) => Some(self.buffer.drain(..end).collect()),
            None if self.ended && !self.buffer.is_empty() => {
                self.scanned = 0;
                Some(std::mem::take(&mut self.buffer))
            }
            None => None,
        }
    }
}
