//! Dependencies between our crates point down only, and the lowest layer cannot do I/O by accident.

use super::{Dependency, Kind, Package, Violation};

const EVERYTHING: &[&str] = &["*"];

/// Which of our crates each crate may use, from the lowest layer up.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("logic", &["model"]),
    ("manifest", &["model"]),
    ("wire", &[]),
    ("journal", &[]),
    ("draw", &["model"]),
    ("keeper", &[]),
    ("ports", &["model", "keeper"]),
    ("mesh", &["ports", "model", "logic", "wire"]),
    ("runtime", &["ports", "model", "logic"]),
    ("streams", &["ports", "model", "logic", "wire", "journal"]),
    ("cache", &["ports", "model", "logic", "wire"]),
    ("control", &["ports", "model", "logic", "manifest"]),
    ("client", &["model"]),
    ("dashboard", &["ports", "model", "draw"]),
    ("cli", &["model", "manifest", "draw", "client"]),
    ("sdk", &["model"]),
    ("isles", EVERYTHING),
];

/// Arrows of tests alone, each with its reason.
const IN_TESTS: &[(&str, &str)] = &[
    // What control remembers is read back from the journal.
    ("control", "streams"),
    // A runtime is tested below a real keeper.
    ("runtime", "keeper"),
    // An engine of streams is tested against a real server.
    ("streams", "nats-server"),
];

/// The crates of layer 0, which know no async runtime.
const PURE: &[&str] = &["model", "logic", "manifest", "wire", "journal", "draw", "keeper"];
const RUNTIMES: &[&str] = &["tokio", "tokio-util", "hyper", "hyper-util", "axum", "async-trait", "mio"];

/// Every arrow between our crates is one of the table, in tests too.
pub fn check(packages: &[Package]) -> Vec<Violation> {
    let is_ours = |name: &str| packages.iter().any(|package| package.name == name);
    let mut violations = Vec::new();
    for package in packages.iter().filter(|package| package.is_crate()) {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
            violations.push(unknown(package));
            continue;
        };
        let in_tests = |used: &Dependency| {
            used.kind == Kind::Dev && IN_TESTS.contains(&(package.name.as_str(), used.name.as_str()))
        };
        let used = package.dependencies.iter().filter(|used| !in_tests(used)).map(|used| used.name.as_str());
        let ours = used.filter(|name| is_ours(name));
        let fits = |name: &str| *allowed == EVERYTHING || allowed.contains(&name);
        violations.extend(ours.filter(|name| !fits(name)).map(|name| forbidden(package, name, allowed)));
    }
    violations
}

/// The lowest layer uses no async runtime.
pub fn check_pure(packages: &[Package]) -> Vec<Violation> {
    let pure = packages.iter().filter(|package| PURE.contains(&package.name.as_str()));
    let runtimes = pure.flat_map(|package| {
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind == Kind::Normal);
        normal.filter(|dependency| RUNTIMES.contains(&dependency.name.as_str())).map(move |used| (package, &used.name))
    });
    let violation = |(package, used): (&Package, &String)| Violation {
        place: package.folder.clone(),
        what: format!("depends on {used}"),
        why: "a crate without an async runtime cannot do I/O by accident, and is tested without one",
        hint: "decide here, and await in an engine (mesh, runtime, streams) or in control".into(),
    };
    runtimes.map(violation).collect()
}

fn unknown(package: &Package) -> Violation {
    Violation {
        place: package.folder.clone(),
        what: "has no layer".into(),
        why: "what a crate may use is decided before it uses it",
        hint: "add it to ALLOWED in tests/src/tidy/layers.rs and to the code map of ARCHITECTURE.md".into(),
    }
}

fn forbidden(package: &Package, used: &str, allowed: &[&str]) -> Violation {
    let allowed = if allowed.is_empty() { "none of our crates".into() } else { allowed.join(", ") };
    Violation {
        place: package.folder.clone(),
        what: format!("{} -> {used} is not allowed: {} may use {allowed}", package.name, package.name),
        why: "dependencies point down only, and engines never see each other, so that each part can be replaced",
        hint: "move the shared type to model, the shared trait to ports, or the wiring to isles".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{brief, package};

    #[test]
    fn arrows() {
        let good = [
            package("model", &["serde"]),
            package("mesh", &["model", "ports", "tokio"]),
            package("ports", &["model"]),
            package("isles", &["mesh", "model"]),
        ];
        assert_eq!(check(&good), []);
        let bad = [
            package("model", &["ports"]),
            package("mesh", &["runtime"]),
            package("ports", &[]),
            package("runtime", &[]),
            package("types", &[]),
        ];
        let expected = [
            "crates/model: model -> ports is not allowed: model may use none of our crates",
            "crates/mesh: mesh -> runtime is not allowed: mesh may use ports, model, logic, wire",
            "crates/types: has no layer",
        ];
        assert_eq!(brief(&check(&bad)), expected);
    }

    #[test]
    fn runtimes() {
        let mut logic = package("logic", &["model", "tokio"]);
        assert_eq!(
            brief(&check_pure(&[logic.clone(), package("mesh", &["tokio"])])),
            ["crates/logic: depends on tokio"]
        );
        logic.dependencies[1].kind = Kind::Dev;
        assert_eq!(check_pure(&[logic]), []);
    }
}
