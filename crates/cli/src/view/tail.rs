//! Log lines as a stream that is opened again when the platform process starts again.

use client::{Client, ClientError, Lines};
use model::api::{LogLine, LogQuery};

use super::watch::PAUSE;

/// Log lines. Those that are followed go on until the system has ended.
pub(crate) struct Tail {
    client: Client,
    query: LogQuery,
    open: Option<Lines<LogLine>>,
    opened: bool,
}

impl Tail {
    pub(crate) fn new(client: &Client, query: LogQuery) -> Self {
        Self { client: client.clone(), query, open: None, opened: false }
    }

    /// The next line; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<LogLine>, ClientError> {
        loop {
            match self.read().await {
                Ok(Some(line)) => return Ok(Some(self.pass(line))),
                Ok(None) if !self.query.follow => return Ok(None),
                Ok(None) => self.open = None,
                Err(ClientError::Lost(_)) if self.query.follow => self.open = None,
                Err(ClientError::NotRunning { .. }) if self.opened => return Ok(None),
                Err(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What is opened again begins after the last line that was seen.
    fn pass(&mut self, line: LogLine) -> LogLine {
        self.query.since = Some(line.at.0 + 1);
        self.query.tail = None;
        line
    }

    async fn read(&mut self) -> Result<Option<LogLine>, ClientError> {
        if self.open.is_none() {
            self.open = Some(self.client.logs(&self.query).await?);
            self.opened = true;
        }
        match &mut self.open {
            Some(open) => open.next().await,
            None => Ok(None),
        }
    }
}
