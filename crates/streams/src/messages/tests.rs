//! What the server claims of acknowledged messages, on a disk whose power goes.

use std::sync::Arc;

use async_trait::async_trait;
use journal::{Fault, FaultyDisk, Journal, Options};
use model::{spec::System, streams::ConsumerConfig};
use ports::{
    clock::HostClock,
    streams::{
        Durability, KeyValue, Topics,
        conformance::{self, Liar, Lie, Rig},
    },
};

use super::MessageServer;
use crate::Buckets;

struct OnFaultyDisk {
    disk: Arc<FaultyDisk>,
    server: Option<Arc<MessageServer>>,
}

impl OnFaultyDisk {
    async fn start(disk: Arc<FaultyDisk>) -> Self {
        let options = Options { reserve_bytes: 0, ..Options::default() };
        let journal = Journal::open(disk.clone(), options).expect("the disk works");
        let clock = Arc::new(HostClock::start());
        let server = MessageServer::start(&Buckets::over(Arc::new(journal)), &system(), clock, 7).await;
        Self { disk, server: Some(server.expect("it starts")) }
    }

    async fn new() -> Self {
        Self::start(Arc::new(FaultyDisk::new(1))).await
    }

    fn server(&self) -> &MessageServer {
        self.server.as_ref().expect("it runs")
    }
}

#[async_trait]
impl Rig for OnFaultyDisk {
    fn topics(&self) -> Arc<dyn Topics> {
        self.server().topics()
    }

    fn buckets(&self) -> Arc<dyn KeyValue> {
        self.server().buckets()
    }

    async fn restart(&mut self) {
        unreachable!("without power nothing runs")
    }

    async fn lose_power(&mut self) -> Option<Durability> {
        self.disk.fail_after(0, Fault::Power);
        self.server = None;
        // Its threads end soon, and hold the disk until then.
        while Arc::strong_count(&self.disk) > 1 {
            tokio::task::yield_now().await;
        }
        self.disk.restart();
        *self = Self::start(self.disk.clone()).await;
        None
    }

    async fn take(&self, _: &str, _: &ConsumerConfig, _: usize) -> Vec<u64> {
        unreachable!("nobody is served")
    }
}

fn system() -> System {
    System::new("conformance".parse().expect("a name"))
}

#[tokio::test]
async fn what_is_acknowledged_survives_a_loss_of_power() {
    conformance::durability(OnFaultyDisk::new().await).await;
}

/// One that acknowledges before the sync is found out.
#[tokio::test]
async fn a_false_claim_of_that_is_seen() {
    let liar = Liar { rig: OnFaultyDisk::new().await, lie: Lie::Forgets };
    let failure = conformance::failure(conformance::durability(liar)).await.expect("messages are lost");
    assert!(failure.starts_with("the engine claims `durability: Synced`, but "), "{failure}");
}
