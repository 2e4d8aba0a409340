//! Claims: a failure of an engine that claims something names the claim. And an engine that claims what it has not, with which it is
//! seen that every section finds that out.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use async_trait::async_trait;
use model::streams::{ConsumerConfig, DURABILITY_KEY, StreamConfig};
use tokio::sync::mpsc;

use super::Rig;
use crate::streams::{
    Ack, Capabilities, ConsumerState, DeadLetter, Durability, KeyValue, Message, Publish, Start, StreamState,
    StreamsError, Topics,
};

/// Checks what an engine claims.
pub(super) async fn claimed(claim: &str, check: impl Future<Output = ()>) {
    if let Some(failure) = failure(check).await {
        panic!("the engine claims `{claim}`, but {failure}");
    }
}

/// What a check says when it fails; `None` if it does not.
pub async fn failure(check: impl Future<Output = ()>) -> Option<String> {
    let mut check = pin!(check);
    let caught = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| check.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(())) => Poll::Ready(None),
        Err(panic) => Poll::Ready(Some(text(&*panic))),
    });
    caught.await
}

fn text(panic: &(dyn Any + Send)) -> String {
    let fixed = || panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    panic.downcast_ref().cloned().or_else(fixed).unwrap_or_default()
}

/// How an engine lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// It claims everything, and refuses what it has not.
    Refuses,
    /// It claims everything, takes what it has not, and does not do it.
    Forgets,
}

/// A rig whose engine claims everything.
pub struct Liar<R> {
    /// The honest one.
    pub rig: R,
    /// How it lies.
    pub lie: Lie,
}

#[async_trait]
impl<R: Rig + Sync> Rig for Liar<R> {
    fn topics(&self) -> Arc<dyn Topics> {
        Arc::new(Claims { topics: self.rig.topics(), lie: self.lie })
    }

    fn buckets(&self) -> Arc<dyn KeyValue> {
        self.rig.buckets()
    }

    async fn restart(&mut self) {
        self.rig.restart().await;
    }

    async fn lose_power(&mut self) -> Option<Durability> {
        self.rig.lose_power().await
    }

    async fn take(&self, stream: &str, consumer: &ConsumerConfig, max: usize) -> Vec<u64> {
        self.rig.take(stream, consumer, max).await
    }
}

struct Claims {
    topics: Arc<dyn Topics>,
    lie: Lie,
}

#[async_trait]
impl Topics for Claims {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: Durability::Synced,
            atomic_across_streams: true,
            ttl: true,
            schedule: true,
            redelivery: true,
            rewind: true,
        }
    }

    async fn ensure(&self, mut config: StreamConfig) -> Result<(), StreamsError> {
        if self.lie == Lie::Forgets {
            (config.allow_msg_ttl, config.allow_msg_schedules) = (false, false);
            config.metadata = [(DURABILITY_KEY.into(), "none".into())].into();
        }
        self.topics.ensure(config).await
    }

    async fn publish(&self, mut message: Publish) -> Result<Ack, StreamsError> {
        if self.lie == Lie::Forgets {
            let target = message.headers.iter().find(|(name, _)| name == "Nats-Schedule-Target");
            message.subject = target.map_or(message.subject, |(_, target)| target.clone());
            message.headers.retain(|(name, _)| !name.starts_with("Nats-"));
            message.ttl = None;
        }
        self.topics.publish(message).await
    }

    async fn publish_all(&self, messages: Vec<Publish>) -> Result<Vec<Ack>, StreamsError> {
        if self.lie == Lie::Refuses {
            return self.topics.publish_all(messages).await;
        }
        let mut acks = Vec::new();
        for message in messages {
            acks.push(self.topics.publish(message).await?);
        }
        Ok(acks)
    }

    async fn list(&self) -> Result<Vec<StreamState>, StreamsError> {
        self.topics.list().await
    }

    async fn info(&self, stream: &str) -> Result<StreamState, StreamsError> {
        self.topics.info(stream).await
    }

    async fn consumers(&self, stream: &str) -> Result<Vec<ConsumerState>, StreamsError> {
        self.topics.consumers(stream).await
    }

    async fn read(&self, stream: &str, start: Start, max: usize) -> Result<Vec<Message>, StreamsError> {
        self.topics.read(stream, start, max).await
    }

    async fn tail(
        &self,
        stream: &str,
        start: Start,
    ) -> Result<mpsc::Receiver<Result<Message, StreamsError>>, StreamsError> {
        self.topics.tail(stream, start).await
    }

    async fn rewind(&self, stream: &str, consumer: &str, start: Start) -> Result<u64, StreamsError> {
        self.topics.rewind(stream, consumer, start).await
    }

    async fn remove_consumer(&self, stream: &str, consumer: &str) -> Result<(), StreamsError> {
        self.topics.remove_consumer(stream, consumer).await
    }

    async fn dead(&self, stream: &str, consumer: &str, from: u64, max: usize) -> Result<Vec<DeadLetter>, StreamsError> {
        self.topics.dead(stream, consumer, from, max).await
    }

    async fn replay(&self, stream: &str, consumer: &str, sequence: u64) -> Result<Ack, StreamsError> {
        self.topics.replay(stream, consumer, sequence).await
    }

    async fn remove_dead(&self, stream: &str, consumer: &str, sequence: u64) -> Result<(), StreamsError> {
        self.topics.remove_dead(stream, consumer, sequence).await
    }

    async fn purge(&self, stream: &str) -> Result<u64, StreamsError> {
        self.topics.purge(stream).await
    }

    async fn delete(&self, stream: &str, sequence: u64) -> Result<(), StreamsError> {
        self.topics.delete(stream, sequence).await
    }
}
