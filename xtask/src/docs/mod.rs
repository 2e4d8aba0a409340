//! `cargo xtask docs`: docs/api.md from the types of the control API, and docs/shop.svg from the shop's manifest.

mod endpoints;
mod picture;
mod types;

use std::fs;

use anyhow::{Context, ensure};
use model::Reason;

use crate::shell::root;

const INTRODUCTION: &str = "\
# The control API

HTTP/1.1 and JSON on the Unix socket `.isles/api.sock` beside the manifest, mode 0600. What the `isles` command shows comes
from here, so it can be had by any program:

```sh
curl --unix-socket .isles/api.sock http://isles/v1/system
```

A stream is NDJSON: one object a line, until either side closes. An error is a [`Problem`](#problem) with the content type
`application/problem+json` (RFC 9457) and a status of 4xx or 5xx. This file is made by `cargo xtask docs`.
";

/// Writes the files.
///
/// # Errors
/// When one cannot be made or written.
pub(crate) fn write() -> anyhow::Result<()> {
    for (path, text) in made()? {
        let path = root().join(path);
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// Compares the files with what they are made from.
///
/// # Errors
/// When one is missing or out of date.
pub(crate) fn check() -> anyhow::Result<()> {
    for (path, text) in made()? {
        let current = fs::read_to_string(root().join(path)).with_context(|| format!("{path} cannot be read"))?;
        ensure!(current == text, "{path} is out of date\nhint: run `cargo xtask docs`");
    }
    Ok(())
}

fn made() -> anyhow::Result<[(&'static str, String); 2]> {
    Ok([("docs/api.md", api()), ("docs/shop.svg", picture::shop()?)])
}

fn api() -> String {
    [INTRODUCTION, &endpoints::markdown(model::api::ENDPOINTS), &types::markdown(&types::definitions()), &reasons()]
        .join("\n")
}

fn reasons() -> String {
    let mut text = String::from(
        "## Reason codes\n\nWhat `reason` of a problem and the header `x-isles-reason` say. A code never changes its \
         meaning.\n\n| code | status | meaning | what to do |\n|---|---|---|---|\n",
    );
    for reason in Reason::ALL {
        let row = format!("| `{reason}` | {} | {} | {} |\n", reason.status(), reason.title(), reason.hint());
        text.push_str(&row);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_files_are_up_to_date() {
        super::check().unwrap();
    }
}
