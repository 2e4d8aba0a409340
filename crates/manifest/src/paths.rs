//! Paths of the manifest: all of them stay inside its folder.

use std::path::{Component, Path, PathBuf};

use crate::{FileKind, read::Cx, table::At};

const STATE_FOLDER: &str = ".isles";

/// The path in its shortest form, if it stays inside the manifest's folder and out of the state folder.
pub(crate) fn inside(cx: &mut Cx, text: &At<&str>, key: &str) -> Option<PathBuf> {
    let path: PathBuf = Path::new(text.value).components().filter(|part| *part != Component::CurDir).collect();
    let escapes = |part| !matches!(part, Component::Normal(_));
    let (message, hint) = match () {
        () if text.value.is_empty() => (format!("`{key}` is empty"), "name a path, or leave the key out"),
        () if path.is_absolute() => {
            (format!("`{key}` is an absolute path"), "write it relative to the manifest's folder")
        }
        () if path.components().any(escapes) => {
            (format!("`{key}` leaves the manifest's folder"), "write a path inside the manifest's folder, without `..`")
        }
        () if path.starts_with(STATE_FOLDER) => {
            (format!("`{key}` is inside `{STATE_FOLDER}`"), "that folder belongs to Isles: choose another one")
        }
        () if path.as_os_str().is_empty() => return Some(".".into()),
        () => return Some(path),
    };
    cx.report.error(&text.span, message).hint(hint);
    None
}

/// The same for a path that must exist.
pub(crate) fn existing(cx: &mut Cx, text: &At<&str>, key: &str, kind: FileKind) -> Option<PathBuf> {
    let path = inside(cx, text, key)?;
    let wanted = if kind == FileKind::Folder { "folder" } else { "file" };
    let found = cx.folder.kind(&path);
    if found == FileKind::Missing {
        let finding = cx.report.error(&text.span, format!("there is no {wanted} `{}`", path.display()));
        finding.hint("create it, or correct the path: it is relative to the manifest's folder");
    } else if found != kind {
        let finding = cx.report.error(&text.span, format!("`{}` is not a {wanted}", path.display()));
        finding.hint(format!("`{key}` must name a {wanted}"));
    }
    Some(path)
}

/// A glob that stays inside the manifest's folder.
pub(crate) fn glob(cx: &mut Cx, text: &At<&str>, key: &str) -> Option<String> {
    inside(cx, text, key)?;
    match globset::Glob::new(text.value) {
        Ok(_) => Some(text.value.into()),
        Err(error) => {
            let finding = cx.report.error(&text.span, format!("`{}` is not a glob: {}", text.value, error.kind()));
            finding.hint("write a path with `*`, `**`, `?`, `[…]` or `{a,b}`, such as \"proto/**/*.proto\"");
            None
        }
    }
}
