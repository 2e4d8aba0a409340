//! Files stay small, and the keeper stays smaller.

use super::{
    File, Violation,
    source::{is_code, is_test_file, without_tests},
};

const FILE_LINES_MAX: usize = 500;
const KEEPER_LINES_MAX: usize = 1999;
const KEEPER: &str = "crates/keeper/src/";

/// No Rust file has more than 500 lines outside tests.
pub fn check(files: &[File]) -> Vec<Violation> {
    let rust = files.iter().filter(|file| file.path.ends_with(".rs") && !is_test_file(&file.path));
    let counted = rust.map(|file| (file, without_tests(&file.text).len()));
    let violation = |(file, lines): (&File, usize)| Violation {
        place: file.path.clone(),
        what: format!("has {lines} lines outside tests, {FILE_LINES_MAX} are allowed"),
        why: "a file is one thing that can be read in a sitting; about 150 lines is usual",
        hint: "split it by what its parts own, each named so that a stranger finds it".into(),
    };
    counted.filter(|(_, lines)| *lines > FILE_LINES_MAX).map(violation).collect()
}

/// The keeper has under 2,000 lines of code: without tests, comments and blank lines.
pub fn check_keeper(files: &[File]) -> Vec<Violation> {
    let keeper = files.iter().filter(|file| file.path.starts_with(KEEPER) && !is_test_file(&file.path));
    let code = |file: &File| without_tests(&file.text).iter().filter(|(_, line)| is_code(line)).count();
    let lines: usize = keeper.map(code).sum();
    let violation = Violation {
        place: KEEPER.into(),
        what: format!("has {lines} lines of code, {KEEPER_LINES_MAX} are allowed"),
        why: "the keeper may never crash, so it must be small enough to be known by heart",
        hint: "decide in the platform process, and let the keeper only do".into(),
    };
    if lines > KEEPER_LINES_MAX { vec![violation] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{brief, file};

    #[test]
    fn files() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    // a test\n".repeat(600));
        let longest = "x();\n".repeat(500);
        let check = |path: &str, text: &str| brief(&check(&[file(path, text)]));
        assert_eq!(check("a.rs", &format!("{longest}{tests}")), [""; 0]);
        assert_eq!(check("a.rs", &format!("{longest}\n")), ["a.rs: has 501 lines outside tests, 500 are allowed"]);
        assert_eq!(check("a/tests.rs", &longest.repeat(2)), [""; 0]);
        assert_eq!(check("a.md", &longest.repeat(2)), [""; 0]);
    }

    #[test]
    fn keeper() {
        let [half, rest] = [1000, 999].map(|lines| "x();\n// why\n\n".repeat(lines));
        let check = |second: &str| {
            brief(&check_keeper(&[file("crates/keeper/src/a.rs", &half), file("crates/keeper/src/b.rs", second)]))
        };
        assert_eq!(check(&rest), [""; 0]);
        assert_eq!(check(&half), ["crates/keeper/src/: has 2000 lines of code, 1999 are allowed"]);
    }
}
