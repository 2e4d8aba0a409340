//! The content store: files by the BLAKE3 of their content. What is in it is whole, durable and never changes.
//!
//! New files are made beside it, synced, and only then renamed into place; so neither a crash nor a full disk leaves half of
//! one. They are copies (of which the kernel shares the blocks where it can): no program that runs has one of them open.

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};

/// So many files are synced one by one; more of them with all else on their file system, which is faster then.
const SYNCED_ALONE_MAX: usize = 64;

/// BLAKE3 of a content: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ObjectId(pub(crate) String);

/// Why something could not be stored or restored.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct StoreError {
    /// The place.
    pub path: PathBuf,
    /// The cause.
    pub source: io::Error,
}

impl StoreError {
    /// Whether what is asked for is not there any more, or not as it was stored; else it could not be read.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self.source.kind(), ErrorKind::NotFound | ErrorKind::InvalidData)
    }
}

/// The store of a system.
#[derive(Debug)]
pub(crate) struct Store {
    objects: PathBuf,
    fresh: PathBuf,
    batches: AtomicU64,
}

/// New files that come into the store together.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    store: &'a Store,
    folder: PathBuf,
    fresh: BTreeSet<ObjectId>,
}

impl Store {
    /// The store in this folder; nobody else may use it at the same time.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let store = Self { objects: folder.join("objects"), fresh: folder.join("new"), batches: AtomicU64::new(0) };
        at(&store.fresh, crate::build::remove_if_there(&store.fresh))?;
        for folder in [&store.objects, &store.fresh] {
            at(folder, fs::create_dir_all(folder))?;
        }
        Ok(store)
    }

    /// Begins to take new files in.
    pub(crate) fn batch(&self) -> Result<Batch<'_>, StoreError> {
        let number = self.batches.fetch_add(1, Ordering::Relaxed);
        let folder = self.fresh.join(number.to_string());
        at(&folder, fs::create_dir(&folder))?;
        Ok(Batch { store: self, folder, fresh: BTreeSet::new() })
    }

    /// The content of a small file.
    pub(crate) fn read(&self, id: &ObjectId) -> Result<Vec<u8>, StoreError> {
        let path = self.path(id);
        let bytes = at(&path, fs::read(&path))?;
        if hash_of(&bytes) == *id { Ok(bytes) } else { Err(damaged(path)) }
    }

    /// Writes the content into a new file.
    pub(crate) fn restore(&self, id: &ObjectId, to: &Path, mode: u32) -> Result<(), StoreError> {
        let path = self.path(id);
        at(&path, fs::copy(&path, to))?;
        if at(to, hash_of_file(to))? != *id {
            return Err(damaged(path));
        }
        at(to, fs::set_permissions(to, Permissions::from_mode(mode)))
    }

    /// Removes everything else.
    pub(crate) fn keep_only(&self, kept: &BTreeSet<ObjectId>) -> Result<(), StoreError> {
        for folder in at(&self.objects, list(&self.objects))? {
            for path in at(&folder, list(&folder))? {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if !kept.contains(&ObjectId(name)) {
                    at(&path, fs::remove_file(&path))?;
                }
            }
        }
        Ok(())
    }

    fn has(&self, id: &ObjectId) -> bool {
        self.path(id).exists()
    }

    fn path(&self, id: &ObjectId) -> PathBuf {
        self.objects.join(id.0.get(..2).unwrap_or_default()).join(&id.0)
    }
}

