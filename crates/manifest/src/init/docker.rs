//! `Dockerfile`: its command, where it is written as a list (<https://docs.docker.com/reference/dockerfile/#cmd>).

use std::path::Path;

use super::found::{Found, shell_word};
use crate::Folder;

pub(super) fn find(folder: &dyn Folder, base: &Path) -> Vec<Found> {
    let Some(text) = folder.text(&base.join("Dockerfile")) else { return Vec::new() };
    let words: Vec<String> = ["ENTRYPOINT", "CMD"].iter().flat_map(|name| last(&text, name)).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let run: Vec<_> = words.iter().map(|word| shell_word(word)).collect();
    let path = base.join("Dockerfile");
    let comment = format!("the command of {}; containers are planned, so see that it runs here", path.display());
    vec![Found::in_folder(base, &comment, run.join(" "))]
}

/// The words of the last instruction of this name.
fn last(text: &str, name: &str) -> Vec<String> {
    let arguments = |line: &str| {
        let (first, rest) = line.trim().split_once(char::is_whitespace)?;
        first.eq_ignore_ascii_case(name).then(|| rest.trim().to_owned())
    };
    let last = text.lines().filter_map(arguments).next_back();
    let words: Option<Vec<String>> = last.and_then(|arguments| serde_json::from_str(&arguments).ok());
    words.unwrap_or_default().into_iter().filter(|word| !word.contains('\0')).collect()
}
