//! The picture of the shop in the README: what `isles graph --svg` draws of its manifest.

use std::fs;

use anyhow::{Context, anyhow};
use manifest::Disk;
use model::spec::System;

use crate::shell::root;

pub(crate) fn shop() -> anyhow::Result<String> {
    Ok(draw::svg(&read("examples/shop")?))
}

fn read(folder: &str) -> anyhow::Result<System> {
    let folder = root().join(folder);
    let path = folder.join(manifest::FILE_NAME);
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let parsed = manifest::parse(&text, &Disk::new(folder));
    let shown = manifest::render(&path.display().to_string(), &text, &parsed.diagnostics, false);
    parsed.system.filter(|_| shown.is_empty()).ok_or_else(|| anyhow!(shown))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manifests_of_the_examples_are_without_fault() {
        for folder in ["examples/shop", "examples/flask"] {
            super::read(folder).unwrap();
        }
    }
}
