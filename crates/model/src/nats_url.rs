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

/// Who a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A user with a password.
    User {
        /// The user's name.
        name: String,
        /// The password.
        password: String,
    },
    /// Who knows this.
    Token(String),
}

impl NatsUrl {
    /// Host and port, for people: without user and password.
    pub fn place(&self) -> String {
        let rest = rest(self.as_str()).unwrap_or_default();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        if port(host).is_some() { host.into() } else { format!("{host}:{PORT}") }
    }

    /// Who is let in by it, if it says so. What a URL must write as `%3A` is decoded.
    pub fn login(&self) -> Option<Login> {
        let said = rest(self.as_str())?.rsplit_once('@')?.0;
        Some(match said.split_once(':') {
            Some((user, password)) => Login::User { name: decoded(user), password: decoded(password) },
            None => Login::Token(decoded(said)),
        })
    }

    /// The URL of the same server for a user, whose name and password a URL has as they are: letters, digits, `-`, `.`, `_` and `~`.
    ///
    /// # Errors
    /// When they have something else, or nothing.
    pub fn for_user(&self, user: &str, password: &str) -> Result<Self, InvalidNatsUrl> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if [user, password].iter().any(|part| part.is_empty() || !part.bytes().all(is_plain)) {
            return Err(InvalidNatsUrl);
        }
        let scheme = SCHEMES.iter().find(|scheme| self.as_str().starts_with(**scheme)).ok_or(InvalidNatsUrl)?;
        format!("{scheme}{user}:{password}@{}", self.place()).parse()
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

/// Bytes as RFC 3986, section 2.1, writes them; what is none is taken as it is.
fn decoded(text: &str) -> String {
    let (mut bytes, mut left) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = left.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        left = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
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

    #[test]
    fn users() {
        let url = |text: &str| text.parse::<NatsUrl>().unwrap();
        let user = |name: &str, password: &str| Some(Login::User { name: name.into(), password: password.into() });
        for (text, login, other) in [
            ("nats://localhost", None, "nats://orders:p-1~@localhost:4222"),
            ("tls://ada:a%3Ab%@[::1]:4223", user("ada", "a:b%"), "tls://orders:p-1~@[::1]:4223"),
            ("nats://token@host", Some(Login::Token("token".into())), "nats://orders:p-1~@host:4222"),
        ] {
            assert_eq!(url(text).login(), login, "{text}");
            assert_eq!(url(text).for_user("orders", "p-1~").unwrap().as_str(), other);
        }
        for password in ["", "a b", "a@b", "a/b", "a:b", "a%20b", "ä"] {
            assert_eq!(url("nats://host").for_user("orders", password), Err(InvalidNatsUrl), "{password}");
        }
    }
}
