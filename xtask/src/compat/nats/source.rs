//! The published crate, copied to where its tests can be built.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{
    compat::SCRATCH,
    shell::{root, run},
};

/// Copies the crate from the registry, once a version; returns its folder.
///
/// # Errors
/// When the registry does not give it, or it brings no tests.
pub(crate) fn prepare(version: &str) -> anyhow::Result<PathBuf> {
    let copy = root().join(SCRATCH).join(format!("async-nats-{version}"));
    if copy.join("Cargo.toml").exists() {
        return Ok(copy);
    }
    let published = published(version)?;
    ensure!(published.join("tests").is_dir(), "async-nats {version} brings no tests");
    let half = copy.with_extension("half");
    if half.exists() {
        fs::remove_dir_all(&half)?;
    }
    run("", "cp", &["-r", "--no-preserve=mode", &published.display().to_string(), &half.display().to_string()])?;
    let mut manifest = OpenOptions::new().append(true).open(half.join("Cargo.toml"))?;
    manifest.write_all(addition(&root()).as_bytes())?;
    fs::rename(&half, &copy)?;
    Ok(copy)
}

/// What the published manifest lacks: the helper crate, a dependency of tests that has no version, and so was left out.
fn addition(root: &Path) -> String {
    let helper = root.join("tests/compat/nats-server");
    format!("\n[dev-dependencies.nats-server]\npath = \"{}\"\n\n[workspace]\n", helper.display())
}

/// Where cargo keeps the crate, after fetching it for an empty crate that depends on it.
fn published(version: &str) -> anyhow::Result<PathBuf> {
    let folder = root().join(SCRATCH).join("fetch");
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let package = "[package]\nname = \"fetch\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n";
    fs::write(folder.join("Cargo.toml"), format!("{package}async-nats = \"={version}\"\n"))?;
    let output = Command::new("cargo").args(["metadata", "--format-version", "1"]).current_dir(&folder).output()?;
    ensure!(output.status.success(), "async-nats {version}: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo names no packages")?;
    let package = packages.iter().find(|package| package["name"] == "async-nats").context("async-nats is missing")?;
    let manifest = package["manifest_path"].as_str().context("cargo names no manifest")?;
    Ok(Path::new(manifest).parent().context("a manifest lies in a folder")?.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_helper_is_ours() {
        let expected = "\n[dev-dependencies.nats-server]\npath = \"/r/tests/compat/nats-server\"\n\n[workspace]\n";
        assert_eq!(super::addition(Path::new("/r")), expected);
    }
}
