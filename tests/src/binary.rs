//! The real binary.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

/// The binary `isles`, built from this checkout in the dev profile; once a test process.
///
/// # Panics
/// When it cannot be built.
pub fn isles() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build)
}

/// The repository's folder.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository's folder")
}

/// A folder under `target/` that outlives the tests, for what takes long to make.
///
/// # Panics
/// When it cannot be made.
pub fn kept(name: &str) -> PathBuf {
    let folder = isles().ancestors().nth(2).expect("the binary lies in target/debug").join("it").join(name);
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

fn build() -> PathBuf {
    let arguments = ["build", "--quiet", "--package", "isles", "--message-format", "json-render-diagnostics"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(repository()).output();
    let output = output.expect("cargo can be started, for it started the tests");
    assert!(output.status.success(), "isles cannot be built: {}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).expect("cargo's messages are JSON");
    let executable = |line: &str| -> Option<PathBuf> {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_ours = message["target"]["name"] == "isles" && message["target"]["kind"][0] == "bin";
        is_ours.then(|| message["executable"].as_str().map(PathBuf::from))?
    };
    messages.lines().find_map(executable).expect("cargo says where it put the binary")
}
