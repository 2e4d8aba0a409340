//! Programs of Isles, each kept in the state folder under a name that tells its content.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::state::State;

/// The program in force, as the link that the keeper moves.
const IN_FORCE: &str = "isles";
/// A name that no program has for long.
const NEW: &str = "new";

/// The path of this program.
pub(crate) fn this() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the path of this program cannot be read")
}

/// A path as the keeper passes it on.
pub(crate) fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("the path {} is not UTF-8", path.display()))
}

/// Copies a program into the state folder, whole and durable or not at all; what is there already is not copied again.
pub(crate) fn install(program: &Path, state: &State) -> io::Result<PathBuf> {
    let folder = state.programs();
    fs::create_dir_all(&folder)?;
    let mut hash = blake3::Hasher::new();
    hash.update_reader(File::open(program)?)?;
    let installed = folder.join(format!("isles-{}", &hash.finalize().to_hex()[..16]));
    if !installed.exists() {
        let new = folder.join(NEW);
        fs::copy(program, &new)?;
        fs::set_permissions(&new, Permissions::from_mode(0o755))?;
        File::open(&new)?.sync_all()?;
        fs::rename(&new, &installed)?;
        File::open(&folder)?.sync_all()?;
    }
    Ok(installed)
}

/// Makes it the one that the service manager starts; returns the link to it.
pub(crate) fn put_in_force(installed: &Path, state: &State) -> io::Result<PathBuf> {
    let (link, new) = (state.programs().join(IN_FORCE), state.programs().join(NEW));
    std::os::unix::fs::symlink(installed, &new)?;
    fs::rename(new, &link)?;
    Ok(link)
}

/// Removes every other program.
pub(crate) fn keep_only(kept: &[&Path], state: &State) {
    let entries = fs::read_dir(state.programs()).into_iter().flatten().flatten().map(|entry| entry.path());
    let others = entries.filter(|path| !path.is_symlink() && !kept.contains(&path.as_path()));
    others.for_each(|path| _ = fs::remove_file(path));
}
