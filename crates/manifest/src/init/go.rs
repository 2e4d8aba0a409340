//! `go.mod`: the package in the folder itself, or those in `cmd`.

use std::path::Path;

use super::found::{Found, shell_word};
use crate::Folder;

pub(super) fn find(folder: &dyn Folder, base: &Path) -> Vec<Found> {
    let Some(text) = folder.text(&base.join("go.mod")) else { return Vec::new() };
    let module = text.lines().find_map(|line| line.trim().strip_prefix("module "));
    let name = module.and_then(|path| path.trim().trim_matches('"').rsplit('/').next()).unwrap_or("app");
    let mut found = Vec::new();
    if is_main(folder, base) {
        found.push(program(base, name, "."));
    }
    for command in folder.entries(&base.join("cmd")) {
        if is_main(folder, &base.join("cmd").join(&command)) {
            found.push(program(base, &command, &format!("./cmd/{command}")));
        }
    }
    found
}

fn is_main(folder: &dyn Folder, path: &Path) -> bool {
    let files = folder.entries(path);
    let main = |text: String| text.lines().any(|line| line.trim() == "package main");
    files.iter().filter(|file| file.ends_with(".go")).any(|file| folder.text(&path.join(file)).is_some_and(main))
}

fn program(base: &Path, name: &str, package: &str) -> Found {
    let binary = format!("bin/{name}");
    Found {
        name: name.into(),
        comment: format!("from {}", base.join("go.mod").display()),
        sources: base.into(),
        base: base.into(),
        build: Some(format!("go build -o {} {}", shell_word(&binary), shell_word(package))),
        run: shell_word(&format!("./{binary}")),
        artifact: vec![binary],
        cache: Vec::new(),
    }
}
