//! Releases over records that fail, and a store on a real file system.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use model::{
    ServiceName, Timestamp,
    api::ReleaseState,
    spec::{Kept, Service, System},
};
use ports::streams::{Change, Entry, Expect, KeyValue, StreamsError};
use tokio::sync::mpsc;

use super::{Artifact, Look, Releases, document::Parts, releases::NewRelease, tree::Tree};

/// Records in memory, of which only so many writes succeed.
#[derive(Default)]
struct Failing {
    entries: Mutex<BTreeMap<String, Vec<u8>>>,
    left: AtomicUsize,
}

impl Failing {
    fn write(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> Result<u64, StreamsError> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(StreamsError::Unreachable("it has crashed".into()));
        }
        self.left.store(left - 1, Ordering::Relaxed);
        change(&mut self.entries.lock().unwrap());
        Ok(1)
    }
}

#[async_trait]
impl KeyValue for Failing {
    async fn get(&self, _: &str, key: &str) -> Result<Option<Entry>, StreamsError> {
        let value = self.entries.lock().unwrap().get(key).cloned();
        Ok(value.map(|value| Entry { key: key.into(), value, revision: 1 }))
    }

    async fn put(&self, _: &str, key: &str, value: Vec<u8>, _: Expect) -> Result<u64, StreamsError> {
        self.write(|entries| drop(entries.insert(key.into(), value)))
    }

    async fn delete(&self, _: &str, key: &str, _: Expect) -> Result<u64, StreamsError> {
        self.write(|entries| drop(entries.remove(key)))
    }

    async fn list(&self, _: &str, prefix: &str) -> Result<Vec<Entry>, StreamsError> {
        let entries = self.entries.lock().unwrap();
        let found = entries.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, value)| Entry { key: key.clone(), value: value.clone(), revision: 1 }).collect())
    }

    async fn watch(&self, _: &str) -> Result<mpsc::Receiver<Change>, StreamsError> {
        Err(StreamsError::Unsupported("watchers"))
    }
}

async fn open(records: &Arc<Failing>, folder: &Path) -> Releases {
    Releases::open(records.clone(), folder.into(), folder.join("state")).await.unwrap()
}

/// A release of one service, whose program says this.
async fn add(releases: &Releases, folder: &Path, says: &str, at: u64) -> Option<u64> {
    let name: ServiceName = "app".parse().unwrap();
    let root = folder.join("state/builds/app").join(says);
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("run"), says).unwrap();
    let files = releases.take_in(move |batch, _| Tree::store(&root, batch)).await.unwrap();
    let mut system = System::new("shop".parse().unwrap());
    let spec = Arc::new(Service::new("./run"));
    system.services.insert(name.clone(), Service::clone(&spec));
    let artifact = Some(Artifact { inputs: says.into(), files });
    let parts = Parts { spec, artifact, env_file: BTreeMap::new(), secrets: BTreeMap::new() };
    let new = NewRelease { text: says.into(), system: Arc::new(system), services: [(name, parts)].into() };
    releases.add(new, Timestamp(at), false).await.ok().map(|release| release.number)
}

/// Everything that a system does with releases in its life, until it crashes.
async fn live(releases: &Releases, folder: &Path) -> Option<()> {
    releases.change(|ledger| ledger.comes_up()).await.ok()?;
    let first = add(releases, folder, "one", 1).await?;
    releases.change(|ledger| ledger.comes_up_with(first, BTreeSet::new())).await.ok()?;
    releases.change(|ledger| ledger.runs(first)).await.ok()?;
    for (at, says) in (2..).zip(["two", "three", "four"]) {
        let next = add(releases, folder, says, at).await?;
        releases.change(|ledger| ledger.begins(next)).await.ok()?;
        releases.change(|ledger| ledger.runs(next)).await.ok()?;
    }
    // Long after: only what runs and what ran before is kept.
    releases.tidy(&Kept::default(), Timestamp(u64::MAX / 2)).await.ok()
}

#[tokio::test]
async fn a_crash_between_any_two_steps_leaves_a_whole_state() {
    let mut crashes = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let records = Arc::new(Failing { left: AtomicUsize::new(crashes), ..Failing::default() });
        let ended = live(&open(&records, folder.path()).await, folder.path()).await;
        records.left.store(usize::MAX, Ordering::Relaxed);

        let after = open(&records, folder.path()).await;
        let listed = after.list().await;
        let running = listed.iter().filter(|release| release.state == ReleaseState::Running).count();
        assert_eq!(running, usize::from(after.ledger().running().is_some()), "after {crashes} writes");
        if let Some(recorded) = after.gone_on_with().await.unwrap() {
            fs::remove_dir_all(folder.path().join("state/builds")).unwrap();
            after.restore_all(&recorded.0, Look::Mark).await.unwrap();
            let says = fs::read_to_string(recorded.0.bundles.values().next().unwrap().folder.join("run")).unwrap();
            assert_eq!(says, after.manifest(recorded.0.number).await.unwrap(), "after {crashes} writes");
        }
        let newest = listed.last().map_or(0, |release| release.number);
        assert!(add(&after, folder.path(), "next", 9).await > Some(newest), "no number is given twice");
        if ended.is_some() {
            assert_eq!(listed.iter().map(|release| release.number).collect::<Vec<_>>(), [3, 4]);
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 15, "{crashes}");
}

