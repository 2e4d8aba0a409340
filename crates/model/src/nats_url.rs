//! The URL of a NATS server.

use serde::{Deserialize, Serialize};

use crate::id::name;

const SCHEMES: [&str; 2] = ["nats://", "tls://"];
const PORT: u16 = 4222;

/// Why a text is not the URL of a NATS server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a NATS server has a URL such as `nats://host:4222`, `tls://` in front or a user and a password before the host"
)]
pub struct InvalidNatsUrl;

name! {
    /// The URL of a NATS server: `nats://host:4222`, with `tls://` for TLS. A user and a password, or a token, may stand before the host.
    NatsUrl check, InvalidNatsUrl
}

impl NatsUrl {
    /// Host and port, for people: without user and password.
    pub fn place(&self) -> String {
        let rest = rest(self.as_str()).unwrap_or_default();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        if port(host).is_some() { host.into() } else { format!("{host}:{PORT}") }
    }
}

fn check(text: &str) -> Result<(), InvalidNatsUrl> {
    let rest = rest(text).ok_or(InvalidNatsUrl)?;
    let (user, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    let is_clean = |part: &str| part.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@".contains(&byte));
    let name = port(host).map_or(host, |_| host.rsplit_once(':').map_or(host, |(name, _)| name));
    let is_ipv6 = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if is_clean(user) && (is_name || is_ipv6) { Ok(()) } else { Err(InvalidNatsUrl) }
}

fn rest(url: &str) -> Option<&str> {
    SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme))
}

fn port(host: &str) -> Option<u16> {
    host.rsplit_once(':')?.1.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, expected) in [
            ("nats://localhost", Some("localhost:4222")),
            ("nats://127.0.0.1:4223", Some("127.0.0.1:4223")),
            ("tls://[::1]:4222", Some("[::1]:4222")),
            ("tls://[::1]", Some("[::1]:4222")),
            ("nats://ada:secret@nats.example.com:1", Some("nats.example.com:1")),
            ("nats://token@host", Some("host:4222")),
            ("", None),
            ("localhost:4222", None),
            ("http://localhost", None),
            ("nats://", None),
            ("nats://:4222", None),
            ("nats://host:0", None),
            ("nats://host:99999", None),
            ("nats://host:x", None),
            ("nats://host/path", None),
            ("nats://a b", None),
            ("nats://a,nats://b", None),
        ] {
            let place = text.parse::<NatsUrl>().ok().map(|url| url.place());
            assert_eq!(place.as_deref(), expected, "{text}");
        }
    }
}
