//! The `Cargo.toml` of every package takes lints and versions from the root.

use toml::{Table, Value};

use super::{File, Package, Violation};

const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Every package of the workspace has `lints.workspace = true`, and every dependency `workspace = true`.
pub fn check(packages: &[Package], files: &[File]) -> Vec<Violation> {
    packages.iter().flat_map(|package| check_package(package, files)).collect()
}

fn check_package(package: &Package, files: &[File]) -> Vec<Violation> {
    let path = format!("{}/Cargo.toml", package.folder);
    let file = files.iter().find(|file| file.path == path);
    let Some(manifest) = file.and_then(|file| file.text.parse::<Table>().ok()) else {
        return vec![violation(&path, "cannot be read".into(), "git does not list it, or it is no TOML")];
    };
    let mut violations = Vec::new();
    if !is_from_workspace(manifest.get("lints")) {
        let hint = "write `[lints]` and `workspace = true`";
        violations.push(violation(&path, "has lints of its own, or none".into(), hint));
    }
    for (name, _) in dependencies(&manifest).filter(|(_, value)| !is_from_workspace(Some(value))) {
        let hint = "name the version in `[workspace.dependencies]` of the root and write `workspace = true` here";
        violations.push(violation(&path, format!("has a version of its own of {name}"), hint));
    }
    violations
}

fn dependencies(manifest: &Table) -> impl Iterator<Item = (&String, &Value)> {
    let of = |table: &str| manifest.get(table).and_then(Value::as_table).into_iter().flatten().collect::<Vec<_>>();
    DEPENDENCIES.iter().flat_map(move |table| of(table)).collect::<Vec<_>>().into_iter()
}

fn is_from_workspace(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

fn violation(path: &str, what: String, hint: &str) -> Violation {
    let why = "one place decides on lints and versions, so that all crates agree";
    Violation { place: path.into(), what, why, hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{brief, file, package};

    #[test]
    fn lints_and_versions() {
        let lints = "[lints]\nworkspace = true\n";
        let packages = [package("model", &[])];
        let check = |text: &str| brief(&check(&packages, &[file("crates/model/Cargo.toml", text)]));
        let good =
            format!("{lints}[dependencies]\nserde.workspace = true\ntoml = {{ workspace = true, optional = true }}");
        assert_eq!(check(&good), [""; 0]);
        assert_eq!(check("[lints.rust]"), ["crates/model/Cargo.toml: has lints of its own, or none"]);
        assert_eq!(check("[package"), ["crates/model/Cargo.toml: cannot be read"]);
        let own = check(&format!("{lints}[dev-dependencies]\nserde = \"1\""));
        assert_eq!(own, ["crates/model/Cargo.toml: has a version of its own of serde"]);
    }
}
