//! Each heavy dependency enters through one crate.

use super::{Kind, Package, Violation};

/// The crates that may use a dependency, and what the others use instead. Packages outside `crates/` are free.
const OWNERS: &[(&str, &[&str], &str)] = &[
    ("annotate-snippets", &["manifest"], "manifest::render"),
    ("async-nats", &["streams"], "ports::streams"),
    ("axum", &["control"], "the API of control"),
    ("clap", &["cli"], "the `Command` value of cli"),
    ("clap_complete", &["cli"], "the `Command` value of cli"),
    ("h2", &["mesh"], "the mesh"),
    ("hyper", &["client", "control"], "the typed calls of client, or the codec of wire"),
    ("libc", &["keeper", "runtime"], "rustix, or ports::workloads"),
    ("rcgen", &["mesh"], "mesh::TlsConfig"),
    ("rustls", &["mesh"], "mesh::TlsConfig"),
    ("schemars", &["model"], "the types of model, with its feature `schema`"),
    ("strsim", &["manifest"], "the diagnostics of manifest"),
    ("tokio-rustls", &["mesh", "streams"], "mesh::TlsConfig"),
    ("toml", &["manifest"], "manifest::parse"),
];

/// Every normal dependency of the table is used by its owners only.
pub fn check(packages: &[Package]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in packages.iter().filter(|package| package.is_crate()) {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind != Kind::Dev) {
            let entry = OWNERS.iter().find(|(name, _, _)| *name == dependency.name);
            let foreign = entry.filter(|(_, owners, _)| !owners.contains(&package.name.as_str()));
            violations.extend(foreign.map(|(name, owners, instead)| violation(package, name, owners, instead)));
        }
    }
    violations
}

fn violation(package: &Package, name: &str, owners: &[&str], instead: &str) -> Violation {
    Violation {
        place: package.folder.clone(),
        what: format!("depends on {name}, which enters through {} only", owners.join(" and ")),
        why: "what one crate hides can be replaced in one crate",
        hint: format!("use {instead}; if the owner is to change, change OWNERS in tests/src/tidy/heavy.rs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{brief, package};

    #[test]
    fn owners() {
        let mut isles = package("isles", &["toml"]);
        let packages = [package("manifest", &["toml"]), isles.clone()];
        assert_eq!(brief(&check(&packages)), ["crates/isles: depends on toml, which enters through manifest only"]);
        isles.dependencies[0].kind = Kind::Dev;
        assert_eq!(check(&[isles]), []);
    }
}
