//! ARCHITECTURE.md tells of every crate, and every invariant in it is guarded by a test that exists.

use super::{File, Package, Violation};

const PATH: &str = "ARCHITECTURE.md";
const INVARIANTS: &str = "| invariant | guarded by |";

/// Every crate is in the document, as `` `crates/NAME` `` or `` `NAME` ``.
pub fn check_crates(packages: &[Package], files: &[File]) -> Vec<Violation> {
    let text = text(files);
    let is_told =
        |package: &Package| [&package.folder, &package.name].iter().any(|name| text.contains(&format!("`{name}`")));
    let untold = packages.iter().filter(|package| package.is_crate() && !is_told(package));
    let tell = |package: &Package| {
        let why = "a stranger finds every part from the code map";
        violation(format!("does not tell of `{}`", package.folder), why, "add it to the code map: what it owns".into())
    };
    untold.map(tell).collect()
}

/// Every row of the table `| invariant | guarded by |` names tests as `` `path::name` ``, and each of them exists.
pub fn check_invariants(files: &[File]) -> Vec<Violation> {
    let rows: Vec<_> = rows(text(files)).collect();
    if rows.is_empty() {
        return vec![invariant(format!("has no table `{INVARIANTS}`"))];
    }
    rows.into_iter().flat_map(|(name, guards)| check_row(name, guards, files)).collect()
}

fn rows(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let table = text.lines().skip_while(|line| *line != INVARIANTS).skip(2).take_while(|line| line.starts_with('|'));
    table.map(|line| line.trim_matches('|').rsplit_once('|').unwrap_or((line, "")))
}

fn check_row(name: &str, guards: &str, files: &[File]) -> Vec<Violation> {
    let named: Vec<_> = guards.split('`').skip(1).step_by(2).collect();
    if named.is_empty() {
        return vec![invariant(format!("names no test for the invariant \"{}\"", name.trim()))];
    }
    let missing = named.iter().filter(|guard| !exists(guard, files));
    missing.map(|guard| invariant(format!("names the test `{guard}`, which does not exist"))).collect()
}

/// `path::name`: a function of a Rust file (modules may stand between), or a text in another file.
fn exists(guard: &str, files: &[File]) -> bool {
    let Some((path, name)) = guard.split_once("::") else { return false };
    let Some(file) = files.iter().find(|file| file.path == path) else { return false };
    let function = name.rsplit("::").next().unwrap_or(name);
    if path.ends_with(".rs") { file.text.contains(&format!("fn {function}(")) } else { file.text.contains(name) }
}

fn text(files: &[File]) -> &str {
    files.iter().find(|file| file.path == PATH).map(|file| file.text.as_str()).unwrap_or_default()
}

fn invariant(what: String) -> Violation {
    let why = "an invariant without a test that fails is a wish";
    violation(what, why, "name the test as `tests/tests/tidy.rs::layers`, or write it".into())
}

fn violation(what: String, why: &'static str, hint: String) -> Violation {
    Violation { place: PATH.into(), what, why, hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{brief, file, package};

    #[test]
    fn crates() {
        let packages = [package("model", &[]), package("mesh", &[]), package("cli", &[])];
        let document = file(PATH, "| `model` | nouns |\n`crates/mesh` proxies. The client is not the cli.");
        assert_eq!(brief(&check_crates(&packages, &[document])), ["ARCHITECTURE.md: does not tell of `crates/cli`"]);
    }

    #[test]
    fn invariants() {
        let check = |table: &str| {
            let document = format!("# Invariants\n\n{table}\n\n| other | table |\n|---|---|\n| a | b |\n");
            let guards = [file("tests/a.rs", "fn layers() {}"), file("clippy.toml", "path = \"tokio::spawn\"")];
            brief(&check_invariants(&[&[file(PATH, &document)][..], &guards].concat()))
        };
        let table = |guards: &str| format!("{INVARIANTS}\n|---|---|\n| Arrows point down | {guards} |");
        let missing = |guard: &str| vec![format!("ARCHITECTURE.md: names the test `{guard}`, which does not exist")];
        assert_eq!(
            check(&table("`tests/a.rs::layers`, `tests/a.rs::module::layers`, `clippy.toml::tokio::spawn`")),
            [""; 0]
        );
        assert_eq!(check(&table("`tests/a.rs::layer`")), missing("tests/a.rs::layer"));
        assert_eq!(check(&table("`tests/b.rs::layers`")), missing("tests/b.rs::layers"));
        assert_eq!(check(&table("`layers`")), missing("layers"));
        let none = "ARCHITECTURE.md: names no test for the invariant \"Arrows point down\"";
        assert_eq!(check(&table("reading")), [none]);
        assert_eq!(check(""), ["ARCHITECTURE.md: has no table `| invariant | guarded by |`"]);
    }
}
