//! Any text as a manifest: an answer, no panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use manifest::{Memory, parse, render};

fuzz_target!(|text: &str| {
    let parsed = parse(text, &Memory::new("shop", &[("u/", "")]));
    assert_eq!(parsed.system.is_none(), parsed.has_errors());
    for diagnostic in &parsed.diagnostics {
        assert!(diagnostic.span.end <= text.len() && text.is_char_boundary(diagnostic.span.start), "{diagnostic:?}");
    }
    render("isles.toml", text, &parsed.diagnostics, false);
});
