//! Releases and rollouts.

use hyper::{Method, StatusCode};
use model::api::{Deploy, DeployPlan, Release, ReleaseDiff, Rollback, RolloutStatus};

use crate::{Client, ClientError, Lines};

/// What a deploy came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Deployed {
    /// The rollout of a new release, which has begun or waits for the one before.
    Rollout(Box<RolloutStatus>),
    /// Only a plan: it was all that was asked for, or nothing differs from what runs.
    Plan(DeployPlan),
}

impl Client {
    /// Builds what changed, stores it as a release and begins to roll it out; or says what that would do.
    ///
    /// # Errors
    /// See [`ClientError`]. Nothing has changed then, but for `not-stored`: it is done once it can be stored.
    pub async fn deploy(&self, deploy: &Deploy) -> Result<Deployed, ClientError> {
        let exchange = self.exchange(Method::POST, "/v1/deploys", Some(deploy)).await?;
        if exchange.answer.status() == StatusCode::ACCEPTED {
            return exchange.json().await.map(|status| Deployed::Rollout(Box::new(status)));
        }
        exchange.json().await.map(Deployed::Plan)
    }

    /// Begins to go back to an earlier release.
    ///
    /// # Errors
    /// See [`ClientError`]. Nothing has changed then, but for `not-stored`: it is done once it can be stored.
    pub async fn rollback(&self, rollback: &Rollback) -> Result<RolloutStatus, ClientError> {
        self.post("/v1/rollbacks", Some(rollback)).await
    }

    /// The rollout that is under way, or the last one.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rollout(&self) -> Result<RolloutStatus, ClientError> {
        self.get("/v1/rollout").await
    }

    /// The rollout of this number, now and after every change, until it has ended.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn watch_rollout(&self, number: u64) -> Result<Lines<RolloutStatus>, ClientError> {
        self.lines(&format!("/v1/rollout/watch?number={number}")).await
    }

    /// Lets a rollout that waits for a person go on.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn promote(&self) -> Result<RolloutStatus, ClientError> {
        self.post("/v1/rollout/promote", None::<&()>).await
    }

    /// Stops the advance of a rollout.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn pause(&self) -> Result<RolloutStatus, ClientError> {
        self.post("/v1/rollout/pause", None::<&()>).await
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn resume(&self) -> Result<RolloutStatus, ClientError> {
        self.post("/v1/rollout/resume", None::<&()>).await
    }

    /// Takes the release of a rollout back, or gives up a deploy whose rollout has not begun: what is under way, or what waits at
    /// this place of the queue, 1 is the next. The rollout that goes back; `None` if it had not begun.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn abort(&self, queued: Option<u32>) -> Result<Option<RolloutStatus>, ClientError> {
        let query = queued.map(|place| format!("?queued={place}")).unwrap_or_default();
        let exchange = self.exchange(Method::POST, &format!("/v1/rollout/abort{query}"), None::<&()>).await?;
        if exchange.answer.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        exchange.json().await.map(Some)
    }

    /// The releases that are kept.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn releases(&self) -> Result<Vec<Release>, ClientError> {
        self.get("/v1/releases").await
    }

    /// What differs between two releases.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn diff(&self, from: u64, to: u64) -> Result<ReleaseDiff, ClientError> {
        self.get(&format!("/v1/releases/{from}/diff/{to}")).await
    }
}
