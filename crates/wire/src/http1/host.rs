//! `Host` (RFC 9112 section 3.2, RFC 3986 section 3.2.2).

use std::net::Ipv6Addr;

use super::bytes::{self, NAME};

/// The longest host name, in bytes (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// Whether the text is `name` or `name:port`, where the name is a host name, an IPv4 address or `[IPv6]`.
pub(crate) fn is_valid(host: &[u8]) -> bool {
    let Some(end) = name_end(host) else { return false };
    match &host[end..] {
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => false,
    }
}

/// The host's name without its port and without the root's dot at the end; case is left as it is.
pub fn host_name(host: &str) -> &str {
    let name = name_end(host.as_bytes()).map_or(host, |end| &host[..end]);
    name.strip_suffix('.').unwrap_or(name)
}

/// Where a valid name ends that stands at the beginning.
fn name_end(host: &[u8]) -> Option<usize> {
    if host.first() == Some(&b'[') {
        let end = memchr::memchr(b']', host)?;
        std::str::from_utf8(&host[1..end]).ok()?.parse::<Ipv6Addr>().ok()?;
        return Some(end + 1);
    }
    // Labels with single dots between them; one at the end stands for the root.
    let mut start = 0;
    loop {
        let label = bytes::run(host, start, NAME).end;
        match host.get(label) {
            Some(b'.') if label > start => start = label + 1,
            Some(b'.') => return None,
            _ => return (1..=NAME_BYTES_MAX).contains(&label).then_some(label),
        }
    }
}

fn is_port(digits: &[u8]) -> bool {
    digits.len() <= 5 && bytes::number(digits).is_some_and(|number| number <= u16::MAX.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (host, name) in [
            ("a", "a"),
            ("Example.com:8080", "Example.com"),
            ("example.com.", "example.com"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[::1]:80", "[::1]"),
            ("under_score", "under_score"),
        ] {
            assert!(is_valid(host.as_bytes()), "{host}");
            assert_eq!(host_name(host), name);
        }
        let long = "a".repeat(254);
        for host in [
            "", ":80", "a:", "a:b", "a:65536", "a:+1", "a b", "a/b", "u@a", "a,b", "[::1", "[::1]x", "[x]", "é",
            "a:1:2", "a..b", ".a", ".", "a..", &long,
        ] {
            assert!(!is_valid(host.as_bytes()), "{host}");
        }
    }
}
