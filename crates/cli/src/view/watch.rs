//! The system's status as a stream that is opened again when the platform process starts again.

use std::time::Duration;

use client::{Client, ClientError, Lines};
use model::status::SystemStatus;

/// Keeps a platform that dies at each start from being asked all the time.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// The system's status, now and after every change, until the system has ended.
pub(crate) struct Watch {
    client: Client,
    open: Option<Lines<SystemStatus>>,
    opened: bool,
}

impl Watch {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), open: None, opened: false }
    }

    /// The next status; `None` when the system has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<SystemStatus>, ClientError> {
        loop {
            match self.read().await {
                Ok(Some(status)) => return Ok(Some(status)),
                Ok(None) => self.open = None,
                Err(ClientError::Lost(_)) => self.open = None,
                Err(ClientError::NotRunning { .. }) if self.opened => return Ok(None),
                Err(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&mut self) -> Result<Option<SystemStatus>, ClientError> {
        if self.open.is_none() {
            self.open = Some(self.client.watch().await?);
            self.opened = true;
        }
        match &mut self.open {
            Some(open) => open.next().await,
            None => Ok(None),
        }
    }
}
