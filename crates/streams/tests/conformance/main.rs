//! Every engine of `ports::streams` does what the suite of the port asks for: the embedded one, and real nats-servers, the one that
//! `tests/compat/async-nats.toml` pins and Debian's, which lacks some capabilities.

mod embedded;
mod external;
mod lies;
mod taking;

use ports::streams::conformance;

/// A test for each section, with a rig of its own.
macro_rules! sections {
    ($engine:ident, $rig:expr; $($section:ident)*) => {
        mod $engine {
            $(#[tokio::test]
            async fn $section() {
                super::conformance::$section($rig.await).await;
            })*
        }
    };
    ($engine:ident, $rig:expr) => {
        sections!(
            $engine, $rig;
            streams publishing reading consumers buckets restarts durability time_to_live delayed redelivery batches
        );
    };
}

sections!(embedded_engine, crate::embedded::Rig::start());
sections!(pinned_nats_server, crate::external::Rig::pinned());
sections!(debian_nats_server, crate::external::Rig::debian());
