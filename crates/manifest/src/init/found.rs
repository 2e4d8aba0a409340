//! A service as it was found.

use std::path::{Path, PathBuf};

/// What a folder's files say about a service.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// What it would be called; not necessarily a valid name.
    pub name: String,
    /// How it was found.
    pub comment: String,
    /// Where its sources are.
    pub sources: PathBuf,
    /// The folder to build and run in; the manifest's if empty.
    pub base: PathBuf,
    pub build: Option<String>,
    /// What is kept of the build, relative to `base`; everything if empty.
    pub artifact: Vec<String>,
    pub cache: Vec<String>,
    pub run: String,
}

impl Found {
    /// A service that is named after its folder.
    pub(super) fn in_folder(base: &Path, comment: &str, run: String) -> Self {
        let name = base.file_name().map(|name| name.to_string_lossy().into_owned());
        Self {
            name: name.unwrap_or_else(|| "app".into()),
            comment: comment.into(),
            sources: base.into(),
            base: base.into(),
            run,
            ..Self::default()
        }
    }
}

/// The text as one word of a shell command.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
