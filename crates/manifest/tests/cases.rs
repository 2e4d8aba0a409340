//! Every rule of the manifest: a manifest and what is said about it, side by side in `tests/cases/*.txt`.
//!
//! A case is a line `# what it shows`, the manifest, a line `---`, and the rendered diagnostics; a line `===` ends it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fmt::Write, fs, path::Path};

use manifest::{Memory, Severity, parse, render};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");

fn folder() -> Memory {
    Memory::new(
        "shop",
        &[
            ("users/app.py", ""),
            ("orders/app.py", ""),
            ("users.env", "A=1"),
            ("bad.env", "A=1\nB-C=2"),
            ("data/", ""),
            ("tls/cert.pem", ""),
        ],
    )
}

/// The cases of a file again, each with what is said now.
fn replay(file: &str) -> String {
    let mut actual = String::new();
    for case in file.split_terminator("\n===\n") {
        let (head, _) = case.split_once("\n---").unwrap_or((case, ""));
        let (title, text) = head.trim_start().split_once('\n').expect("a case has a title and a manifest");
        let parsed = parse(text, &folder());
        assert_eq!(
            parsed.system.is_none(),
            parsed.diagnostics.iter().any(|d| d.severity == Severity::Error),
            "{title}"
        );
        let said = render("isles.toml", text, &parsed.diagnostics, false);
        let said = said.trim_end();
        let end = if said.is_empty() { "" } else { "\n" };
        write!(actual, "{title}\n{text}\n---\n{said}{end}===\n\n").unwrap();
    }
    actual.trim_end().to_owned() + "\n"
}

fn check(name: &str) {
    let path = Path::new(CASES).join(name);
    let expected = fs::read_to_string(&path).unwrap();
    let actual = replay(&expected);
    if actual != expected {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&new, &actual).unwrap();
        panic!(
            "other text than in {0}; see `diff {0} {1}`, and copy it if it is better",
            path.display(),
            new.display()
        );
    }
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(concat!(stringify!($name), ".txt")); })*

        #[test]
        fn every_file_is_checked() {
            let mut files: Vec<_> = fs::read_dir(CASES).unwrap().map(|f| f.unwrap().file_name()).collect();
            files.sort();
            assert_eq!(files, [$(concat!(stringify!($name), ".txt")),*]);
        }
    };
}

cases! { after balance breaker build environment gateway keys limits links planned policy protocol rate routes service stores syntax system tls topics types upgrade }
