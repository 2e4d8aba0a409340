//! What is removed from the disk.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    StoreError,
    document::{ReleaseDocument, objects_of},
    store::{ObjectId, Store, at},
};

/// How many build folders of a service are kept beside those in use: they spare a build.
const BUILDS_KEPT: usize = 3;

/// Keeps what these releases need; in the folder of builds, what those that are in use do. Whatever it leaves behind at a
/// crash, the next one finds.
pub(super) fn only(
    store: &Store,
    state: &Path,
    releases: &BTreeSet<ObjectId>,
    in_use: &BTreeSet<ObjectId>,
) -> Result<(), StoreError> {
    let mut kept = BTreeSet::new();
    releases.iter().try_for_each(|id| objects_of(store, id, &mut kept))?;
    store.keep_only(&kept)?;
    let mut inputs = BTreeSet::new();
    for id in in_use {
        inputs.extend(ReleaseDocument::read(store, id)?.inputs(store)?);
    }
    let builds = state.join("builds");
    let Ok(services) = fs::read_dir(&builds) else { return Ok(()) };
    for service in services.flatten() {
        at(&service.path(), crate::build::prune(&service.path(), &inputs, BUILDS_KEPT))?;
    }
    Ok(())
}
