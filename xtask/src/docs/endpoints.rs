//! The endpoints as Markdown.

use model::api::Endpoint;

use super::types::NAMES;

pub(crate) fn markdown(endpoints: &[Endpoint]) -> String {
    let sections: Vec<_> = endpoints.iter().map(section).collect();
    format!("## Endpoints\n\n{}", sections.join("\n"))
}

fn section(endpoint: &Endpoint) -> String {
    let mut text = format!("### `{} {}`\n\n{}\n\n", endpoint.method, endpoint.path, endpoint.what);
    let parts = [("Query", endpoint.query), ("Body", endpoint.request), ("Answer", Some(endpoint.answer))];
    for (part, what) in parts {
        if let Some(what) = what {
            text.push_str(&format!("- {part}: {}\n", linked(what)));
        }
    }
    text
}

/// The text, with the name of a type in it (the last word) made a link.
fn linked(text: &str) -> String {
    let (before, last) = text.rsplit_once(' ').map_or(("", text), |(before, last)| (before, last));
    if !NAMES.contains(&last) {
        return text.into();
    }
    let link = format!("[`{last}`](#{})", last.to_lowercase());
    if before.is_empty() { link } else { format!("{before} {link}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_linked() {
        for (text, expected) in [
            ("SystemStatus", "[`SystemStatus`](#systemstatus)"),
            ("NDJSON of LogLine", "NDJSON of [`LogLine`](#logline)"),
            ("the service's answer", "the service's answer"),
        ] {
            assert_eq!(linked(text), expected);
        }
    }

    #[test]
    fn every_type_of_an_endpoint_is_documented() {
        for endpoint in model::api::ENDPOINTS {
            let named = [endpoint.query, endpoint.request, Some(endpoint.answer)];
            for what in named.into_iter().flatten().filter(|what| what.ends_with(|c: char| c.is_alphanumeric())) {
                let last = what.rsplit(' ').next().unwrap_or(what);
                let is_type = last.starts_with(|c: char| c.is_ascii_uppercase());
                assert!(!is_type || NAMES.contains(&last), "add `{last}` to the list in xtask/src/docs/types.rs");
            }
        }
    }
}
