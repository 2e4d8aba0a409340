//! The manifest that a command is about, and the state folder beside it.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use manifest::{Disk, FILE_NAME, Parsed};
use model::spec::System;

use crate::report::UserError;

const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// A manifest and its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The manifest: an absolute path.
    pub manifest: PathBuf,
    /// The folder that it lies in: an absolute path.
    pub folder: PathBuf,
    /// How the user named it; `None` if it was found upward from the current folder.
    named: Option<PathBuf>,
}

impl Project {
    /// The project at `path` (a manifest or its folder), or else the nearest one upward from `current_dir`.
    ///
    /// # Errors
    /// When there is no manifest.
    pub fn find(current_dir: &Path, path: Option<&Path>) -> Result<Self, UserError> {
        match path {
            Some(path) => Self::at(current_dir, path),
            None => Self::nearest(current_dir),
        }
    }

    fn at(current_dir: &Path, path: &Path) -> Result<Self, UserError> {
        let absolute = current_dir.join(path);
        let manifest = if absolute.is_dir() { absolute.join(FILE_NAME) } else { absolute };
        let manifest = manifest.canonicalize().map_err(|error| unreadable(&manifest, &error))?;
        let own = Self::nearest(current_dir).is_ok_and(|nearest| nearest.manifest == manifest);
        Ok(Self { folder: parent(&manifest), manifest, named: (!own).then(|| path.into()) })
    }

    fn nearest(current_dir: &Path) -> Result<Self, UserError> {
        let found = current_dir.ancestors().map(|folder| folder.join(FILE_NAME)).find(|path| path.is_file());
        let found = found.and_then(|path| path.canonicalize().ok());
        let manifest = found.ok_or_else(|| {
            let cause = format!("there is no {FILE_NAME} in {} or above", current_dir.display());
            UserError::usage(cause, "name the manifest with --file, or write one with `isles init`")
        })?;
        Ok(Self { folder: parent(&manifest), manifest, named: None })
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.join(".isles")
    }

    /// The socket of the control API; the path may be too long for a socket address.
    pub fn socket(&self) -> PathBuf {
        self.state().join("api.sock")
    }

    /// A command line that is about this project when it is given in the current folder, such as `isles ps`.
    pub fn command(&self, verb: &str) -> String {
        match &self.named {
            None => format!("isles {verb}"),
            Some(path) => format!("isles -f {} {verb}", quote(&path.to_string_lossy())),
        }
    }

    /// The manifest's text.
    ///
    /// # Errors
    /// When it cannot be read, is no UTF-8 or is larger than 1 MiB.
    pub fn text(&self) -> Result<String, UserError> {
        let mut bytes = Vec::new();
        let file =
            File::open(&self.manifest).and_then(|file| file.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes));
        file.map_err(|error| unreadable(&self.manifest, &error))?;
        if bytes.len() as u64 > MANIFEST_BYTES_MAX {
            let cause = format!("{} is larger than 1 MiB", self.manifest.display());
            return Err(UserError::usage(cause, "is it the right file?"));
        }
        String::from_utf8(bytes).map_err(|error| {
            let cause =
                format!("{} is not UTF-8 at byte {}", self.manifest.display(), error.utf8_error().valid_up_to());
            UserError::usage(cause, "save it as UTF-8")
        })
    }

    /// What the text means.
    pub fn parse(&self, text: &str) -> Parsed {
        manifest::parse(text, &Disk::new(&self.folder))
    }

    /// What the manifest asks for.
    ///
    /// # Errors
    /// When it cannot be read or has errors; they are in the error's details.
    pub fn system(&self, color: bool) -> Result<System, UserError> {
        let text = self.text()?;
        let Parsed { system, diagnostics } = self.parse(&text);
        system.ok_or_else(|| UserError {
            details: manifest::render(&self.shown(), &text, &diagnostics, color),
            ..UserError::usage(format!("{} has errors", self.shown()), "correct what is shown above")
        })
    }

    /// The manifest's path as it is shown: short where the project was found from the current folder.
    pub(crate) fn shown(&self) -> String {
        let name = self.manifest.file_name().unwrap_or_default();
        match &self.named {
            Some(named) if named.ends_with(name) => named.display().to_string(),
            Some(named) => named.join(name).display().to_string(),
            None => Path::new(name).display().to_string(),
        }
    }

    /// The system as it is spoken of: "the system `shop`", by its folder where the manifest cannot be read.
    pub(crate) fn title(&self) -> String {
        match self.text().ok().and_then(|text| self.parse(&text).system) {
            Some(system) => format!("the system `{}`", system.name),
            None => format!("the system in {}", self.folder.display()),
        }
    }
}

fn parent(manifest: &Path) -> PathBuf {
    manifest.parent().unwrap_or(Path::new("/")).into()
}

fn unreadable(path: &Path, error: &io::Error) -> UserError {
    UserError::usage(
        format!("{} cannot be read: {error}", path.display()),
        "check the path, or write one with `isles init`",
    )
}

/// The text as one word of a POSIX shell.
pub(crate) fn quote(text: &str) -> String {
    let simple = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:=@,+".contains(&byte);
    if !text.is_empty() && text.bytes().all(simple) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(manifests: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in manifests {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "[system]\nname = \"shop\"\n").unwrap();
        }
        root
    }

    #[test]
    fn finds_what_is_meant() {
        let root = folders(&["isles.toml", "a/b/src/x", "other/isles.toml", "other/my prod.toml"]);
        for (current, path, manifest, command, shown) in [
            ("", None, "isles.toml", "isles ps", "isles.toml"),
            ("a/b", None, "isles.toml", "isles ps", "isles.toml"),
            ("", Some("."), "isles.toml", "isles ps", "isles.toml"),
            ("other", None, "other/isles.toml", "isles ps", "isles.toml"),
            ("", Some("other"), "other/isles.toml", "isles -f other ps", "other/isles.toml"),
            ("a", Some("../other"), "other/isles.toml", "isles -f ../other ps", "../other/isles.toml"),
            (
                "",
                Some("other/my prod.toml"),
                "other/my prod.toml",
                "isles -f 'other/my prod.toml' ps",
                "other/my prod.toml",
            ),
        ] {
            let found = Project::find(&root.path().join(current), path.map(Path::new)).unwrap();
            assert_eq!(found.manifest, root.path().canonicalize().unwrap().join(manifest));
            assert_eq!(found.socket(), found.manifest.parent().unwrap().join(".isles/api.sock"));
            assert_eq!((found.command("ps").as_str(), found.shown().as_str()), (command, shown));
        }
    }

    #[test]
    fn finds_nothing() {
        let root = folders(&["a/b/src/x", "bad/isles.toml"]);
        for path in [None, Some("a"), Some("nowhere")] {
            let error = Project::find(root.path(), path.map(Path::new)).unwrap_err();
            assert_eq!(error.code, crate::exit::ExitCode::Usage, "{error}");
        }
        let bad = root.path().join("bad/isles.toml");
        for (bytes, cause) in [(vec![b'a', 0xFF], "is not UTF-8 at byte 1"), (vec![b' '; 1 << 21], "larger than 1 MiB")]
        {
            std::fs::write(&bad, bytes).unwrap();
            let error = Project::find(root.path(), Some(Path::new("bad"))).unwrap().text().unwrap_err();
            assert!(error.cause.contains(cause), "{error}");
        }
    }
}
