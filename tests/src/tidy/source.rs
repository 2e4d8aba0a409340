//! Rust source as lines, formatted by rustfmt.

/// The lines outside tests, each with its number from 1.
///
/// Tests are items under `#[cfg(test)]` that end with a `}` or `;` as far to the left as the attribute.
pub(crate) fn without_tests(text: &str) -> Vec<(usize, &str)> {
    let mut kept = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push((number, line));
            continue;
        }
        let indent = indent(line);
        let ends = |line: &str| self::indent(line) == indent && (line.ends_with('}') || line.ends_with(';'));
        lines.by_ref().find(|(_, line)| ends(line));
    }
    kept
}

/// Whether the whole file is tests.
pub(crate) fn is_test_file(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let in_tests = folder == "tests" || folder.starts_with("tests/") || folder.contains("/tests");
    in_tests || name == "tests.rs"
}

/// Whether the line is neither blank nor a comment.
pub(crate) fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_left_out() {
        let text =
            "fn a() {}\n#[cfg(test)]\nmod one {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod two;\nfn d() {}\n";
        assert_eq!(without_tests(text), [(1, "fn a() {}"), (6, "fn c() {}"), (9, "fn d() {}")]);
    }

    #[test]
    fn test_files_are_told_by_their_path() {
        for (path, expected) in [
            ("tests/src/tidy.rs", true),
            ("crates/keeper/tests/keeper.rs", true),
            ("crates/logic/src/service/tests.rs", true),
            ("crates/logic/src/service/tests/scale.rs", true),
            ("crates/logic/src/service/machine.rs", false),
            ("src/contests.rs", false),
        ] {
            assert_eq!(is_test_file(path), expected, "{path}");
        }
    }
}
