//! Topics.

use hyper::Method;
use model::{
    TopicName,
    api::{
        DeadLetter, DeadLetterId, DeadQuery, Message, MessageQuery, Publish, Published, RemovedConsumer,
        RemovedMessage, Replay, Replayed, TopicStatus, WhichDead,
    },
};

use crate::{
    Client, ClientError, Lines,
    encode::{flag, part, query},
};

impl Client {
    /// The state of every topic.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn topics(&self) -> Result<Vec<TopicStatus>, ClientError> {
        self.get("/v1/topics").await
    }

    /// The state of one topic.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn topic(&self, topic: &TopicName) -> Result<TopicStatus, ClientError> {
        self.get(&path(topic, "")).await
    }

    /// Messages of a topic.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn messages(&self, topic: &TopicName, which: &MessageQuery) -> Result<Lines<Message>, ClientError> {
        let from = which.from.map(|from| from.to_string());
        self.lines(&(path(topic, "/messages") + &query(&[("from", from), ("follow", flag(which.follow))]))).await
    }

    /// Publishes a message; answers when it is kept.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn publish(&self, topic: &TopicName, message: &Publish) -> Result<Published, ClientError> {
        self.post(&path(topic, "/messages"), Some(message)).await
    }

    /// Takes a message of a topic away for good.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_message(&self, topic: &TopicName, sequence: u64) -> Result<RemovedMessage, ClientError> {
        self.with_body(Method::DELETE, &path(topic, &format!("/messages/{sequence}")), None::<&()>).await
    }

    /// Takes a consumer of a topic away, which nobody uses.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_consumer(&self, topic: &TopicName, consumer: &str) -> Result<RemovedConsumer, ClientError> {
        self.with_body(Method::DELETE, &path(topic, &format!("/consumers/{}", part(consumer))), None::<&()>).await
    }

    /// Lets a consumer of a topic get messages again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn replay(&self, topic: &TopicName, consumer: &str, replay: &Replay) -> Result<Replayed, ClientError> {
        self.post(&path(topic, &format!("/consumers/{}/replay", part(consumer))), Some(replay)).await
    }

    /// Dead letters of a topic.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn dead(&self, topic: &TopicName, which: &DeadQuery) -> Result<Lines<DeadLetter>, ClientError> {
        let limit = which.limit.map(|limit| limit.to_string());
        self.lines(&(path(topic, "/dead") + &query(&[("consumer", which.consumer.clone()), ("limit", limit)]))).await
    }

    /// Publishes dead letters of a topic again; gives back which.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn replay_dead(&self, topic: &TopicName, which: &WhichDead) -> Result<Vec<DeadLetterId>, ClientError> {
        self.post(&path(topic, "/dead/replay"), Some(which)).await
    }

    /// Takes dead letters of a topic away for good; gives back which.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_dead(&self, topic: &TopicName, which: &WhichDead) -> Result<Vec<DeadLetterId>, ClientError> {
        self.post(&path(topic, "/dead/remove"), Some(which)).await
    }
}

fn path(topic: &TopicName, rest: &str) -> String {
    format!("/v1/topics/{topic}{rest}")
}
