//! Unsafe code stands in listed functions of two crates, and nowhere else.

use super::{File, Violation};

/// The list: a line for each function, its file and its name.
pub const LIST: &str = "tests/tidy/unsafe.txt";

const HOMES: [&str; 2] = ["crates/keeper/", "crates/runtime/"];
const WHY: &str = "every function that the compiler does not check is known, and read by a person when it changes";

/// The functions that allow unsafe code are those of the list.
pub fn check(files: &[File]) -> Vec<Violation> {
    let list = files.iter().find(|file| file.path == LIST).map(|file| file.text.as_str()).unwrap_or_default();
    let listed: Vec<_> = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let found: Vec<_> = files.iter().filter(|file| file.path.ends_with(".rs")).flat_map(find).collect();
    let mut violations: Vec<_> = found.iter().filter_map(|place| check_found(place, &listed)).collect();
    let gone = listed.iter().filter(|line| !found.iter().any(|place| place == *line));
    violations.extend(gone.map(|line| {
        violation(LIST, format!("`{line}` is listed, but there is no such unsafe function"), "remove the line")
    }));
    violations
}

fn check_found(place: &str, listed: &[&str]) -> Option<Violation> {
    let path = place.split(' ').next().unwrap_or(place);
    if !HOMES.iter().any(|home| path.starts_with(home)) {
        return Some(violation(path, "allows unsafe code".into(), "use rustix's safe calls, or a port of runtime"));
    }
    if place.ends_with(" *") {
        return Some(violation(path, "allows unsafe code for more than a function".into(), "allow it at the function"));
    }
    let hint = format!("use a safe call (rustix); if there is none, add the line `{place}` to {LIST}");
    (!listed.contains(&place)).then(|| violation(path, "has an unsafe function that is not listed".into(), &hint))
}

/// `path function` for each attribute that allows unsafe code; `path *` where it is not at a function.
fn find(file: &File) -> Vec<String> {
    let lines: Vec<_> = file.text.lines().map(str::trim).collect();
    let allows = |line: &str| {
        let attribute = line.starts_with("#[") || line.starts_with("#![");
        attribute && (line.contains("allow(unsafe_code") || line.contains("expect(unsafe_code"))
    };
    let at = lines.iter().enumerate().filter(|(_, line)| allows(line));
    at.map(|(index, line)| {
        let next = lines[index + 1..].iter().find(|line| !line.starts_with("#[") && !line.starts_with("//"));
        let name = next.and_then(|next| function_name(next)).filter(|_| line.starts_with("#["));
        format!("{} {}", file.path, name.unwrap_or("*"))
    })
    .collect()
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let words = ["", "pub", "pub(crate)", "pub(super)", "unsafe", "const", "extern", "\"C\""];
    let is_head = before.split(' ').all(|word| words.contains(&word));
    is_head.then(|| after.split(|c: char| !c.is_alphanumeric() && c != '_').next()).flatten()
}

fn violation(place: &str, what: String, hint: &str) -> Violation {
    Violation { place: place.into(), what, why: WHY, hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{brief, file};

    const FORK: &str = "#[allow(unsafe_code)]\n// Forks.\npub(crate) unsafe fn fork() {}\n";

    #[test]
    fn a_listed_function_is_allowed() {
        let files =
            [file("crates/keeper/src/fork.rs", FORK), file(LIST, "# a comment\ncrates/keeper/src/fork.rs fork\n")];
        assert_eq!(check(&files), []);
    }

    #[test]
    fn everything_else_is_not() {
        let files = [
            file("crates/mesh/src/a.rs", FORK),
            file("crates/keeper/src/b.rs", FORK),
            file("crates/keeper/src/c.rs", "#![allow(unsafe_code)]\nfn c() {}"),
            file("crates/keeper/src/d.rs", "#[allow(unsafe_code)]\nmod inner {}"),
            file(LIST, "crates/keeper/src/e.rs e"),
        ];
        let expected = [
            "crates/mesh/src/a.rs: allows unsafe code",
            "crates/keeper/src/b.rs: has an unsafe function that is not listed",
            "crates/keeper/src/c.rs: allows unsafe code for more than a function",
            "crates/keeper/src/d.rs: allows unsafe code for more than a function",
            "tests/tidy/unsafe.txt: `crates/keeper/src/e.rs e` is listed, but there is no such unsafe function",
        ];
        assert_eq!(brief(&check(&files)), expected);
    }
}
