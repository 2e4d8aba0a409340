//! Releases: what was deployed, so that it can run again exactly as it did.

mod document;
mod failed;
mod keep;
mod making;
mod prepare;
mod releases;
mod restore;
mod rollback;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod versions;
mod view;
mod wanted;

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use model::{ServiceName, Timestamp, spec};
use serde::{Deserialize, Serialize};

pub(crate) use document::Artifact;
pub(crate) use failed::Failed;
pub(crate) use prepare::{Deployed, Prepared, Preparer, Running};
pub(crate) use releases::ReleaseRecord;
pub use releases::{ReleaseError, Releases};
pub(crate) use restore::Look;
pub use store::StoreError;
pub(crate) use versions::Vault;
pub(crate) use view::view;

/// BLAKE3 of what is stored of a bundle: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct BundleId(pub(crate) String);

/// One service as it is in a release: content-addressed, immutable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) id: BundleId,
    pub(crate) spec: Arc<spec::Service>,
    /// Where it runs, absolute: in `builds/SERVICE/INPUTHASH`, or in place.
    pub(crate) folder: PathBuf,
    /// Its files in the store; `None` if it runs in place, and cannot be restored.
    pub(crate) artifact: Option<Artifact>,
    /// The variables of its `env_file`.
    pub(crate) env_file: BTreeMap<String, String>,
    /// By name: a keyed hash of the value, never the value.
    pub(crate) secrets: BTreeMap<String, String>,
}

/// A system's set of bundles and its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    pub(crate) system: Arc<spec::System>,
    pub(crate) bundles: BTreeMap<ServiceName, Arc<Bundle>>,
}

/// Which way a rollout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To a release that has not run yet.
    Forward,
    /// To one that ran before: without steps, and never itself taken back.
    Back,
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
