//! Request targets (RFC 9112 section 3.2) and the one canonical form of a path.

use std::ops::Range;

use super::{
    bytes::{NO_TARGET, ODD_IN_PATH, QUERY},
    error::HeadError,
    head::Span,
    host,
};

/// A request target, taken apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    /// The whole target as it was sent.
    pub(crate) raw: Span,
    /// The authority of an absolute-form target; it takes the place of `Host`.
    pub(crate) authority: Option<Span>,
    path: Span,
    /// The query with its `?`; empty without one.
    pub(crate) query: Span,
    /// The canonical path, where it is not the one that was sent.
    rewritten: Option<String>,
}

impl Target {
    /// Takes the bytes at `at` apart, which are visible and of the classes `met`.
    pub(crate) fn parse(
        &mut self,
        head: &[u8],
        at: Range<usize>,
        met: u16,
        method: &[u8],
        escaped_slashes: bool,
    ) -> Result<(), HeadError> {
        let raw = &head[at.clone()];
        self.raw = Span::new(at.start, at.end);
        self.authority = None;
        self.rewritten = None;
        self.query = Span::default();
        self.path = self.raw;
        if method == b"CONNECT" {
            return Err(HeadError::not_implemented("CONNECT is not supported"));
        }
        if raw == b"*" && method == b"OPTIONS" {
            return Ok(());
        }
        if met & NO_TARGET != 0 {
            let detail = "the request target has a fragment, or a character that must be encoded";
            return Err(HeadError::malformed(detail));
        }
        let path = if raw.first() == Some(&b'/') { at.start } else { self.take_authority(head, at.clone())? };
        let query = match met & QUERY {
            0 => at.end,
            _ => path + memchr::memchr(b'?', &head[path..at.end]).unwrap_or(at.end - path),
        };
        self.path = Span::new(path, query);
        self.query = Span::new(query, at.end);
        if path == query || met & ODD_IN_PATH != 0 {
            self.rewritten = rewritten(&head[path..query], escaped_slashes)?;
        }
        Ok(())
    }

    /// The canonical path: begins with `/` (or is `*`), has no dot segments, and no encoded unreserved characters.
    pub(crate) fn path<'a>(&'a self, head: &'a [u8]) -> &'a [u8] {
        match &self.rewritten {
            Some(path) => path.as_bytes(),
            None => self.path.of_head(head),
        }
    }

    /// Whether path and query go on exactly as they came.
    pub(crate) fn is_canonical(&self) -> bool {
        self.rewritten.is_none() && self.authority.is_none()
    }

    /// Where the path begins behind `http://AUTHORITY`.
    fn take_authority(&mut self, head: &[u8], at: Range<usize>) -> Result<usize, HeadError> {
        let raw = &head[at.clone()];
        let scheme = [&b"http://"[..], b"https://"]
            .into_iter()
            .find(|scheme| raw.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
            .ok_or(HeadError::malformed("the request target does not begin with `/`"))?;
        let rest = &raw[scheme.len()..];
        let length = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
        if !host::is_valid(&rest[..length]) {
            return Err(HeadError::malformed("the authority of the request target is invalid"));
        }
        let start = at.start + scheme.len();
        self.authority = Some(Span::new(start, start + length));
        Ok(start + length)
    }
}

/// The canonical form of a path, if it differs.
fn rewritten(path: &[u8], escaped_slashes: bool) -> Result<Option<String>, HeadError> {
    match path {
        b"" => Ok(Some("/".into())),
        path if is_plain(path) => Ok(None),
        path => canonical(path, escaped_slashes),
    }
}

/// Whether a path is surely canonical: nothing encoded, no segment that begins with a dot.
fn is_plain(path: &[u8]) -> bool {
    memchr::memchr3(b'%', b'\\', b'`', path).is_none() && !path.windows(2).any(|pair| pair == b"/.")
}

/// The canonical form, if it differs.
fn canonical(path: &[u8], escaped_slashes: bool) -> Result<Option<String>, HeadError> {
    let decoded = decode_unreserved(path, escaped_slashes)?;
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = decoded[1..].split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." if last => segments.push(""),
            "." => {}
            ".." => {
                segments.pop().ok_or(HeadError::malformed("the path leads above the root"))?;
                if last {
                    segments.push("");
                }
            }
            _ if part.split("%2F").any(is_dot_segment) => {
                return Err(HeadError::malformed("a dot segment of the path has parameters, or an encoded slash"));
            }
            _ => segments.push(part),
        }
    }
    let canonical = format!("/{}", segments.join("/"));
    Ok((canonical.as_bytes() != path).then_some(canonical))
}

