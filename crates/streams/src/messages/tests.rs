//! What the server claims of acknowledged messages, on a disk whose power goes.

use std::sync::Arc;

use async_trait::async_trait;
use journal::{Fault, FaultyDisk, Journal, Options};
use model::streams::ConsumerConfig;
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
        let buckets = Arc::new(Buckets::over(Arc::new(journal)));
        let server = server(&buckets);
        server.start().await.expect("it starts");
        Self { disk, server: Some(server) }
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

fn server(buckets: &Arc<Buckets>) -> Arc<MessageServer> {
    let name = "conformance".parse().expect("a name");
    MessageServer::new(buckets, &name, Arc::new(HostClock::start()), 7)
}

/// A process that leaves its journal to the next one starts nothing in it any more.
#[tokio::test]
async fn without_its_journal_nothing_starts() {
    let disk = Arc::new(FaultyDisk::new(1));
    let options = Options { reserve_bytes: 0, ..Options::default() };
    let buckets = Arc::new(Buckets::over(Arc::new(Journal::open(disk, options).unwrap())));
    let server = server(&buckets);
    drop(buckets);
    let refused = server.topics().list().await.unwrap_err();
    assert_eq!(refused.to_string(), "the system is stopping");
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
