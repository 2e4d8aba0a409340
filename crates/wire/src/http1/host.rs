//! `Host` (RFC 9112 section 3.2, RFC 3986 section 3.2.2).

use std::net::Ipv6Addr;

use super::bytes::{self, NAME};

/// The longest host name, in bytes (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// Whether the text is `name` or `name:port`, where the name is a host name, an IPv4 address or `[IPv6]`.
pub(crate) fn is_valid(host: &[u8]) -> bool {
    let Some((name, port)) = split(host) else { return false };
    port.is_none_or(is_port) && is_name(name)
}

/// The host's name without its port and without the root's dot at the end; case is left as it is.
pub fn host_name(host: &str) -> &str {
    let name = split(host.as_bytes()).map_or(host, |(name, _)| &host[..name.len()]);
    name.strip_suffix('.').unwrap_or(name)
}

fn split(host: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let name_length = match host.first()? {
        b'[' => memchr::memchr(b']', host)? + 1,
        _ => memchr::memchr(b':', host).unwrap_or(host.len()),
    };
    match host[name_length..].split_first() {
        None => Some((host, None)),
        Some((b':', port)) => Some((&host[..name_length], Some(port))),
        Some(_) => None,
    }
}

fn is_name(name: &[u8]) -> bool {
    if let Some(address) = name.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
        return std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    }
    if name.len() > NAME_BYTES_MAX {
        return false;
    }
    // Labels with single dots between them; one at the end stands for the root.
    let mut at = 0;
    loop {
        let label = bytes::run(name, at, NAME).end;
        match name.get(label) {
            None => return label > 0,
            Some(b'.') if label > at => at = label + 1,
            Some(_) => return false,
        }
    }
}

fn is_port(digits: &[u8]) -> bool {
    let number = |number: u32, digit: &u8| number * 10 + u32::from(digit - b'0');
    (1..=5).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && digits.iter().fold(0, number) <= u32::from(u16::MAX)
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
