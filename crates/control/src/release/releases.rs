//! The releases of a system: their records, the store behind them, and the ledger of how they fare.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use logic::release::Ledger;
use model::{
    Gather, ServiceName, Timestamp,
    api::{Change, PlannedService, ReleaseDiff, ReleaseState},
    spec::{Kept, System},
};
use ports::streams::{KeyValue, StreamsError};
use serde::{Deserialize, Serialize};

use super::{
    Bundle, Release, StoreError,
    document::{Folders, Parts, ReleaseDocument},
    keep,
    store::{Batch, ObjectId, Store},
    tree::Tree,
    view::view,
};
use crate::{config::Recorded, records::Records};

/// A release as it is recorded; what it is made of is in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReleaseRecord {
    pub(crate) at: Timestamp,
    pub(crate) document: ObjectId,
}

/// Why a release cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The records cannot be.
    #[error(transparent)]
    Streams(#[from] StreamsError),
    /// The content store cannot be.
    #[error("the content store: {0}")]
    Store(#[from] StoreError),
    /// It is not there.
    #[error("there is no release {0}")]
    Unknown(u64),
}

/// A write under way.
type Writing = Pin<Box<dyn Future<Output = Result<(), StreamsError>> + Send>>;

/// The releases of a system.
#[derive(Clone)]
pub struct Releases {
    records: Records,
    pub(super) store: Arc<Store>,
    project: PathBuf,
    state: PathBuf,
    known: Arc<Mutex<Known>>,
    /// Whoever writes the ledger: so the newest one is written last.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A release that is not stored yet.
pub(super) struct NewRelease {
    /// The manifest's text.
    pub(super) text: String,
    pub(super) system: Arc<System>,
    pub(super) services: BTreeMap<ServiceName, Parts>,
}

type Bundles = BTreeMap<ServiceName, Arc<Bundle>>;

#[derive(Debug, Default)]
struct Known {
    ledger: Ledger,
    records: BTreeMap<u64, ReleaseRecord>,
}

impl Releases {
    /// Those that are recorded in the node's own streams. `project` is the manifest's folder.
    ///
    /// # Errors
    /// When the records cannot be read, or the state folder cannot be written.
    pub async fn open(streams: Arc<dyn KeyValue>, project: PathBuf, state: PathBuf) -> Result<Self, ReleaseError> {
        let records = Records::new(streams);
        let store = Arc::new(Store::open(&state.join("store"))?);
        let (mut ledger, releases) = records.releases().await?;
        ledger.knows(releases.keys().copied().max().unwrap_or_default());
        let known = Arc::new(Mutex::new(Known { ledger, records: releases }));
        Ok(Self { records, store, project, state, known, turn: Arc::default() })
    }

    /// The release with which an earlier platform process of the same keeper ran the system, or brought it up.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn gone_on_with(&self) -> Result<Option<Recorded>, ReleaseError> {
        self.recorded(self.ledger().goes_on_with()).await
    }

    /// The release that ran last.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn last_run(&self) -> Result<Option<Recorded>, ReleaseError> {
        self.recorded(self.ledger().running()).await
    }

    async fn recorded(&self, number: Option<u64>) -> Result<Option<Recorded>, ReleaseError> {
        let Some(number) = number else { return Ok(None) };
        Ok(Some(Recorded(self.read(number).await?)))
    }

    /// How they fare.
    pub(crate) fn ledger(&self) -> Ledger {
        self.lock().ledger.clone()
    }

    /// Changes how they fare, at once; durable when the future ends.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Ledger)) -> Writing {
        self.edit(change);
        Box::pin(self.clone().write())
    }

    /// Changes how they fare; whoever asks sees to it that it is written.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Ledger)) {
        change(&mut self.lock().ledger);
    }

    /// Makes durable how they fare.
    pub(crate) async fn write(self) -> Result<(), StreamsError> {
        let _turn = self.turn.lock().await;
        self.records.put_ledger(&self.ledger()).await
    }

    /// Every release that is kept, by number.
    pub(crate) fn all(&self) -> BTreeMap<u64, ReleaseRecord> {
        self.lock().records.clone()
    }

    /// A release, from the store.
    pub(crate) async fn read(&self, number: u64) -> Result<Arc<Release>, ReleaseError> {
        let record = self.lock().records.get(&number).cloned().ok_or(ReleaseError::Unknown(number))?;
        let this = self.clone();
        let read = move || {
            let document = ReleaseDocument::read(&this.store, &record.document)?;
            let (system, bundles) = document.open(&this.store, &this.folders())?;
            Ok(Arc::new(Release { number, at: record.at, system: Arc::new(system), bundles }))
        };
        blocking(read).await
    }

    /// The text of a release's manifest.
    pub(super) async fn manifest(&self, number: u64) -> Result<String, ReleaseError> {
        let record = self.lock().records.get(&number).cloned().ok_or(ReleaseError::Unknown(number))?;
        let store = self.store.clone();
        blocking(move || Ok(ReleaseDocument::read(&store, &record.document)?.manifest().to_owned())).await
    }

    /// Stores a release of these services, with a number of its own; with `again`, what ran last or the newest one, if it is the same.
    pub(super) async fn add(&self, new: NewRelease, at: Timestamp, again: bool) -> Result<Arc<Release>, ReleaseError> {
        let NewRelease { text, system, services } = new;
        let of = system.clone();
        let store = move |batch: &mut Batch, folders: &Folders| {
            let bundle = |(name, parts)| {
                let bundle = Bundle::store(&name, parts, folders, batch)?;
                Ok((name, Arc::new(bundle)))
            };
            let bundles = services.into_iter().map(bundle).collect::<Result<Vec<_>, StoreError>>()?;
            let bundles = bundles.into_iter().gather();
            let document = ReleaseDocument::new(text, &of, &bundles).store(batch)?;
            Ok((document, bundles))
        };
        let (document, bundles) = self.take_in(store).await?;
        let same = again.then(|| self.same(&document)).flatten();
        if let Some((number, record)) = same {
            return Ok(Arc::new(Release { number, at: record.at, system, bundles }));
        }
        let record = ReleaseRecord { at, document };
        let number = self.lock().ledger.take_number();
        self.records.put_release(number, &record).await?;
        self.lock().records.insert(number, record);
        Ok(Arc::new(Release { number, at, system, bundles }))
    }

    fn same(&self, document: &ObjectId) -> Option<(u64, ReleaseRecord)> {
        let known = self.lock();
        let candidates = [known.ledger.running(), known.records.keys().next_back().copied()];
        let record = |number: u64| Some((number, known.records.get(&number)?.clone()));
        candidates.into_iter().flatten().filter_map(record).find(|(_, record)| record.document == *document)
    }

    /// Every release that is kept, as the API shows it, by number: what changed is so of the one that ran before. One that cannot
    /// be read says so.
    pub(crate) async fn list(&self) -> Vec<model::api::Release> {
        let ledger = self.ledger();
        let mut shown = Vec::new();
        let all = self.all();
        // What the first of all is compared with is known: nothing.
        let mut before = all.contains_key(&1).then(BTreeMap::new);
        for (number, record) in all {
            let (state, reason) = (ledger.state(number), ledger.reason(number).map(str::to_owned));
            let unread =
                model::api::Release { number, at: record.at, state, bundles: BTreeMap::new(), changed: None, reason };
            let release = self.read(number).await;
            shown.push(match &release {
                Err(ReleaseError::Unknown(_)) => continue,
                Err(error) => model::api::Release { reason: Some(format!("it cannot be restored: {error}")), ..unread },
                Ok(release) => {
                    let bundles = release.bundles.iter().map(|(name, bundle)| (name.clone(), bundle.shown())).gather();
                    let changed = before.as_ref().map(|before| changed(before, &release.bundles));
                    model::api::Release { bundles, changed, ..unread }
                }
            });
            if matches!(state, ReleaseState::Running | ReleaseState::Retired) {
                before = release.ok().map(|release| release.bundles.clone());
            }
        }
        shown
    }

    /// What differs between two releases.
    pub(crate) async fn diff(&self, from: u64, to: u64) -> Result<ReleaseDiff, ReleaseError> {
        let (old, new) = (self.read(from).await?, self.read(to).await?);
        let differences = logic::release::compare(&view(&old), &view(&new));
        let mut services = logic::release::planned(&differences, &old.system, &new.system, &BTreeMap::new());
        // A second set is not of a release, but of the way from one to the other.
        services.retain(|service| service.change != Change::Second);
        let this = self.clone();
        let others = logic::release::others(&old.system, &new.system);
        blocking(move || {
            services.iter_mut().try_for_each(|service| this.name_files(service, &old, &new))?;
            Ok(ReleaseDiff { from, to, services, others })
        })
        .await
    }

    /// Says which files of an artifact differ.
    fn name_files(&self, service: &mut PlannedService, old: &Release, new: &Release) -> Result<(), ReleaseError> {
        let tree = |release: &Release| {
            let artifact = release.bundles.get(&service.service).and_then(|bundle| bundle.artifact.as_ref());
            artifact.map(|artifact| Tree::read(&self.store, &artifact.files)).transpose()
        };
        if let (Some(old), Some(new)) = (tree(old)?, tree(new)?)
            && let Some(at) = service.parts.iter().position(|part| part == "artifact")
        {
            service.parts.splice(at..=at, old.differs(&new));
        }
        Ok(())
    }

    /// Forgets releases that are too many or too old, and what only they needed.
    pub(crate) async fn tidy(&self, kept: &Kept, now: Timestamp) -> Result<(), ReleaseError> {
        let made = self.all().into_iter().map(|(number, record)| (number, record.at)).gather();
        let forgotten = logic::release::forgotten(&made, &self.ledger(), kept, now);
        for number in &forgotten {
            self.records.forget_release(*number).await?;
            self.lock().records.remove(number);
        }
        if !forgotten.is_empty() {
            self.change(|ledger| ledger.forget(&forgotten)).await?;
        }
        let documents: BTreeSet<_> = self.all().into_values().map(|record| record.document).gather();
        let needed = self.ledger().needed();
        let in_use = self.all().into_iter().filter(|(number, _)| needed.contains(number));
        let in_use = in_use.map(|(_, record)| record.document).gather();
        let (store, state) = (self.store.clone(), self.state.clone());
        blocking(move || keep::only(&store, &state, &documents, &in_use).map_err(Into::into)).await
    }

    /// Takes something into the store.
    pub(super) async fn take_in<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Batch, &Folders) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ReleaseError> {
        let this = self.clone();
        let take = move || {
            let mut batch = this.store.batch()?;
            let taken = work(&mut batch, &this.folders())?;
            batch.commit()?;
            Ok(taken)
        };
        blocking(take).await
    }

    pub(super) fn folders(&self) -> Folders<'_> {
        Folders { project: &self.project, state: &self.state }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn changed(before: &Bundles, after: &Bundles) -> Vec<ServiceName> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).gather();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// Runs what waits for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReleaseError> + Send + 'static,
) -> Result<T, ReleaseError> {
    let panicked = |error| Err(StreamsError::Unreachable(format!("the store's work was given up: {error}")).into());
    tokio::task::spawn_blocking(work).await.unwrap_or_else(panicked)
}