impl Batch<'_> {
    /// Takes this content in.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<ObjectId, StoreError> {
        let id = hash_of(bytes);
        if !self.knows(&id) {
            let path = self.folder.join(&id.0);
            at(&path, File::create(&path).and_then(|mut file| file.write_all(bytes)))?;
            self.fresh.insert(id.clone());
        }
        Ok(id)
    }

    /// Takes a file's content in.
    pub(crate) fn file(&mut self, from: &Path) -> Result<ObjectId, StoreError> {
        let id = at(from, hash_of_file(from))?;
        if self.knows(&id) {
            return Ok(id);
        }
        let copy = self.folder.join("copy");
        copied(from, &copy)?;
        // The file may have changed meanwhile.
        let id = at(&copy, hash_of_file(&copy))?;
        let path = self.folder.join(&id.0);
        at(&path, fs::rename(&copy, &path))?;
        self.fresh.insert(id.clone());
        Ok(id)
    }

    /// Puts all of it into place, durable.
    pub(crate) fn commit(mut self) -> Result<(), StoreError> {
        let fresh = std::mem::take(&mut self.fresh);
        let folder = &self.folder;
        for id in &fresh {
            let path = folder.join(&id.0);
            at(&path, fs::set_permissions(&path, Permissions::from_mode(0o400)))?;
        }
        at(folder, sync(folder, &fresh))?;
        let mut folders = BTreeSet::from([self.store.objects.clone()]);
        for id in &fresh {
            let path = self.store.path(id);
            let parent = path.parent().unwrap_or(&self.store.objects).to_owned();
            at(&parent, fs::create_dir_all(&parent))?;
            at(&path, fs::rename(folder.join(&id.0), &path))?;
            folders.insert(parent);
        }
        folders.iter().try_for_each(|folder| at(folder, File::open(folder).and_then(|folder| folder.sync_all())))
    }

    fn knows(&self, id: &ObjectId) -> bool {
        self.fresh.contains(id) || self.store.has(id)
    }
}

/// What was not put into place is of no use to anybody.
impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Copies a file. If it fails, it is the place of the copy that matters: it may be full.
fn copied(from: &Path, to: &Path) -> Result<(), StoreError> {
    let path = |error: &io::Error| if error.kind() == ErrorKind::NotFound { from } else { to }.to_owned();
    fs::copy(from, to).map(drop).map_err(|source| StoreError { path: path(&source), source })
}

fn sync(folder: &Path, fresh: &BTreeSet<ObjectId>) -> io::Result<()> {
    if fresh.len() > SYNCED_ALONE_MAX {
        return rustix::fs::syncfs(File::open(folder)?).map_err(Into::into);
    }
    fresh.iter().try_for_each(|id| File::open(folder.join(&id.0))?.sync_all())
}

fn hash_of(bytes: &[u8]) -> ObjectId {
    ObjectId(blake3::hash(bytes).to_hex().to_string())
}

pub(super) fn hash_of_file(path: &Path) -> io::Result<ObjectId> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(ObjectId(hasher.finalize().to_hex().to_string()))
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

fn damaged(path: PathBuf) -> StoreError {
    StoreError { path, source: io::Error::new(ErrorKind::InvalidData, "its content is not what was stored") }
}

/// The outcome with the place that it is about.
pub(super) fn at<T>(path: &Path, outcome: io::Result<T>) -> Result<T, StoreError> {
    outcome.map_err(|source| StoreError { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> usize {
        list(folder).unwrap().iter().map(|path| if path.is_dir() { files(path) } else { 1 }).sum()
    }

    #[test]
    fn the_same_content_is_stored_once_and_no_change_of_the_file_reaches_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let file = folder.path().join("program");
        fs::write(&file, "one").unwrap();
        let mut batch = store.batch().unwrap();
        let id = batch.file(&file).unwrap();
        assert_eq!((batch.bytes(b"one").unwrap(), store.has(&id)), (id.clone(), false), "not before the commit");
        batch.commit().unwrap();
        fs::write(&file, "two").unwrap();
        assert_eq!((store.read(&id).unwrap(), files(folder.path())), (b"one".to_vec(), 2));
        store.restore(&id, &folder.path().join("again"), 0o755).unwrap();
        fs::write(folder.path().join("again"), "changed").unwrap();
        assert_eq!(store.read(&id).unwrap(), b"one");
        assert_eq!(fs::metadata(folder.path().join("again")).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn what_is_not_committed_is_gone_and_what_is_damaged_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.batch().unwrap().bytes(b"lost").unwrap();
        fs::write(folder.path().join("new/half"), "left by a crash").unwrap();
        assert_eq!(files(&Store::open(folder.path()).unwrap().fresh), 0);
        let mut batch = store.batch().unwrap();
        let (kept, other) = (batch.bytes(b"kept").unwrap(), batch.bytes(b"other").unwrap());
        batch.commit().unwrap();
        store.keep_only(&BTreeSet::from([kept.clone()])).unwrap();
        assert_eq!((store.has(&kept), store.has(&other)), (true, false));
        let path = store.path(&kept);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "bad").unwrap();
        let error = store.read(&kept).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: its content is not what was stored", path.display()));
        assert!(store.restore(&kept, &folder.path().join("out"), 0o644).is_err());
    }
}
