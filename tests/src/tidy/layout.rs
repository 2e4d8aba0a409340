//! What the linker moves is there: the patterns of its layout name crates.

use toml::Table;

use super::{File, Violation};

const LAYOUT: &str = "crates/isles/layout.ld";
const LOCK: &str = "Cargo.lock";

/// Every pattern of the layout is part of the name of a crate that is built; with a length before it, it is the whole name.
pub fn check(files: &[File]) -> Vec<Violation> {
    let text = |path: &str| files.iter().find(|file| file.path == path).map_or("", |file| &file.text);
    let (patterns, crates) = (patterns(text(LAYOUT)), crates(text(LOCK)));
    if patterns.is_empty() {
        return vec![violation("has no pattern".into())];
    }
    let is_there = |pattern: &&str| crates.iter().any(|name| matches(pattern, name));
    patterns
        .into_iter()
        .filter(|pattern| !is_there(pattern))
        .map(|it| violation(format!("names no crate: {it}")))
        .collect()
}

/// What stands for names: `3cli` of `.text.*3cli*`.
fn patterns(layout: &str) -> Vec<&str> {
    let words = layout.split(|at: char| at.is_whitespace() || "()".contains(at));
    words.filter_map(|word| word.strip_prefix(".text.*")).map(|word| word.trim_end_matches(['*', '.'])).collect()
}

/// A symbol has the name of its crate after the length of that.
fn matches(pattern: &str, name: &str) -> bool {
    let word = pattern.trim_start_matches(|at: char| at.is_ascii_digit());
    match pattern.strip_suffix(word) {
        Some("") | None => name.contains(word),
        Some(length) => name == word && length == word.len().to_string(),
    }
}

fn crates(lock: &str) -> Vec<String> {
    let lock: Table = lock.parse().unwrap_or_default();
    let packages = lock.get("package").and_then(|packages| packages.as_array()).into_iter().flatten();
    packages.filter_map(|package| Some(package.get("name")?.as_str()?.replace('-', "_"))).collect()
}

fn violation(what: String) -> Violation {
    Violation {
        place: LAYOUT.into(),
        what,
        why: "what no pattern matches stays among the functions that a system at rest runs, and nobody would notice",
        hint: "write the name that the crate has now, after its length if shorter names are like it".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{brief, file};

    #[test]
    fn patterns_name_crates() {
        let lock = "[[package]]\nname = \"cli\"\n[[package]]\nname = \"rustls-webpki\"\n";
        let check = |patterns: &str| {
            let layout =
                format!("/* why */\nSECTIONS {{ .text.seldom : {{ *({patterns}) /* what */ }} }} INSERT AFTER .text;");
            brief(&check(&[file(LAYOUT, &layout), file(LOCK, lock)]))
        };
        assert_eq!(check(".text.*3cli* .text.*webpki* .text.*webpki..*"), [""; 0]);
        for pattern in ["3cla", "4cli", "6webpki", "clap"] {
            let named = format!("{LAYOUT}: names no crate: {pattern}");
            assert_eq!(check(&format!(".text.*3cli* .text.*{pattern}*")), [named]);
        }
        assert_eq!(check(""), [format!("{LAYOUT}: has no pattern")]);
    }
}
