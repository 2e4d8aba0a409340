//! Asks for the figures once a second.

use std::time::Duration;

use client::{Client, ClientError};
use model::figures::ConnectionFigures;
use tokio::time::{Instant, sleep_until};

use super::{super::topic::summary, Sample};
use crate::table::Cell;

const INTERVAL: Duration = Duration::from_secs(1);

/// The figures as they were, and when.
pub(super) struct Sampler {
    client: Client,
    before: Vec<ConnectionFigures>,
    at: Instant,
}

impl Sampler {
    pub(super) async fn start(client: Client) -> Result<Self, ClientError> {
        let before = client.connections(None).await?;
        Ok(Self { client, before, at: Instant::now() })
    }

    /// What happened until a second after the last time; `None` when the system has ended. Lives through restarts of the
    /// platform.
    pub(super) async fn next(&mut self) -> Result<Option<Sample>, ClientError> {
        let mut due = self.at + INTERVAL;
        loop {
            sleep_until(due).await;
            match self.look().await {
                Ok((after, topics)) => return Ok(Some(Sample { topics, ..self.pass(after) })),
                Err(ClientError::Lost(_)) => due = Instant::now() + INTERVAL,
                Err(ClientError::NotRunning { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    async fn look(&self) -> Result<(Vec<ConnectionFigures>, Option<Cell>), ClientError> {
        Ok((self.client.connections(None).await?, summary::ask(&self.client).await?))
    }

    fn pass(&mut self, after: Vec<ConnectionFigures>) -> Sample {
        let now = Instant::now();
        let sample = Sample::between(&self.before, &after, now.duration_since(self.at).as_secs_f64());
        (self.before, self.at) = (after, now);
        sample
    }
}
