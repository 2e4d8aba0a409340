//! What the rules are about: the packages of the workspace and the files that git tracks or would track.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// A package of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder in the repository: `crates/model`.
    pub folder: String,
    /// What it depends on, ours and others.
    pub dependencies: Vec<Dependency>,
}

/// A dependency of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The name of the package depended upon.
    pub name: String,
    /// What for.
    pub kind: Kind,
}

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The code itself.
    Normal,
    /// The build script.
    Build,
    /// The tests.
    Dev,
}

/// A text file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path in the repository.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl Package {
    /// Whether it is part of the platform, and not a package of tests or chores.
    pub fn is_crate(&self) -> bool {
        self.folder.starts_with("crates/")
    }
}

/// The packages of the workspace, as `cargo metadata` tells.
///
/// # Panics
/// When cargo cannot tell.
pub fn packages() -> Vec<Package> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let metadata: Value = serde_json::from_slice(&output(env!("CARGO"), &arguments)).expect("cargo metadata is JSON");
    list(&metadata["packages"]).iter().map(package).collect()
}

/// The text files that git tracks or would track.
///
/// # Panics
/// When git cannot tell.
pub fn files() -> Vec<File> {
    let listed = output("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]);
    let listed = String::from_utf8(listed).expect("paths in this repository are UTF-8");
    let read = |path: &str| {
        let text = String::from_utf8(fs::read(root().join(path)).ok()?).ok()?;
        Some(File { path: path.into(), text })
    };
    listed.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect()
}

fn package(value: &Value) -> Package {
    let manifest = Path::new(text(&value["manifest_path"]));
    let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root()).ok());
    Package {
        name: text(&value["name"]).into(),
        folder: folder.expect("packages lie in the repository").display().to_string(),
        dependencies: list(&value["dependencies"]).iter().map(dependency).collect(),
    }
}

fn dependency(value: &Value) -> Dependency {
    let kind = match value["kind"].as_str() {
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    };
    Dependency { name: text(&value["name"]).into(), kind }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("cargo metadata has a text here")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("cargo metadata has a list here")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository's folder")
}

fn output(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    assert!(output.status.success(), "{program} failed: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
