//! What a deploy reads: the manifest, and what it names.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use manifest::{Disk, Severity};
use model::{
    Gather, ServiceName,
    spec::{Service, System},
    status::Trouble,
};

use super::{
    Failed,
    document::Parts,
    versions::{self, Key},
};
use crate::{Config, build::Job, secrets::env_files};

/// The largest manifest, in bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// What shall run, before it is built.
pub(super) struct Wanted {
    /// The manifest's text.
    pub(super) text: String,
    pub(super) system: Arc<System>,
    env_files: BTreeMap<ServiceName, BTreeMap<String, String>>,
    /// The values of its secrets.
    pub(super) secrets: BTreeMap<String, String>,
    key: Key,
}

impl Wanted {
    /// A system of which all services are made anew, or only some.
    pub(super) fn of(config: &Config, text: String, system: System, only: &[ServiceName]) -> Result<Self, Failed> {
        let made = |name: &ServiceName| only.is_empty() || only.contains(name);
        let services = system.services.iter().filter(|(name, _)| made(name));
        let services = services.map(|(name, service)| (name.clone(), service.clone())).gather();
        let made = System { services, ..System::new(system.name.clone()) };
        let env_files = env_files(&made, &config.folder).map_err(Failed::manifest)?;
        let secrets = config.secrets.read(&system).map_err(Failed::manifest)?;
        let key = key(&config.state)?;
        Ok(Self { text, system: Arc::new(system), env_files, secrets, key })
    }

    pub(super) fn job(&self, name: &ServiceName, spec: &Service) -> Job {
        let (spec, system) = (Arc::new(spec.clone()), self.system.clone());
        Job { name: name.clone(), spec, system, env_file: self.env_files.get(name).cloned().unwrap_or_default() }
    }

    /// What its bundle is made of, but for the artifact.
    pub(super) fn parts(&self, job: Job) -> Parts {
        let secrets = versions::of(&job.spec.secrets, &self.secrets, &self.key);
        Parts { spec: job.spec, artifact: None, env_file: job.env_file, secrets }
    }
}

pub(super) fn key(state: &Path) -> Result<Key, Failed> {
    Ok(super::store::at(&state.join("secrets.key"), versions::key(state))?)
}

/// The manifest as its file is now: the text, and what it means.
pub(super) fn manifest(path: &Path, folder: &Path) -> Result<(String, System), Failed> {
    let invalid = |cause: String, hint: &str| Failed::manifest(Trouble::new(cause, hint));
    let unreadable = |error| invalid(format!("{} cannot be read: {error}", path.display()), "check the path");
    if std::fs::metadata(path).map_err(unreadable)?.len() > MANIFEST_BYTES_MAX {
        return Err(invalid(format!("{} is larger than 1 MiB", path.display()), "is it the right file?"));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let parsed = manifest::parse(&text, &Disk::new(folder));
    let errors = parsed.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    let said = errors.map(|error| format!("{}:{}: {}", error.line, error.column, error.message));
    let log: Vec<_> = said.take(20).collect();
    let system = parsed.system.ok_or_else(|| {
        let cause = format!("{} has errors", path.display());
        Failed::manifest(Trouble { log, ..Trouble::new(cause, "see them all with `isles check`") })
    })?;
    Ok((text, system))
}
