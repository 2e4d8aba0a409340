//! What a service runs, as the manifest has it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use model::spec::Service;

use crate::release::{Bundle, BundleId};

/// The bundle of a service that is built.
pub(super) fn of(spec: &Arc<Service>, folder: PathBuf, env_file: BTreeMap<String, String>) -> Bundle {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{spec:?}{folder:?}{env_file:?}").as_bytes());
    let id = BundleId(hasher.finalize().to_hex().to_string());
    Bundle { id, spec: spec.clone(), folder, env_file, secrets: BTreeMap::new() }
}
