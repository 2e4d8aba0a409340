//! What is kept: caches between builds, artifacts after one, and not more builds than needed.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use model::spec::Service;

use super::{copy, remove_if_there};

/// Puts a link to each shared cache folder into the build folder. Services with the same `dir` share a cache.
pub(super) fn link_caches(state: &Path, service: &Service, folder: &Path) -> io::Result<()> {
    for path in &service.cache {
        let name = format!("{:?} {path:?}", service.dir);
        let shared = state.join("cache").join(&blake3::hash(name.as_bytes()).to_hex()[..16]);
        fs::create_dir_all(&shared)?;
        let link = folder.join(path);
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent)?;
        }
        std::os::unix::fs::symlink(shared, link)?;
    }
    Ok(())
}

/// Leaves nothing of a build folder but the artifact, at the same paths.
pub(super) fn only_artifact(service: &Service, root: &Path, folder: &Path) -> io::Result<()> {
    let kept = root.with_extension("keep");
    remove_if_there(&kept)?;
    let inside = folder.strip_prefix(root).unwrap_or(Path::new(""));
    fs::create_dir_all(kept.join(inside))?;
    for path in &service.artifact {
        let made = folder.join(path);
        if !made.exists() {
            let cause = format!("the build did not make `{}`", path.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, cause));
        }
        copy::tree(&made, &kept.join(inside).join(path))?;
    }
    remove_if_there(root)?;
    fs::rename(kept, root)
}

/// Removes all builds of a service but those in use and the newest of the others.
pub(crate) fn prune(builds: &Path, in_use: &BTreeSet<String>, keep: usize) -> io::Result<()> {
    let mut others: Vec<(std::time::SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(builds)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && !in_use.contains(&*entry.file_name().to_string_lossy()) {
            others.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    others.sort();
    others.reverse();
    for (_, path) in others.into_iter().skip(keep) {
        super::discard(&path)?;
    }
    Ok(())
}
