//! A server with streams on a real folder, and a client of it that others wrote.

use std::{path::Path, sync::Arc};

use async_nats::jetstream::{self, consumer, stream};
use futures_util::StreamExt;
use streams::{engine, server::Handle};
use tempfile::TempDir;

use crate::common::serve;

pub(crate) struct Rig {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) handle: Handle,
    pub(crate) client: async_nats::Client,
    pub(crate) js: jetstream::Context,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::open(Arc::new(tempfile::tempdir().expect("a folder"))).await
    }

    async fn open(folder: Arc<TempDir>) -> Self {
        let (handle, address) = serve(|clock| engine::open(folder.path(), clock));
        let client = async_nats::connect(format!("nats://{address}")).await.expect("it listens");
        let js = jetstream::new(client.clone());
        Self { folder, handle, client, js }
    }

    /// Stops the server, and starts another one on the same folder.
    pub(crate) async fn restart(self) -> Self {
        let folder = self.folder.clone();
        self.handle.stop().await;
        drop(self);
        while !is_free(folder.path()) {
            tokio::task::yield_now().await;
        }
        Self::open(folder).await
    }

    pub(crate) async fn stream(&self, config: stream::Config) -> stream::Stream {
        self.js.create_stream(config).await.expect("a stream")
    }

    /// Publishes so many messages with their number as payload, each to `SUBJECT.NUMBER`.
    pub(crate) async fn publish(&self, subject: &str, numbers: std::ops::RangeInclusive<u32>) {
        for number in numbers {
            let ack = self.js.publish(format!("{subject}.{number}"), number.to_string().into()).await;
            ack.expect("it is sent").await.expect("it is stored");
        }
    }
}

fn is_free(folder: &Path) -> bool {
    journal::Folder::open(folder).is_ok()
}

pub(crate) fn stream(name: &str) -> stream::Config {
    stream::Config { name: name.into(), subjects: vec![format!("{name}.>")], ..stream::Config::default() }
}

pub(crate) fn pull(name: &str) -> consumer::pull::Config {
    consumer::pull::Config { durable_name: Some(name.into()), ..consumer::pull::Config::default() }
}

/// The messages that one request gets.
pub(crate) async fn fetch(consumer: &consumer::PullConsumer, batch: usize) -> Vec<jetstream::Message> {
    let mut messages = consumer.fetch().max_messages(batch).messages().await.expect("a request");
    let mut fetched = Vec::new();
    while let Some(message) = messages.next().await {
        fetched.push(message.expect("a message"));
    }
    fetched
}

/// The payloads, with how often each was delivered where that is not once: `1 2x2`.
pub(crate) fn told(messages: &[jetstream::Message]) -> String {
    let one = |message: &jetstream::Message| {
        let payload = String::from_utf8_lossy(&message.payload);
        match message.info().expect("an acknowledgement subject").delivered {
            1 => payload.to_string(),
            more => format!("{payload}x{more}"),
        }
    };
    messages.iter().map(one).collect::<Vec<_>>().join(" ")
}
