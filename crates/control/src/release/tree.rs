//! A folder as it is stored: where its files lie, and what is in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::store::{Batch, ObjectId, Store, StoreError, at, hash_of_file};

/// How many files that differ are named.
const NAMED_MAX: usize = 5;

/// What is in a folder, by path within it; folders come before what is in them.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tree(pub(super) Vec<(PathBuf, Entry)>);

/// One thing in a folder.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Entry {
    /// A folder.
    Folder { mode: u32 },
    /// A file.
    File { mode: u32, content: ObjectId },
    /// A symbolic link, and what it says.
    Link { to: PathBuf },
}

impl Tree {
    /// Takes in all that lies in a folder; sockets and the like are passed over.
    pub(super) fn store(root: &Path, batch: &mut Batch) -> Result<ObjectId, StoreError> {
        let mut tree = Self(Vec::new());
        tree.add(root, Path::new(""), batch)?;
        let bytes = serde_json::to_vec(&tree).map_err(|error| io::Error::new(ErrorKind::InvalidData, error));
        batch.bytes(&at(root, bytes)?)
    }

    pub(super) fn read(store: &Store, id: &ObjectId) -> Result<Self, StoreError> {
        let bytes = store.read(id)?;
        at(Path::new(&id.0), serde_json::from_slice(&bytes).map_err(io::Error::other))
    }

    /// Makes the folder anew.
    pub(super) fn restore(&self, store: &Store, root: &Path) -> Result<(), StoreError> {
        at(root, crate::build::remove_if_there(root))?;
        at(root, fs::create_dir_all(root))?;
        for (path, entry) in &self.0 {
            entry.make(store, &root.join(path))?;
        }
        self.set_modes(root)
    }

    /// Makes again what is not as it was stored; what lies beside it stays, as instances may run there.
    pub(super) fn mend(&self, store: &Store, root: &Path) -> Result<(), StoreError> {
        let mut is_mended = false;
        for (path, entry) in &self.0 {
            let path = root.join(path);
            if !at(&path, entry.is_at(&path))? {
                at(&path, remove(&path))?;
                entry.make(store, &path)?;
                is_mended = true;
            }
        }
        if is_mended { self.set_modes(root) } else { Ok(()) }
    }

    /// What differs from another one, the first paths by name: `artifact/PATH`.
    pub(super) fn differs(&self, other: &Self) -> Vec<String> {
        let [one, another] = [self, other].map(|tree| tree.0.iter().map(|(path, entry)| (path, entry)).collect());
        let (one, another): (BTreeMap<_, _>, BTreeMap<_, _>) = (one, another);
        let all: BTreeSet<_> = one.keys().chain(another.keys()).collect();
        let mut paths: Vec<_> = all.into_iter().filter(|path| one.get(*path) != another.get(*path)).collect();
        let more = paths.len().saturating_sub(NAMED_MAX);
        paths.truncate(NAMED_MAX);
        let named = paths.into_iter().map(|path| format!("artifact/{}", path.display()));
        named.chain((more > 0).then(|| format!("artifact ({more} more)"))).collect()
    }

