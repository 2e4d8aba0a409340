//! Copying files; the kernel shares their blocks where the file system can.

use std::{collections::BTreeSet, fs, io, os::unix::fs::symlink, path::Path};

use std::path::PathBuf;

/// Copies files and symbolic links, given relative to `from`, to the same places under `to`.
pub(super) fn files(from: &Path, to: &Path, files: &BTreeSet<PathBuf>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for path in files {
        one(&from.join(path), &to.join(path))?;
    }
    Ok(())
}

/// Copies a file, a link or a folder with all that is in it. Links are kept as links, but `from` itself is followed.
pub(super) fn tree(from: &Path, to: &Path) -> io::Result<()> {
    if !fs::metadata(from)?.is_dir() {
        return one(&fs::canonicalize(from)?, to);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() { tree(&from, &to)? } else { one(&from, &to)? }
    }
    Ok(())
}

fn one(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    if from.symlink_metadata()?.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    fs::copy(from, to).map(drop)
}
