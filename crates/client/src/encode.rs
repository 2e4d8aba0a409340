//! Paths and queries.

use std::fmt::Write;

use model::api::LogQuery;

/// Path and query with every byte that RFC 3986 forbids there percent-encoded; what is encoded already stays.
pub(crate) fn path(text: &str) -> String {
    encoded(text, |byte| byte.is_ascii_graphic() && !b"\"#<>[\\]^`{|}".contains(&byte))
}

/// A text as a part of a path, or as the value of a query's parameter: nothing in it ends that but a slash.
pub(crate) fn part(text: &str) -> String {
    encoded(text, |byte| byte.is_ascii_alphanumeric() || b"-._~/,".contains(&byte))
}

fn encoded(text: &str, stays: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    encoded
}

/// `?since=1&follow=true`, without what is `None`.
pub(crate) fn query(parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some(format!("{name}={}", part(value.as_ref()?))));
    let parts: Vec<_> = given.collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}

/// The value of a parameter that says yes, or is absent.
pub(crate) fn flag(is_set: bool) -> Option<String> {
    is_set.then(|| "true".to_owned())
}

pub(crate) fn log_query(query: &LogQuery) -> String {
    self::query(&[
        ("services", Some(query.services.clone()).filter(|services| !services.is_empty())),
        ("since", query.since.map(|since| since.to_string())),
        ("tail", query.tail.map(|tail| tail.to_string())),
        ("follow", flag(query.follow)),
    ])
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
    fn parts() {
        for (text, encoded) in [
            ("users/1.json", "users/1.json"),
            ("a?b#c&d=e f", "a%3Fb%23c%26d%3De%20f"),
            ("a%20b", "a%2520b"),
            (">", "%3E"),
        ] {
            assert_eq!(part(text), encoded);
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