    fn set_modes(&self, root: &Path) -> Result<(), StoreError> {
        // Last, and what lies deepest first: a folder may be one that nobody can write to.
        for (path, entry) in self.0.iter().rev() {
            if let Entry::Folder { mode } = entry {
                let path = root.join(path);
                at(&path, fs::set_permissions(&path, fs::Permissions::from_mode(*mode)))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, root: &Path, inside: &Path, batch: &mut Batch) -> Result<(), StoreError> {
        let folder = root.join(inside);
        let listed = fs::read_dir(&folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
        let mut names: Vec<_> = at(&folder, listed)?.into_iter().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            let inside = inside.join(name);
            let path = root.join(&inside);
            let metadata = at(&path, path.symlink_metadata())?;
            let mode = metadata.permissions().mode() & 0o7777;
            if metadata.is_symlink() {
                self.0.push((inside, Entry::Link { to: at(&path, fs::read_link(&path))? }));
            } else if metadata.is_dir() {
                self.0.push((inside.clone(), Entry::Folder { mode }));
                self.add(root, &inside, batch)?;
            } else if metadata.is_file() {
                self.0.push((inside, Entry::File { mode, content: batch.file(&path)? }));
            }
        }
        Ok(())
    }
}

impl Entry {
    /// A folder gets its mode later.
    fn make(&self, store: &Store, path: &Path) -> Result<(), StoreError> {
        match self {
            Self::Folder { .. } => at(path, fs::create_dir(path)),
            Self::File { mode, content } => store.restore(content, path, *mode),
            Self::Link { to } => at(path, symlink(to, path)),
        }
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let metadata = match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            metadata => metadata?,
        };
        Ok(match self {
            Self::Folder { .. } => metadata.is_dir(),
            Self::File { mode, content } => {
                let is_alike = metadata.is_file() && metadata.permissions().mode() & 0o7777 == *mode;
                is_alike && hash_of_file(path)? == *content
            }
            Self::Link { to } => metadata.is_symlink() && fs::read_link(path)? == *to,
        })
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (root, again) = (folder.path().join("root"), folder.path().join("deep/again"));
        fs::create_dir_all(root.join("bin/empty")).unwrap();
        fs::write(root.join("bin/run"), "program").unwrap();
        fs::write(root.join("data"), "program").unwrap();
        fs::set_permissions(root.join("bin/run"), fs::Permissions::from_mode(0o751)).unwrap();
        symlink("bin/run", root.join("link")).unwrap();
        symlink("/nowhere", root.join("dangling")).unwrap();
        fs::set_permissions(root.join("bin"), fs::Permissions::from_mode(0o555)).unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let mut batch = store.batch().unwrap();
        let id = Tree::store(&root, &mut batch).unwrap();
        batch.commit().unwrap();
        fs::create_dir_all(&again).unwrap();
        fs::write(again.join("old"), "goes").unwrap();
        Tree::read(&store, &id).unwrap().restore(&store, &again).unwrap();
        let mut batch = store.batch().unwrap();
        assert_eq!(Tree::store(&again, &mut batch).unwrap(), id, "the same content has the same name");
        assert_eq!(fs::read_to_string(again.join("link")).unwrap(), "program");
        fs::set_permissions(again.join("bin"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(Tree::store(&again, &mut batch).unwrap(), id, "a mode counts");
    }

    #[test]
    fn the_first_paths_that_differ_are_named() {
        let tree = |files: &[(&str, &str)]| {
            let file = |text: &str| Entry::File { mode: 0o644, content: ObjectId(text.into()) };
            Tree(files.iter().map(|(path, text)| (path.into(), file(text))).collect())
        };
        let old = tree(&[("a", "1"), ("b", "1"), ("c", "1")]);
        assert_eq!(
            old.differs(&tree(&[("a", "1"), ("b", "2"), ("d", "1")])),
            ["artifact/b", "artifact/c", "artifact/d"]
        );
        let many: Vec<_> = ["e", "f", "g", "h", "i", "j"].map(|name| (name, "1")).into();
        let named = old.differs(&tree(&many));
        assert_eq!((named.len(), named[5].as_str()), (6, "artifact (4 more)"));
    }

    #[test]
    fn what_was_changed_is_made_again_and_what_lies_beside_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        for name in ["bin/run", "cut", "gone", "mode", "folder", "same"] {
            fs::write(root.join(name), format!("content of {name}")).unwrap();
        }
        symlink("cut", root.join("link")).unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let mut batch = store.batch().unwrap();
        let id = Tree::store(&root, &mut batch).unwrap();
        batch.commit().unwrap();

        fs::remove_dir_all(root.join("bin")).unwrap();
        fs::write(root.join("cut"), "").unwrap();
        fs::remove_file(root.join("gone")).unwrap();
        fs::set_permissions(root.join("mode"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::remove_file(root.join("folder")).unwrap();
        fs::create_dir(root.join("folder")).unwrap();
        fs::remove_file(root.join("link")).unwrap();
        fs::write(root.join("beside"), "an instance's").unwrap();
        let untouched = fs::metadata(root.join("same")).unwrap().modified().unwrap();
        Tree::read(&store, &id).unwrap().mend(&store, &root).unwrap();

        assert_eq!(fs::metadata(root.join("same")).unwrap().modified().unwrap(), untouched);
        assert_eq!(fs::read_to_string(root.join("beside")).unwrap(), "an instance's");
        fs::remove_file(root.join("beside")).unwrap();
        assert_eq!(Tree::store(&root, &mut store.batch().unwrap()).unwrap(), id);
    }
}
