//! What this crate sees of the file system.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file, or something else that is no folder.
    File,
    /// A folder.
    Folder,
    /// Nothing, or nothing that may be looked at.
    Missing,
}

/// The folder of a manifest. Every path is relative to it; an empty one is the folder itself.
pub trait Folder {
    /// What `path` leads to, symbolic links followed.
    fn kind(&self, path: &Path) -> FileKind;

    /// The folder's own name, if it has one.
    fn name(&self) -> Option<String>;

    /// The names of what is in the folder at `path`, in order; empty if it cannot be read.
    fn entries(&self, path: &Path) -> Vec<String>;

    /// The text of the file at `path`, if it is UTF-8 of at most 1 MiB.
    fn text(&self, path: &Path) -> Option<String>;
}

/// A folder that exists in memory only, for tests and for checking a manifest apart from its sources.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    name: Option<String>,
    files: BTreeMap<PathBuf, String>,
    folders: BTreeSet<PathBuf>,
}

impl Memory {
    /// A folder of this name with these files: path and text. A path that ends with `/` is an empty folder.
    pub fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let mut memory = Self { name: Some(name.into()), ..Self::default() };
        for (path, text) in files {
            memory.add(path, text);
        }
        memory
    }

    fn add(&mut self, path: &str, text: &str) {
        if path.ends_with('/') {
            self.folders.insert(PathBuf::from(path));
        } else {
            self.files.insert(path.into(), text.into());
        }
        self.folders.extend(Path::new(path).ancestors().skip(1).map(Path::to_owned));
    }
}

impl Folder for Memory {
    fn kind(&self, path: &Path) -> FileKind {
        let path: PathBuf = path.components().filter(|part| part.as_os_str() != ".").collect();
        match () {
            () if self.files.contains_key(&path) => FileKind::File,
            () if self.folders.contains(&path) || path.as_os_str().is_empty() => FileKind::Folder,
            () => FileKind::Missing,
        }
    }

    fn name(&self) -> Option<String> {
        self.name.clone()
    }

    fn entries(&self, path: &Path) -> Vec<String> {
        let inside =
            |entry: &PathBuf| (entry.parent() == Some(path)).then(|| entry.file_name()).flatten().map(Into::into);
        let names: BTreeSet<std::ffi::OsString> = self.files.keys().chain(&self.folders).filter_map(inside).collect();
        names.iter().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    fn text(&self, path: &Path) -> Option<String> {
        self.files.get(path).cloned()
    }
}
