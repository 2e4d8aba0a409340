//! A folder on disk: the only file access of this crate.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use crate::{FileKind, Folder};

const TEXT_BYTES_MAX: u64 = 1 << 20;

/// A folder on disk.
#[derive(Debug, Clone)]
pub struct Disk(PathBuf);

impl Disk {
    /// The folder at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Folder for Disk {
    fn kind(&self, path: &Path) -> FileKind {
        match fs::metadata(self.0.join(path)) {
            Ok(data) if data.is_dir() => FileKind::Folder,
            Ok(_) => FileKind::File,
            Err(_) => FileKind::Missing,
        }
    }

    fn name(&self) -> Option<String> {
        let path = self.0.canonicalize().ok()?;
        Some(path.file_name()?.to_string_lossy().into_owned())
    }

    fn entries(&self, path: &Path) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.0.join(path)) else { return Vec::new() };
        let mut names: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    fn text(&self, path: &Path) -> Option<String> {
        let path = self.0.join(path);
        fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let mut text = String::new();
        File::open(path).ok()?.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text).ok()?;
        (text.len() as u64 <= TEXT_BYTES_MAX).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("users")).unwrap();
        fs::write(folder.path().join("users/app.py"), "print()").unwrap();
        fs::write(folder.path().join("huge"), "a".repeat((1 << 20) + 1)).unwrap();
        let disk = Disk::new(folder.path());

        assert_eq!(disk.entries(Path::new("")), ["huge", "users"]);
        assert_eq!(disk.entries(Path::new("nowhere")), [""; 0]);
        let kinds = ["", "users", "users/app.py", "nowhere"].map(|path| disk.kind(Path::new(path)));
        assert_eq!(kinds, [FileKind::Folder, FileKind::Folder, FileKind::File, FileKind::Missing]);
        let texts = ["users/app.py", "users", "huge", "nowhere"].map(|path| disk.text(Path::new(path)));
        assert_eq!(texts, [Some("print()".into()), None, None, None]);
        assert_eq!(disk.name(), Some(folder.path().file_name().unwrap().to_str().unwrap().into()));
    }
}
