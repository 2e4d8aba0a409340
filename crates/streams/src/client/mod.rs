//! JetStream as its users speak it, over any link to a server: `ports::streams` for topics and for the buckets of services.
//!
//! Messages are read one by one with `STREAM.MSG.GET` rather than through consumers, which would count as interest in them, and
//! which a work queue does not allow.

mod answer;
mod buckets;
mod consumers;
mod dead;
mod link;
mod publish;
mod read;
mod streams;
mod topics;

use std::sync::Arc;

use ports::{streams::StreamsError, tasks::Tasks};
use serde::de::DeserializeOwned;

pub(crate) use link::{Link, block};

/// A user of a server that speaks JetStream.
#[derive(Clone)]
pub(crate) struct Client {
    link: Arc<dyn Link>,
    /// Those who follow streams.
    tasks: Tasks,
}

impl Client {
    pub(crate) fn new(link: impl Link) -> Self {
        Self { link: Arc::new(link), tasks: Tasks::default() }
    }

    /// Asks the API. Errors say what could not be done, `cannot purge stream …`, or that there is no `what`.
    async fn api<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        body: &serde_json::Value,
        doing: &str,
        what: &str,
    ) -> Result<T, StreamsError> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.link.request(&format!("$JS.API.{endpoint}"), &Vec::new(), body).await?;
        let nobody = || StreamsError::Unreachable("the server does not serve JetStream".into());
        answer::read(&answer.ok_or_else(nobody)?, doing, what)
    }
}
