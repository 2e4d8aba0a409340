//! What the keeper has to say.

use std::io::{self, Write};

/// Writes a line to standard error. One that cannot be written is lost, and nothing else: the system outlives a full disk
/// and a terminal that is gone.
pub(crate) fn say(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
