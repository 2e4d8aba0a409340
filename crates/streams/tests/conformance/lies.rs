//! The suite finds out an engine that claims what it has not, and says what it claims: Debian's nats-server has nothing of all that.

use ports::streams::conformance::{self, Liar, Lie};

use crate::external::Rig;

async fn check(claim: &str, section: impl AsyncFn(Liar<Rig>)) {
    for lie in [Lie::Refuses, Lie::Forgets] {
        let liar = Liar { rig: Rig::debian().await, lie };
        let failure = conformance::failure(section(liar)).await.unwrap_or_else(|| panic!("{claim} {lie:?}: it passes"));
        assert!(failure.starts_with(&format!("the engine claims `{claim}`, but ")), "{lie:?}: {failure}");
    }
}

/// A test for each claim: the section that finds it out.
macro_rules! rows {
    ($($section:ident $claim:literal)*) => {
        mod debian_nats_server {
            $(#[tokio::test]
            async fn $section() {
                super::check($claim, async |liar| super::conformance::$section(liar).await).await;
            })*
        }
    };
}

rows! {
    durability "durability: Synced"
    time_to_live "ttl"
    delayed "schedule"
    redelivery "redelivery"
    consumers "rewind"
    batches "atomic_across_streams"
}

/// The same claim of a server that is set to sync is true.
#[tokio::test]
async fn a_pinned_nats_server_that_syncs_may_claim_it() {
    conformance::durability(Liar { rig: Rig::pinned_syncing().await, lie: Lie::Refuses }).await;
}