#[tokio::test]
async fn a_file_that_is_not_as_it_was_stored_comes_back_if_one_looks() {
    let folder = tempfile::tempdir().unwrap();
    let records = Arc::new(Failing { left: AtomicUsize::new(usize::MAX), ..Failing::default() });
    let releases = open(&records, folder.path()).await;
    let number = add(&releases, folder.path(), "one", 1).await.unwrap();
    let release = releases.read(number).await.unwrap();
    let root = &release.bundles.values().next().unwrap().folder;
    let says = || fs::read_to_string(root.join("run")).unwrap();
    crate::build::mark_whole(root).unwrap();
    fs::write(root.join("run"), "").unwrap();
    releases.restore_all(&release, Look::Mark).await.unwrap();
    assert_eq!(says(), "");
    releases.restore_all(&release, Look::Content).await.unwrap();
    assert_eq!(says(), "one");
}

#[tokio::test]
async fn what_a_forgotten_release_alone_needed_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let records = Arc::new(Failing { left: AtomicUsize::new(usize::MAX), ..Failing::default() });
    let releases = open(&records, folder.path()).await;
    live(&releases, folder.path()).await.unwrap();
    let mut objects = 0;
    for shard in fs::read_dir(folder.path().join("state/store/objects")).unwrap().flatten() {
        objects += fs::read_dir(shard.path()).unwrap().count();
    }
    assert_eq!(objects, 2 * 4, "of two releases: a file, the tree, the bundle and the document");
    assert_eq!(releases.read(4).await.unwrap().bundles.len(), 1);
    let diff = releases.diff(3, 4).await.unwrap();
    assert_eq!((diff.services.len(), diff.services[0].parts.join(" ")), (1, "artifact/run".into()));
}

#[tokio::test]
async fn one_that_is_damaged_does_not_hide_the_others_nor_keep_what_they_leave() {
    let folder = tempfile::tempdir().unwrap();
    let records = Arc::new(Failing { left: AtomicUsize::new(usize::MAX), ..Failing::default() });
    let releases = open(&records, folder.path()).await;
    for (at, says) in (1..).zip(["one", "two", "three"]) {
        add(&releases, folder.path(), says, at).await.unwrap();
    }
    let object = |id: &super::store::ObjectId| folder.path().join("state/store/objects").join(&id.0[..2]).join(&id.0);
    fs::write(object(&releases.all()[&2].document), "something else").unwrap();
    let unneeded = object(&releases.take_in(|batch, _| batch.bytes(b"nobody's")).await.unwrap());
    let listed = releases.list().await;
    let told: Vec<_> = listed.iter().map(|one| (one.bundles.len(), one.reason.is_some())).collect();
    assert_eq!(told, [(1, false), (0, true), (1, false)], "{listed:?}");
    assert!(listed[1].reason.as_ref().unwrap().ends_with("its content is not what was stored"), "{listed:?}");
    releases.tidy(&Kept::default(), Timestamp(3)).await.unwrap();
    assert!(!unneeded.exists());
    assert_eq!(releases.read(3).await.unwrap().bundles.len(), 1, "what the others need is kept");
}

#[tokio::test]
async fn what_changed_is_so_of_what_ran_before() {
    let folder = tempfile::tempdir().unwrap();
    let records = Arc::new(Failing { left: AtomicUsize::new(usize::MAX), ..Failing::default() });
    let releases = open(&records, folder.path()).await;
    for (at, says) in (1..).zip(["one", "taken back", "one"]) {
        add(&releases, folder.path(), says, at).await.unwrap();
    }
    releases.edit(|ledger| ledger.runs(1));
    releases.edit(|ledger| ledger.given_up(2, "it is worse"));
    releases.edit(|ledger| ledger.runs(3));
    let changed = async || -> Vec<_> {
        releases.list().await.into_iter().map(|release| release.changed.map(|changed| changed.len())).collect()
    };
    assert_eq!(changed().await, [Some(1), Some(1), Some(0)]);
    add(&releases, folder.path(), "two", 4).await.unwrap();
    releases.edit(|ledger| ledger.runs(4));
    let kept = Kept { releases_max: 2, ..Kept::default() };
    releases.tidy(&kept, Timestamp(4)).await.unwrap();
    assert_eq!(changed().await, [None, Some(1)], "what is not kept any more cannot be compared");
}
