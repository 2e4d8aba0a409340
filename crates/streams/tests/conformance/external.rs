//! Real nats-servers.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use model::streams::ConsumerConfig;
use nats_server::Server;
use ports::streams::{KeyValue, Topics, conformance};
use streams::External;

use crate::taking;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/compat/jetstream.conf");

pub(crate) struct Rig {
    server: Server,
    external: External,
}

impl Rig {
    /// The server that the repository pins.
    pub(crate) async fn pinned() -> Self {
        let list = std::fs::read_to_string(Path::new(ROOT).join("tests/compat/async-nats.toml")).expect("it is there");
        let version =
            list.lines().find_map(|line| line.strip_prefix("peer = \"")?.split('"').next()).expect("a version");
        let program = Path::new(ROOT).join("target/compat/nats").join(version).join("nats-server");
        assert!(program.exists(), "{} is missing\nhint: `cargo xtask test` builds it with Go", program.display());
        Self::start(program).await
    }

    /// Debian's.
    pub(crate) async fn debian() -> Self {
        Self::start("nats-server".into()).await
    }

    async fn start(program: PathBuf) -> Self {
        let server = nats_server::run_program(&program, CONFIG);
        let url = server.client_url().parse().expect("a URL");
        let external = External::connect(&url).await.expect("it serves JetStream");
        Self { server, external }
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

    async fn take(&self, stream: &str, consumer: &ConsumerConfig, max: usize) -> Vec<u64> {
        let client = async_nats::connect(self.server.client_url()).await.expect("it listens");
        taking::take(&client, stream, consumer, max).await
    }
}