/// Whether the segment is a dot segment, to a server too that takes parameters off (Java's do), encoded ones as well.
fn is_dot_segment(segment: &str) -> bool {
    let rest = segment.strip_prefix("..").or_else(|| segment.strip_prefix('.'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(';') || rest.starts_with("%3B"))
}

/// Decodes what never needs to be encoded (RFC 3986 section 6.2.2.2); refuses what two programs may read differently.
fn decode_unreserved(path: &[u8], escaped_slashes: bool) -> Result<String, HeadError> {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'\\' | b'`' => return Err(HeadError::malformed("the path contains a backslash or a backtick")),
            b'%' => {
                let value = hex_pair(tail).ok_or(HeadError::malformed("a percent sign in the path encodes nothing"))?;
                rest = &tail[2..];
                match value {
                    b'/' if escaped_slashes => decoded.push_str("%2F"),
                    0 | b'/' | b'\\' => {
                        return Err(HeadError::malformed("the path contains an encoded NUL, slash or backslash"));
                    }
                    _ if value.is_ascii_alphanumeric() || b"-._~".contains(&value) => decoded.push(value.into()),
                    _ => decoded.extend([b'%', tail[0], tail[1]].map(|byte| char::from(byte.to_ascii_uppercase()))),
                }
            }
            _ => decoded.push((*byte).into()),
        }
    }
    Ok(decoded)
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |index: usize| bytes.get(index).and_then(|byte| char::from(*byte).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::bytes;

    fn path(target: &str) -> Result<String, &'static str> {
        read(target, false)
    }

    fn read(target: &str, escaped_slashes: bool) -> Result<String, &'static str> {
        let mut parsed = Target::default();
        let met = bytes::run(target.as_bytes(), 0, bytes::VISIBLE).met;
        let at = 0..target.len();
        parsed.parse(target.as_bytes(), at, met, b"GET", escaped_slashes).map_err(|error| error.detail)?;
        let parts = [parsed.path(target.as_bytes()), parsed.query.of_head(target.as_bytes())];
        Ok(String::from_utf8_lossy(&parts.concat()).into_owned())
    }

    #[test]
    fn canonical_paths() {
        for (target, canonical) in [
            ("/", "/"),
            ("/a/b?c=/../d", "/a/b?c=/../d"),
            ("/a//b", "/a//b"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/a//../b", "/a/b"),
            ("/%61dmin", "/admin"),
            ("/a%20b%c3%a9", "/a%20b%C3%A9"),
            ("/a%3f", "/a%3F"),
            ("/.well-known/x", "/.well-known/x"),
            ("/..a/...", "/..a/..."),
            ("/;a=1", "/;a=1"),
            ("http://a", "/"),
            ("HTTP://a:80/x?y", "/x?y"),
            ("https://a?y", "/?y"),
        ] {
            assert_eq!(path(target).as_deref(), Ok(canonical), "{target}");
        }
    }

    #[test]
    fn escaped_slashes_where_they_are_allowed() {
        for (target, canonical) in [
            ("/a%2fb", Some("/a%2Fb")),
            ("/%2F", Some("/%2F")),
            ("/a%2f..b/%2e%2e/c", Some("/c")),
            ("/@a%2fb/../c%2F/d", Some("/c%2F/d")),
            ("/a%2fb.c", Some("/a%2Fb.c")),
            ("/a%252f..", Some("/a%252f..")),
            ("/a%2f..", None),
            ("/..%2fa", None),
            ("/a%2f.%2Fb", None),
            ("/a/%2e%2e%2fb", None),
            ("/a%2f..;x%2fb", None),
            ("/a%2f.%3bx", None),
            ("/a%5cb", None),
            ("/a%2f%00", None),
        ] {
            assert_eq!(read(target, true).ok().as_deref(), canonical, "{target}");
        }
    }

    #[test]
    fn refused_paths() {
        for target in [
            "",
            "a",
            "*",
            "a:80",
            "/../a",
            "/a/../../b",
            "/%2e%2e/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%",
            "/a%1",
            "/a%zz",
            "/a#b",
            "/a?b#c",
            "/é",
            "/a/..;/b",
            "/a/.;x/b",
            "/%2e%2e;/b",
            "/a/..%3b/b",
            "/.%3Bx/b",
            "/a`b",
            "/<a>",
            "/?\"",
            "http://",
            "http:///a",
            "http://u@a/",
            "ftp://a/",
        ] {
            assert!(path(target).is_err(), "{target}");
        }
    }
}
