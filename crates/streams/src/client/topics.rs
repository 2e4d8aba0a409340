//! `ports::streams::Topics`.

use async_trait::async_trait;
use model::streams::StreamConfig;
use ports::streams::{
    Ack, Capabilities, ConsumerState, DeadLetter, Message, Publish, Start, StreamState, StreamsError, Topics,
};
use tokio::sync::mpsc;

use super::Client;

#[async_trait]
impl Topics for Client {
    fn capabilities(&self) -> Capabilities {
        self.link.capabilities()
    }

    async fn ensure(&self, config: StreamConfig) -> Result<(), StreamsError> {
        self.ensure_stream(&config).await
    }

    async fn list(&self) -> Result<Vec<StreamState>, StreamsError> {
        self.list_streams().await
    }

    async fn info(&self, stream: &str) -> Result<StreamState, StreamsError> {
        self.stream(stream).await
    }

    async fn consumers(&self, stream: &str) -> Result<Vec<ConsumerState>, StreamsError> {
        self.list_consumers(stream).await
    }

    async fn publish(&self, message: Publish) -> Result<Ack, StreamsError> {
        self.publish_message(message).await
    }

    async fn publish_all(&self, messages: Vec<Publish>) -> Result<Vec<Ack>, StreamsError> {
        self.publish_messages(messages).await
    }

    async fn read(&self, stream: &str, start: Start, max: usize) -> Result<Vec<Message>, StreamsError> {
        self.read_messages(stream, start, max).await
    }

    async fn tail(
        &self,
        stream: &str,
        start: Start,
    ) -> Result<mpsc::Receiver<Result<Message, StreamsError>>, StreamsError> {
        self.follow(stream, start).await
    }

    async fn rewind(&self, stream: &str, consumer: &str, start: Start) -> Result<u64, StreamsError> {
        self.rewind_consumer(stream, consumer, start).await
    }

    async fn remove_consumer(&self, stream: &str, consumer: &str) -> Result<(), StreamsError> {
        self.delete_consumer(stream, consumer).await
    }

    async fn dead(&self, stream: &str, consumer: &str, from: u64, max: usize) -> Result<Vec<DeadLetter>, StreamsError> {
        self.dead_letters(stream, consumer, from, max).await
    }

    async fn replay(&self, stream: &str, consumer: &str, sequence: u64) -> Result<Ack, StreamsError> {
        self.replay_dead(stream, consumer, sequence).await
    }

    async fn remove_dead(&self, stream: &str, consumer: &str, sequence: u64) -> Result<(), StreamsError> {
        self.remove_dead_letter(stream, consumer, sequence).await
    }

    async fn purge(&self, stream: &str) -> Result<u64, StreamsError> {
        self.purge_stream(stream).await
    }

    async fn delete(&self, stream: &str, sequence: u64) -> Result<(), StreamsError> {
        self.delete_message(stream, sequence).await
    }
}
