//! Real nats-servers.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
};

use async_trait::async_trait;
use model::streams::ConsumerConfig;
use nats_server::Server;
use ports::streams::{Durability, KeyValue, Topics, conformance};
use streams::External;

use crate::taking;

pub(crate) struct Rig {
    server: Server,
    external: External,
    monitor: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// The server that the repository pins.
    pub(crate) async fn pinned() -> Self {
        Self::start(nats_server::pinned(), "enabled").await
    }

    /// The same, which syncs before it acknowledges.
    pub(crate) async fn pinned_syncing() -> Self {
        Self::start(nats_server::pinned(), "{ sync_interval: always }").await
    }

    /// Debian's.
    pub(crate) async fn debian() -> Self {
        Self::start("nats-server".into(), "enabled").await
    }

    async fn start(program: PathBuf, jetstream: &str) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let monitor = free.expect("a free port");
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("nats.conf");
        let text = format!("host: 127.0.0.1\nhttp: \"{monitor}\"\njetstream: {jetstream}\n");
        std::fs::write(&config, text).expect("it is written");
        let server = nats_server::run_program(&program, &config.display().to_string());
        let url = server.client_url().parse().expect("a URL");
        let external = External::connect(&url, None).await.expect("it serves JetStream");
        Self { server, external, monitor, _folder: folder }
    }

    /// Whether it says that it syncs before it acknowledges; servers before 2.10 cannot, and say nothing.
    fn told(&self) -> Durability {
        let mut stream = TcpStream::connect(self.monitor).expect("it listens");
        stream.write_all(b"GET /jsz?config=true HTTP/1.0\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let syncs = answer.contains("\"sync_always\": true");
        if syncs { Durability::Synced } else { Durability::Written }
    }
}

#[async_trait]
impl conformance::Rig for Rig {
    fn topics(&self) -> Arc<dyn Topics> {
        self.external.topics()
    }

    fn buckets(&self) -> Arc<dyn KeyValue> {
        self.external.buckets()
    }

    async fn restart(&mut self) {
        self.server.restart();
    }

    async fn lose_power(&mut self) -> Option<Durability> {
        self.server.restart();
        Some(self.told())
    }

    async fn take(&self, stream: &str, consumer: &ConsumerConfig, max: usize) -> Vec<u64> {
        let client = async_nats::connect(self.server.client_url()).await.expect("it listens");
        taking::take(&client, stream, consumer, max).await
    }
}
