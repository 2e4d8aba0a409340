//! Suggests a manifest for a folder, from the files that tell how its programs are built and run.

mod cargo;
mod docker;
mod found;
mod go;
mod npm;
mod python;
mod write;

use std::path::{Path, PathBuf};

use crate::{FileKind, Folder};
use found::Found;

/// Folders that hold no sources of one's own.
const SKIPPED: [&str; 7] = ["build", "dist", "node_modules", "target", "vendor", "venv", "tests"];
const SUBFOLDERS_MAX: usize = 100;

/// A small commented manifest for what was found in the folder and one level below it: Cargo packages and workspaces,
/// `package.json`, `requirements.txt`, `go.mod` and `Dockerfile`.
///
/// It has no errors in the sense of [`crate::parse`], though a guess may be wrong. If nothing was found, it is an
/// example that runs.
pub fn suggest(folder: &dyn Folder) -> String {
    let mut services = find(folder, Path::new(""));
    for base in subfolders(folder) {
        // A workspace at the top has already named its members.
        let known = services.iter().any(|service| service.sources.starts_with(&base));
        if !known {
            services.extend(find(folder, &base));
        }
    }
    write::manifest(folder.name().as_deref().unwrap_or_default(), services)
}

fn subfolders(folder: &dyn Folder) -> Vec<PathBuf> {
    let wanted = |name: &String| !name.starts_with('.') && !SKIPPED.contains(&name.as_str());
    let names = folder.entries(Path::new("")).into_iter().filter(wanted);
    let folders = names.map(PathBuf::from).filter(|path| folder.kind(path) == FileKind::Folder);
    folders.take(SUBFOLDERS_MAX).collect()
}

/// The services of one folder, by the first way that knows it.
fn find(folder: &dyn Folder, base: &Path) -> Vec<Found> {
    let ways = [cargo::find, npm::find, python::find, go::find, docker::find];
    ways.iter().map(|way| way(folder, base)).find(|found| !found.is_empty()).unwrap_or_default()
}
