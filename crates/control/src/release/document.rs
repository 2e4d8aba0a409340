//! Bundles and releases as the store has them: JSON, named by its hash.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{
    Gather, ServiceName,
    spec::{Service, System},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Bundle, BundleId, StoreError,
    store::{Batch, ObjectId, Store, at},
    tree::{Entry, Tree},
};

/// The files of a service in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Artifact {
    /// The hash of what it was built from: the name of its folder in `builds/SERVICE`.
    pub(crate) inputs: String,
    /// What is in that folder.
    pub(crate) files: ObjectId,
}

/// A bundle.
#[derive(Serialize, Deserialize)]
struct BundleDocument {
    service: ServiceName,
    spec: Arc<Service>,
    /// `None` in place.
    artifact: Option<Artifact>,
    env_file: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
}

/// A release.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReleaseDocument {
    /// The text of the manifest.
    manifest: String,
    /// What it means, but for the services: those are in the bundles.
    system: System,
    bundles: BTreeMap<ServiceName, BundleId>,
}

/// A bundle that has no name yet.
pub(super) struct Parts {
    pub(super) spec: Arc<Service>,
    pub(super) artifact: Option<Artifact>,
    pub(super) env_file: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, String>,
}

impl Artifact {
    /// One of which only the inputs are known, to compare it.
    pub(super) fn unbuilt(inputs: String) -> Self {
        Self { inputs, files: ObjectId(String::new()) }
    }
}

impl Parts {
    pub(super) fn of(bundle: &Bundle) -> Self {
        Self {
            spec: bundle.spec.clone(),
            artifact: bundle.artifact.clone(),
            env_file: bundle.env_file.clone(),
            secrets: bundle.secrets.clone(),
        }
    }
}

/// Where services run.
pub(super) struct Folders<'a> {
    /// The manifest's folder.
    pub(super) project: &'a Path,
    pub(super) state: &'a Path,
}

impl Folders<'_> {
    /// The folder that mirrors the manifest's for one build.
    pub(super) fn root(&self, service: &ServiceName, inputs: &str) -> PathBuf {
        self.state.join("builds").join(service.as_str()).join(inputs)
    }

    fn of(&self, service: &ServiceName, artifact: Option<&Artifact>, spec: &Service) -> PathBuf {
        let root = artifact.map_or(self.project.into(), |artifact| self.root(service, &artifact.inputs));
        spec.dir.as_ref().map_or_else(|| root.clone(), |dir| root.join(dir))
    }
}

impl Bundle {
    /// The first digits of its name, or that it is not stored.
    pub(super) fn shown(&self) -> String {
        if self.artifact.is_some() { self.id.0.chars().take(12).collect() } else { "in place".into() }
    }

    pub(super) fn store(
        service: &ServiceName,
        parts: Parts,
        folders: &Folders,
        batch: &mut Batch,
    ) -> Result<Self, StoreError> {
        let Parts { spec, artifact, env_file, secrets } = parts;
        let document = BundleDocument { service: service.clone(), spec, artifact, env_file, secrets };
        let id = write(batch, &document)?;
        Ok(document.into_bundle(BundleId(id.0), folders))
    }

    pub(super) fn read(store: &Store, id: &BundleId, folders: &Folders) -> Result<Self, StoreError> {
        let document: BundleDocument = read(store, &ObjectId(id.0.clone()))?;
        Ok(document.into_bundle(id.clone(), folders))
    }
}

impl BundleDocument {
    fn into_bundle(self, id: BundleId, folders: &Folders) -> Bundle {
        let Self { service, spec, artifact, env_file, secrets } = self;
        let folder = folders.of(&service, artifact.as_ref(), &spec);
        Bundle { id, folder, spec, artifact, env_file, secrets }
    }
}

impl ReleaseDocument {
    pub(super) fn new(manifest: String, system: &System, bundles: &BTreeMap<ServiceName, Arc<Bundle>>) -> Self {
        let bundles = bundles.iter().map(|(name, bundle)| (name.clone(), bundle.id.clone())).gather();
        Self { manifest, system: System { services: BTreeMap::new(), ..system.clone() }, bundles }
    }

    pub(super) fn store(&self, batch: &mut Batch) -> Result<ObjectId, StoreError> {
        write(batch, self)
    }

    pub(super) fn read(store: &Store, id: &ObjectId) -> Result<Self, StoreError> {
        read(store, id)
    }

    pub(super) fn manifest(&self) -> &str {
        &self.manifest
    }

    /// The names of the build folders that its services run in.
    pub(super) fn inputs(&self, store: &Store) -> Result<Vec<String>, StoreError> {
        let bundles = self.bundles.values().map(|id| read(store, &ObjectId(id.0.clone())));
        let artifact = |bundle: Result<BundleDocument, _>| bundle.map(|bundle| bundle.artifact).transpose();
        bundles.filter_map(artifact).map(|artifact| Ok(artifact?.inputs)).collect()
    }

    /// Its bundles, and the system that they and the manifest are.
    #[allow(clippy::type_complexity, reason = "it is taken apart at once")]
    pub(super) fn open(
        self,
        store: &Store,
        folders: &Folders,
    ) -> Result<(System, BTreeMap<ServiceName, Arc<Bundle>>), StoreError> {
        let mut system = self.system;
        let mut bundles = BTreeMap::new();
        for (name, id) in self.bundles {
            let bundle = Bundle::read(store, &id, folders)?;
            system.services.insert(name.clone(), Service::clone(&bundle.spec));
            bundles.insert(name, Arc::new(bundle));
        }
        Ok((system, bundles))
    }
}

/// Everything that the store needs to have for a release, as far as that can be told: what is damaged leads nowhere.
pub(super) fn objects_of(store: &Store, id: &ObjectId, all: &mut BTreeSet<ObjectId>) -> Result<(), StoreError> {
    all.insert(id.clone());
    let Some(document) = whole(ReleaseDocument::read(store, id))? else { return Ok(()) };
    for id in document.bundles.into_values().map(|id| ObjectId(id.0)) {
        if !all.insert(id.clone()) {
            continue;
        }
        let Some(bundle) = whole(read::<BundleDocument>(store, &id))? else { continue };
        let Some(Artifact { files, .. }) = bundle.artifact else { continue };
        if all.insert(files.clone())
            && let Some(tree) = whole(Tree::read(store, &files))?
        {
            all.extend(tree.0.into_iter().filter_map(|(_, entry)| match entry {
                Entry::File { content, .. } => Some(content),
                Entry::Folder { .. } | Entry::Link { .. } => None,
            }));
        }
    }
    Ok(())
}

/// Nothing, if it is damaged.
fn whole<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(error) if error.is_damage() => Ok(None),
        read => read.map(Some),
    }
}

fn write(batch: &mut Batch, document: &impl Serialize) -> Result<ObjectId, StoreError> {
    let bytes = serde_json::to_vec(document).map_err(io::Error::other);
    batch.bytes(&at(Path::new("a document"), bytes)?)
}

fn read<T: DeserializeOwned>(store: &Store, id: &ObjectId) -> Result<T, StoreError> {
    let bytes = store.read(id)?;
    at(Path::new(&id.0), serde_json::from_slice(&bytes).map_err(io::Error::other))
}
