//! The short folder for Unix sockets, whose paths end at 107 bytes (unix(7)).

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

/// Makes the folder, mode 0700, and links it as `run` in the state folder: `XDG/isles/ID`, else `/run/isles/ID`, else
/// `/tmp/isles-UID/ID`. The first that is possible is taken. `id` is short, and unique on the host.
///
/// # Errors
/// When none of them can be made, or the link cannot.
pub fn run_folder(state_folder: &Path, id: &str, xdg: Option<PathBuf>) -> io::Result<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let bases = [xdg.map(|xdg| xdg.join("isles")), Some("/run/isles".into()), Some(format!("/tmp/isles-{uid}").into())];
    let mut made = Err(io::ErrorKind::NotFound.into());
    for base in bases.into_iter().flatten() {
        made = make(&base, uid).and_then(|()| make(&base.join(id), uid)).map(|()| base.join(id));
        if made.is_ok() {
            break;
        }
    }
    let folder = made?;
    link(&folder, &state_folder.join("run"))?;
    Ok(folder)
}

/// A folder of somebody else's would let him take the place of a socket.
fn make(folder: &Path, uid: u32) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != uid {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the folder belongs to another user"));
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

fn link(folder: &Path, link: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|found| found == folder) {
        return Ok(());
    }
    let _ = fs::remove_file(link);
    symlink(folder, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_private_and_linked() {
        let (state, xdg) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for _ in 0..2 {
            let folder = run_folder(state.path(), "a1", Some(xdg.path().into())).unwrap();
            assert_eq!(folder, xdg.path().join("isles/a1"));
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
            assert_eq!(fs::read_link(state.path().join("run")).unwrap(), folder);
        }
    }

    #[test]
    fn without_xdg_there_is_another_place() {
        let state = tempfile::tempdir().unwrap();
        let id = format!("test-{}", std::process::id());
        let folder = run_folder(state.path(), &id, Some("/proc/no/such".into())).unwrap();
        assert!(folder.starts_with("/run/isles") || folder.starts_with("/tmp"), "{folder:?}");
        fs::remove_dir(folder).unwrap();
    }
}
