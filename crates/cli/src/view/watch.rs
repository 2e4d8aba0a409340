//! A status as a stream that is opened again when the platform process starts again.

use std::time::Duration;

use client::{Client, ClientError, Lines};
use model::{api::RolloutStatus, status::SystemStatus};
use serde::de::DeserializeOwned;

/// Keeps a platform that dies at each start from being asked all the time.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// A status that the API streams.
pub(crate) trait Watched: DeserializeOwned {
    /// Which one, where there are several.
    type Which;

    /// Opens its stream.
    async fn watch(client: &Client, which: &Self::Which) -> Result<Lines<Self>, ClientError>;
}

impl Watched for SystemStatus {
    type Which = ();

    async fn watch(client: &Client, (): &()) -> Result<Lines<Self>, ClientError> {
        client.watch().await
    }
}

impl Watched for RolloutStatus {
    /// Its number: another one may be under way when the platform is back.
    type Which = u64;

    async fn watch(client: &Client, number: &u64) -> Result<Lines<Self>, ClientError> {
        client.watch_rollout(*number).await
    }
}

/// A status, now and after every change, until the system has ended.
pub(crate) struct Watch<T: Watched> {
    client: Client,
    which: T::Which,
    open: Option<Lines<T>>,
    opened: bool,
}

impl<T: Watched> Watch<T> {
    pub(crate) fn new(client: &Client, which: T::Which) -> Self {
        Self { client: client.clone(), which, open: None, opened: false }
    }

    /// The next status; `None` when the system has ended. May be cancelled without loss.
    pub(crate) async fn next(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            match self.read().await {
                Ok(Some(status)) => return Ok(Some(status)),
                Ok(None) | Err(ClientError::Lost(_)) => self.open = None,
                Err(ClientError::NotRunning { .. }) if self.opened => return Ok(None),
                Err(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&mut self) -> Result<Option<T>, ClientError> {
        if self.open.is_none() {
            self.open = Some(T::watch(&self.client, &self.which).await?);
            self.opened = true;
        }
        match &mut self.open {
            Some(open) => open.next().await,
            None => Ok(None),
        }
    }
}
