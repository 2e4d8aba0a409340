//! The rules of the repository that no lint knows. Each says what is wrong, why that is a rule and what to do instead.

pub mod architecture;
pub mod heavy;
pub mod layers;
pub mod layout;
pub mod length;
pub mod manifests;
mod repository;
mod source;
pub mod unsafe_code;
pub mod words;

use std::fmt;

pub use repository::{Dependency, File, Kind, Package, files, packages};

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The file, and the line where there is one, or the crate.
    pub place: String,
    /// What is wrong there.
    pub what: String,
    /// Why that is a rule.
    pub why: &'static str,
    /// What to do instead.
    pub hint: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  why: {}\n  hint: {}", self.place, self.what, self.why, self.hint)
    }
}

/// Fails with all violations, if there are any.
///
/// # Panics
/// When there is a violation.
pub fn assert_none(violations: &[Violation]) {
    let shown: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{} rule(s) broken:\n\n{}\n", shown.len(), shown.join("\n\n"));
}

#[cfg(test)]
mod testing {
    use super::*;

    /// A crate `crates/NAME` with normal dependencies.
    pub(crate) fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependency = |name: &&str| Dependency { name: (*name).into(), kind: Kind::Normal };
        Package {
            name: name.into(),
            folder: format!("crates/{name}"),
            dependencies: dependencies.iter().map(dependency).collect(),
        }
    }

    pub(crate) fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    /// `place: what` of each violation.
    pub(crate) fn brief(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(|violation| format!("{}: {}", violation.place, violation.what)).collect()
    }
}
