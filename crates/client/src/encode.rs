//! Paths and queries.

use std::fmt::Write;

use model::api::LogQuery;

/// Path and query with every byte that RFC 3986 forbids there percent-encoded; what is encoded already stays.
pub(crate) fn path(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"#<>[\\]^`{|}".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            push_escape(&mut encoded, byte);
        }
    }
    encoded
}

fn push_escape(text: &mut String, byte: u8) {
    write!(text, "%{byte:02X}").expect("writing to a String cannot fail");
}

/// `?services=a,b&since=1&tail=2&follow=true`, without what has its default.
pub(crate) fn log_query(query: &LogQuery) -> String {
    let services = (!query.services.is_empty()).then(|| format!("services={}", query.services));
    let since = query.since.map(|since| format!("since={since}"));
    let tail = query.tail.map(|tail| format!("tail={tail}"));
    let follow = query.follow.then(|| "follow=true".to_owned());
    let parts: Vec<_> = [services, since, tail, follow].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (text, encoded) in [
            ("users/1?name=a&b=c", "users/1?name=a&b=c"),
            ("users/J\u{fc}rg Str", "users/J%C3%BCrg%20Str"),
            ("a%20b", "a%20b"),
            ("a#b{c}", "a%23b%7Bc%7D"),
            ("", ""),
        ] {
            assert_eq!(path(text), encoded);
        }
    }

    #[test]
    fn queries() {
        let all = LogQuery { services: "users,orders".into(), since: Some(7), tail: Some(3), follow: true };
        for (query, text) in [(LogQuery::default(), ""), (all, "?services=users,orders&since=7&tail=3&follow=true")] {
            assert_eq!(log_query(&query), text);
        }
    }
}
