//! `package.json`: what `npm start` starts.

use std::path::Path;

use serde_json::Value;

use super::found::{Found, shell_word};
use crate::{FileKind, Folder};

pub(super) fn find(folder: &dyn Folder, base: &Path) -> Vec<Found> {
    let text = folder.text(&base.join("package.json"));
    let Some(package) = text.and_then(|text| serde_json::from_str::<Value>(&text).ok()) else { return Vec::new() };
    let (tool, install) = tool(folder, base);
    let Some(run) = run(tool, &package) else { return Vec::new() };
    let mut build = install.to_owned();
    if package["scripts"]["build"].is_string() {
        build.push_str(&format!(" && {tool} run build"));
    }
    let comment = format!("from {}", base.join("package.json").display());
    let mut found = Found { build: Some(build), ..Found::in_folder(base, &comment, run) };
    if let Some(name) = package["name"].as_str().filter(|_| base.as_os_str().is_empty()) {
        found.name = name.rsplit('/').next().unwrap_or(name).into();
    }
    vec![found]
}

/// The package manager by its lock file, and how it installs what is locked.
fn tool(folder: &dyn Folder, base: &Path) -> (&'static str, &'static str) {
    let has = |name: &str| folder.kind(&base.join(name)) == FileKind::File;
    match () {
        () if has("pnpm-lock.yaml") => ("pnpm", "pnpm install --frozen-lockfile"),
        () if has("yarn.lock") => ("yarn", "yarn install --frozen-lockfile"),
        () if has("package-lock.json") => ("npm", "npm ci"),
        () => ("npm", "npm install"),
    }
}

fn run(tool: &str, package: &Value) -> Option<String> {
    if package["scripts"]["start"].is_string() {
        return Some(format!("{tool} start"));
    }
    Some(format!("node {}", shell_word(package["main"].as_str()?)))
}
