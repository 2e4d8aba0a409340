//! Words that have no place in the repository. Each is written in parts here, so that this file keeps its own rule.

use super::{File, Violation};

const UNCHECKED: [&str; 1] = ["LICENSE"];

/// Nothing is left for later in a comment.
pub fn check_marks(files: &[File]) -> Vec<Violation> {
    let marks = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|parts| parts.concat());
    let found = |line: &str| words(line).find(|word| marks.iter().any(|mark| mark == word)).map(str::to_owned);
    check(files, found, |word| {
        let what = format!("says `{word}`");
        (what, "what is unfinished is refused with an error, or is an issue", "finish it, or take it out")
    })
}

/// Nothing speaks of how or where the text was written.
pub fn check_origin(files: &[File]) -> Vec<Violation> {
    check(files, origin, |word| {
        let what = format!("says `{word}`");
        (what, "the repository is about Isles, and reads the same on every machine", "say what it is, not how it came")
    })
}

fn check(
    files: &[File],
    find: impl Fn(&str) -> Option<String>,
    tell: impl Fn(&str) -> (String, &'static str, &'static str),
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files.iter().filter(|file| is_checked(&file.path)) {
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some(word) = find(line) {
                let (what, why, hint) = tell(&word);
                violations.push(Violation { place: format!("{}:{number}", file.path), what, why, hint: hint.into() });
            }
        }
    }
    violations
}

fn is_checked(path: &str) -> bool {
    !UNCHECKED.contains(&path) && !path.ends_with("Cargo.lock")
}

fn origin(line: &str) -> Option<String> {
    let folder = ["/wo", "rk/"].concat();
    let is_absolute = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-})>*~".contains(c));
    if line.match_indices(&folder).any(|(at, _)| is_absolute(at)) {
        return Some(folder);
    }
    let writers = [["ag", "ent"], ["ag", "ents"], ["ll", "m"], ["cla", "ude"], ["chat", "gpt"], ["co", "pilot"]];
    let writers = writers.map(|parts| parts.concat());
    let lower = line.to_lowercase();
    let mut previous = "";
    for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        // The HTTP field and the SSH program have that word in their names.
        if writers.iter().any(|writer| writer == word) && !["user", "ssh"].iter().any(|name| previous.ends_with(name)) {
            return Some(word.into());
        }
        previous = word;
    }
    None
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{brief, file};

    #[test]
    fn marks() {
        let mark = ["TO", "DO"].concat();
        let text = format!("fn a() {{}}\n// {mark}: later\nlet path = \"XXXXXX\";\n");
        assert_eq!(
            brief(&check_marks(&[file("a.rs", &text), file("LICENSE", &text)])),
            [format!("a.rs:2: says `{mark}`")]
        );
    }

    #[test]
    fn origins() {
        let (folder, writer) = (["/wo", "rk/"].concat(), ["ag", "ent"].concat());
        for (line, expected) in [
            (format!("see {folder}notes"), Some(&folder)),
            (format!("https://example.org{folder}notes"), None),
            (format!("an {writer} wrote it"), Some(&writer)),
            (format!("the field user-{writer}"), None),
            (format!(r"\r\nuser-{writer}: isles"), None),
            (format!("User{writer}s"), None),
        ] {
            assert_eq!(origin(&line).as_ref(), expected, "{line}");
        }
        let found = check_origin(&[file("a.md", &format!("\nby an {writer}"))]);
        assert_eq!(brief(&found), [format!("a.md:2: says `{writer}`")]);
    }
}
