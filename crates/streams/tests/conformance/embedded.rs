//! The server of messages as it is in the platform. Its client is an instance of a service with the right to the topics of the suite.

use std::{io::ErrorKind, sync::Arc};

use async_trait::async_trait;
use model::{
    Slot,
    spec::{Service, System, Topic},
    streams::ConsumerConfig,
};
use ports::{
    clock::HostClock,
    messages::Messages,
    streams::{Durability, KeyValue, StreamsError, Topics, conformance},
};
use streams::{Buckets, MessageServer, StartError};
use tokio::net::TcpListener;

use crate::taking;

pub(crate) struct Rig {
    server: Option<Arc<MessageServer>>,
    folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { server: Some(serve(&folder).await), folder }
    }

    fn server(&self) -> &MessageServer {
        self.server.as_ref().expect("it runs")
    }

    async fn client(&self) -> async_nats::Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let accepted = async {
            let (socket, _) = listener.accept().await.expect("a client");
            self.server().serve(socket.into_std().expect("a socket"), &slot(), None).await;
        };
        let (client, ()) = tokio::join!(async_nats::connect(format!("nats://{address}")), accepted);
        client.expect("it is served")
    }
}

#[async_trait]
impl conformance::Rig for Rig {
    fn topics(&self) -> Arc<dyn Topics> {
        self.server().topics()
    }

    fn buckets(&self) -> Arc<dyn KeyValue> {
        self.server().buckets()
    }

    async fn restart(&mut self) {
        self.server = None;
        self.server = Some(serve(&self.folder).await);
    }

    /// A folder keeps its power: what the disk loses is seen on one that fails (`src/messages/tests.rs`).
    async fn lose_power(&mut self) -> Option<Durability> {
        self.restart().await;
        Some(Durability::Synced)
    }

    async fn take(&self, stream: &str, consumer: &ConsumerConfig, max: usize) -> Vec<u64> {
        taking::take(&self.client().await, stream, consumer, max).await
    }
}

/// What the server before held is free soon after it was dropped.
async fn serve(folder: &tempfile::TempDir) -> Arc<MessageServer> {
    loop {
        let (buckets, system) = (Arc::new(Buckets::new(folder.path().into())), Arc::new(system()));
        let server = MessageServer::new(&buckets, &system.name, Arc::new(HostClock::start()), 7);
        server.admit(&slot(), 1, &system);
        match server.start().await {
            Ok(()) => return server,
            Err(StartError::Journal(StreamsError::Io { source, .. })) if source.kind() == ErrorKind::ResourceBusy => {
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn slot() -> Slot {
    format!("{}/1", conformance::CONSUMER).parse().expect("a slot")
}

fn system() -> System {
    let topics: Vec<_> = conformance::TOPICS.map(|name| name.parse().expect("a name")).into();
    let service = Service { subscribes: topics.iter().cloned().collect(), ..Service::new("x") };
    System {
        services: [(conformance::CONSUMER.parse().expect("a name"), service)].into(),
        topics: topics.into_iter().map(|name| (name, Topic::default())).collect(),
        ..System::new("conformance".parse().expect("a name"))
    }
}
