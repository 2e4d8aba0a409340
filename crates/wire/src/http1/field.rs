//! Field lines: what they are, and which of them end at this hop.

use super::{error::HeadError, head::Span};

/// What a field means to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `Host`.
    Host,
    /// `Content-Length`.
    ContentLength,
    /// `Transfer-Encoding`.
    TransferEncoding,
    /// `Connection`.
    Connection,
    /// `Upgrade`.
    Upgrade,
    /// `Expect`.
    Expect,
    /// Another field that ends at this hop (RFC 9110 section 7.6.1), by its name or because `Connection` lists it.
    Hop,
    /// `Forwarded`, `X-Forwarded`, `X-Forwarded-*` and `X-Real-IP`: what the gateway alone may say.
    Forwarded,
    /// `X-Isles-*`: what Isles alone may say.
    Isles,
    /// `Grpc-Timeout`: how long the caller waits.
    GrpcTimeout,
    /// `X-Isles-Timeout-Ms`: how long the caller waits, for every other request.
    IslesTimeout,
    /// `Traceparent`: the trace that the request belongs to.
    Traceparent,
    /// Anything else: forwarded as it is.
    Other,
}

impl FieldKind {
    /// The kind of a field name, in any case.
    pub(crate) fn of(name: &[u8]) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            2 if is("te") => Self::Hop,
            4 if is("host") => Self::Host,
            6 if is("expect") => Self::Expect,
            7 if is("upgrade") => Self::Upgrade,
            // No field of HTTP, but CGI programs find it as `HTTP_PROXY` and take it for the way out (CVE-2016-5385).
            5 if is("proxy") => Self::Hop,
            7 if is("trailer") => Self::Hop,
            9 if is("forwarded") || is("x-real-ip") => Self::Forwarded,
            10 if is("connection") => Self::Connection,
            10 if is("keep-alive") => Self::Hop,
            11 if is("x-forwarded") => Self::Forwarded,
            11 if is("traceparent") => Self::Traceparent,
            12 if is("grpc-timeout") => Self::GrpcTimeout,
            14 if is("content-length") => Self::ContentLength,
            14 if is("http2-settings") => Self::Hop,
            16 if is("proxy-connection") => Self::Hop,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            18 if is("x-isles-timeout-ms") => Self::IslesTimeout,
            8.. if starts_with(name, "x-isles-") => Self::Isles,
            12.. if starts_with(name, "x-forwarded-") => Self::Forwarded,
            _ => Self::Other,
        }
    }

    /// Whether the message's end or its destination hangs on it.
    fn decides_where_to(self) -> bool {
        matches!(self, Self::Host | Self::ContentLength | Self::TransferEncoding)
    }
}

fn starts_with(name: &[u8], prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// One field line.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: Span,
    /// Its value, without the blanks around it.
    pub value: Span,
    /// What it means.
    pub kind: FieldKind,
}

impl Field {
    /// Tabs are blanks (RFC 9110 section 5.6.3), but some servers take them for a part of the value.
    fn has_tabs_around(&self, head: &[u8]) -> bool {
        let before = head.get(self.name.end as usize..self.value.start as usize).unwrap_or_default();
        let after = head.get(self.value.end as usize..).unwrap_or_default();
        before.contains(&b'\t') || after.iter().take_while(|byte| **byte != b'\r').any(|byte| *byte == b'\t')
    }
}

/// The value of the first field of that name.
pub(crate) fn value<'a>(fields: &[Field], head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let named = |field: &&Field| field.name.of_head(head).eq_ignore_ascii_case(name.as_bytes());
    fields.iter().find(named).map(|field| field.value.of_head(head))
}

/// What `Connection` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ConnectionOptions {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

/// Takes over the parsed field lines, kinds decided.
pub(crate) fn index(
    head: &[u8],
    parsed: &[httparse::Header<'_>],
    fields: &mut Vec<Field>,
) -> Result<ConnectionOptions, HeadError> {
    fields.clear();
    for header in parsed {
        let name = header.name.as_bytes();
        if name.is_empty() {
            return Err(HeadError::malformed("a field has no name"));
        }
        let field =
            Field { name: Span::of(name, head), value: Span::of(header.value, head), kind: FieldKind::of(name) };
        if field.kind.decides_where_to() && field.has_tabs_around(head) {
            return Err(HeadError::malformed(
                "a tab stands around the value of a field that frames or directs the message",
            ));
        }
        fields.push(field);
    }
    refuse_look_alikes(parsed)?;
    connection_options(parsed, fields)
}

/// Refuses names that a program may read as another one, because it maps `-` and `_` to the same character (CGI, WSGI).
fn refuse_look_alikes(parsed: &[httparse::Header<'_>]) -> Result<(), HeadError> {
    for header in parsed.iter().filter(|header| header.name.contains('_')) {
        let twin = header.name.replace('_', "-");
        let collides = FieldKind::of(twin.as_bytes()) != FieldKind::Other
            || parsed.iter().any(|other| other.name.eq_ignore_ascii_case(&twin));
        if collides {
            return Err(HeadError::malformed("a field name with `_` imitates one with `-`"));
        }
    }
    Ok(())
}

/// Reads every `Connection` field; the fields that it lists end here.
fn connection_options(parsed: &[httparse::Header<'_>], fields: &mut [Field]) -> Result<ConnectionOptions, HeadError> {
    let mut options = ConnectionOptions::default();
    for (index, header) in parsed.iter().enumerate() {
        if fields[index].kind != FieldKind::Connection {
            continue;
        }
        for token in header.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            match token {
                b"" => {}
                _ if token.eq_ignore_ascii_case(b"close") => options.close = true,
                _ if token.eq_ignore_ascii_case(b"keep-alive") => options.keep_alive = true,
                _ if token.eq_ignore_ascii_case(b"upgrade") => options.upgrade = true,
                _ => end_here(token, parsed, fields)?,
            }
        }
    }
    Ok(options)
}

fn end_here(token: &[u8], parsed: &[httparse::Header<'_>], fields: &mut [Field]) -> Result<(), HeadError> {
    if !token.iter().all(|byte| is_token(*byte)) {
        return Err(HeadError::malformed("a connection option is not a token"));
    }
    for (field, header) in fields.iter_mut().zip(parsed) {
        if field.kind == FieldKind::Other && header.name.as_bytes().eq_ignore_ascii_case(token) {
            field.kind = FieldKind::Hop;
        }
    }
    Ok(())
}

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
