//! Cargo packages and workspaces: a service for each binary.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::found::{Found, shell_word};
use crate::{FileKind, Folder};

pub(super) fn find(folder: &dyn Folder, base: &Path) -> Vec<Found> {
    let Some(root) = read(folder, base) else { return Vec::new() };
    let mut packages = vec![base.to_path_buf()];
    packages.extend(members(folder, base, &root));
    let alone = packages.len() == 1;
    packages.iter().flat_map(|package| binaries(folder, base, package, alone)).collect()
}

fn read(folder: &dyn Folder, package: &Path) -> Option<Table> {
    folder.text(&package.join("Cargo.toml"))?.parse().ok()
}

/// The folders of a workspace's members; a `*` stands for a whole name at the end of a path.
fn members(folder: &dyn Folder, base: &Path, root: &Table) -> Vec<PathBuf> {
    let list = |key: &str| -> Vec<&str> {
        let list = root.get("workspace").and_then(|workspace| workspace.get(key)?.as_array());
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let excluded = list("exclude");
    let mut found = Vec::new();
    for member in list("members") {
        match member.strip_suffix("/*") {
            Some(parent) => {
                let names = folder.entries(&base.join(parent));
                found.extend(names.iter().map(|name| format!("{parent}/{name}")));
            }
            None => found.push(member.to_owned()),
        }
    }
    found.retain(|member| !excluded.contains(&member.as_str()) && !member.contains(".."));
    found.iter().map(|member| base.join(member)).collect()
}

fn binaries(folder: &dyn Folder, base: &Path, path: &Path, alone: bool) -> Vec<Found> {
    let Some(table) = read(folder, path) else { return Vec::new() };
    let Some(package) = table.get("package").and_then(|package| package.get("name")?.as_str()) else {
        return Vec::new();
    };
    let build = if alone {
        "cargo build --release".into()
    } else {
        format!("cargo build --release -p {}", shell_word(package))
    };
    let names = binary_names(folder, path, package, &table);
    let found = names.into_iter().filter(|name| name != "xtask").map(|name| Found {
        comment: format!("from {}", path.join("Cargo.toml").display()),
        sources: path.into(),
        base: base.into(),
        build: Some(build.clone()),
        artifact: vec![format!("target/release/{name}")],
        cache: vec!["target".into()],
        run: shell_word(&format!("./target/release/{name}")),
        name,
    });
    found.collect()
}

fn binary_names(folder: &dyn Folder, path: &Path, package: &str, table: &Table) -> Vec<String> {
    let declared = table.get("bin").and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<String> = declared.filter_map(|bin| Some(bin.get("name")?.as_str()?.to_owned())).collect();
    if names.is_empty() && folder.kind(&path.join("src/main.rs")) == FileKind::File {
        names.push(package.into());
    }
    let more = folder.entries(&path.join("src/bin"));
    for name in more.iter().filter_map(|file| file.strip_suffix(".rs")) {
        if !names.iter().any(|known| known == name) {
            names.push(name.into());
        }
    }
    names
}
