//! Request heads.

use super::{
    bytes::{self, METHOD, TOKEN, VISIBLE},
    error::{HeadError, HeadErrorKind},
    field::{Field, FieldKind},
    fields::{Fields, Several},
    framing::{self, Framing},
    head::{HeadLimits, Scan, Span, Version, bounded},
    host,
    target::Target,
};

/// A request head, parsed. One value is used for many requests, so that its memory is.
#[derive(Debug, Clone, Default)]
pub struct RequestHead {
    scan: Scan,
    length: usize,
    method: Span,
    pub(crate) target: Target,
    version: Version,
    framing: Framing,
    host: Span,
    /// The host field that was found valid last: nearly all requests of a client have the same.
    known_host: Vec<u8>,
    upgrade: Option<Span>,
    expects_continue: bool,
    pub(crate) fields: Fields,
}

impl RequestHead {
    /// Looks for a whole head at the beginning of `input`; false if it is not complete. `input` must begin with the same bytes at
    /// every call until true is returned; then the other methods describe the head, and the next call begins anew.
    ///
    /// # Errors
    /// When the head breaks a rule or a limit. The connection cannot be used any more.
    pub fn parse(&mut self, input: &[u8], limits: &HeadLimits) -> Result<bool, HeadError> {
        let input = bounded(input);
        // Nearly every head comes whole. What does not, or is refused, is looked at line by line, so that it ends the same way in
        // whatever pieces it comes.
        if self.scan.is_new() && self.read(input, limits) == Ok(true) && self.length <= limits.head_bytes_max {
            return Ok(true);
        }
        let Some(length) = self.scan.find_end(input, limits)? else { return Ok(false) };
        self.scan = Scan::default();
        match self.read(&input[..length], limits)? {
            true => Ok(true),
            false => Err(HeadError::malformed("the head ends in the middle of a line")),
        }
    }

    /// Forgets an incomplete head.
    pub fn reset(&mut self) {
        self.scan = Scan::default();
    }

    /// Reads a head; false if it is not complete.
    fn read(&mut self, head: &[u8], limits: &HeadLimits) -> Result<bool, HeadError> {
        let Some(lines) = self.read_request_line(head, limits)? else { return Ok(false) };
        let Some(length) = self.fields.read(head, lines, limits.fields_max)? else { return Ok(false) };
        self.length = length;
        self.framing = framing::declared(head, &self.fields, self.version)?.unwrap_or_default();
        self.host = self.find_host(head)?;
        self.expects_continue = self.expects(head)? && self.version == Version::Http11;
        self.upgrade = self.find_upgrade(head);
        Ok(true)
    }

    /// Where the next line begins; `None` if the line is not complete.
    fn read_request_line(&mut self, head: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
        let method = bytes::run(head, 0, METHOD).end;
        if head.get(method).is_some_and(|byte| *byte != b' ') || method == 0 {
            return refuse_method(head, method);
        }
        let visible = bytes::run(head, method + 1, VISIBLE);
        let target = method + 1..visible.end;
        let line_end = target.end + 1 + VERSION_BYTES;
        let Some(rest) = head.get(target.end..line_end + 2) else { return Ok(None) };
        let version = Version::at(&rest[1..]).filter(|_| rest[0] == b' ' && rest.ends_with(b"\r\n"));
        self.version = version.ok_or_else(|| odd_version(rest))?;
        self.method = Span::new(0, method);
        if target.len() > limits.target_bytes_max {
            let detail = "the request target has too many bytes";
            return Err(HeadError { kind: HeadErrorKind::TargetTooLong, detail });
        }
        self.target.parse(head, target, visible.met, &head[..method], limits.escaped_slashes)?;
        Ok(Some(line_end + 2))
    }

    fn find_host(&mut self, head: &[u8]) -> Result<Span, HeadError> {
        let Ok(Some(&Field { value, .. })) = self.fields.only(FieldKind::Host) else {
            return Err(HeadError::malformed("there must be exactly one host field"));
        };
        let host = value.of_head(head);
        if host.is_empty() || host != self.known_host {
            if !host::is_valid(host) {
                return Err(HeadError::malformed("the host field is invalid"));
            }
            self.known_host.clear();
            self.known_host.extend_from_slice(host);
        }
        Ok(self.target.authority.unwrap_or(value))
    }

    fn expects(&self, head: &[u8]) -> Result<bool, HeadError> {
        match self.fields.only(FieldKind::Expect) {
            Ok(expect) => {
                Ok(expect.is_some_and(|expect| expect.value.of_head(head).eq_ignore_ascii_case(b"100-continue")))
            }
            Err(Several) => Err(HeadError::malformed("there are several expect fields")),
        }
    }

    /// The protocol of an upgrade that may be passed on: one protocol, no body, and not `h2c`, which would let requests
    /// pass unseen.
    fn find_upgrade(&self, head: &[u8]) -> Option<Span> {
        if !self.fields.options.upgrade || self.version == Version::Http10 || !self.framing.is_empty() {
            return None;
        }
        let upgrade = self.fields.only(FieldKind::Upgrade).ok()??;
        let protocol = upgrade.value.of_head(head);
        let passes = !protocol.is_empty()
            && protocol.iter().all(|byte| bytes::is(*byte, TOKEN) || *byte == b'/')
            && !protocol.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"h2"));
        passes.then_some(upgrade.value)
    }

    /// The bytes of the head, the empty line included.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The method.
    pub fn method<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        self.method.of_head(head)
    }

    /// The canonical path: what routes, policies and the upstream all see.
    pub fn path<'a>(&'a self, head: &'a [u8]) -> &'a str {
        std::str::from_utf8(self.path_bytes(head)).unwrap_or("/")
    }

    /// The same as bytes.
    pub fn path_bytes<'a>(&'a self, head: &'a [u8]) -> &'a [u8] {
        self.target.path(head)
    }

    /// The query without its `?`; empty without one.
    pub fn query<'a>(&self, head: &'a [u8]) -> &'a str {
        let query = self.target.query.of_head(head);
        std::str::from_utf8(query.strip_prefix(b"?").unwrap_or_default()).unwrap_or_default()
    }

    /// The host, with its port if there is one: of an absolute-form target, else of `Host`.
    pub fn host<'a>(&self, head: &'a [u8]) -> &'a str {
        std::str::from_utf8(self.host.of_head(head)).unwrap_or_default()
    }

    pub(crate) fn host_bytes<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        self.host.of_head(head)
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How the body is framed.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the client wants to send another request on this connection (RFC 9112 section 9.3).
    pub fn keep_alive(&self) -> bool {
        match self.version {
            Version::Http11 => !self.fields.options.close,
            Version::Http10 => self.fields.options.keep_alive && !self.fields.options.close,
        }
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// The protocol that the client asks to change to.
    pub fn upgrade<'a>(&self, head: &'a [u8]) -> Option<&'a [u8]> {
        self.upgrade.map(|span| span.of_head(head))
    }

    /// The values of all fields of that kind, in order: a decision must not hang on one of several.
    pub fn values_of<'a>(&self, head: &'a [u8], kind: FieldKind) -> impl Iterator<Item = &'a [u8]> {
        self.fields.of(kind).map(|field| field.value.of_head(head))
    }

    /// The values of all fields of that name, given in lower case, in order.
    pub fn values<'a>(&self, head: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = |field: &&Field| field.name.of_head(head).eq_ignore_ascii_case(name.as_bytes());
        self.fields().iter().filter(named).map(|field| field.value.of_head(head))
    }

    /// The fields in order.
    pub fn fields(&self) -> &[Field] {
        self.fields.as_slice()
    }
}

/// The bytes of `HTTP/1.1`.
const VERSION_BYTES: usize = 8;

/// Methods are case-sensitive tokens (RFC 9110 section 9.1), but some servers take `get` for `GET`. None of those registered
/// has anything but capital letters and `-`.
fn refuse_method(head: &[u8], end: usize) -> Result<Option<usize>, HeadError> {
    let token = bytes::run(head, end, TOKEN).end;
    match head.get(token) {
        None => Ok(None),
        Some(b' ') if token > 0 => Err(HeadError::not_implemented("the method is not made of capital letters")),
        Some(_) => Err(HeadError::malformed("the request line is malformed")),
    }
}

/// A third word that is no version at all means a blank in the target, not a version of the future.
fn odd_version(rest: &[u8]) -> HeadError {
    match rest {
        [b' ', b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b'\r', _]
            if major.is_ascii_digit() && minor.is_ascii_digit() && Version::at(&rest[1..]).is_none() =>
        {
            HeadError::not_implemented("the version is not HTTP/1.0 or HTTP/1.1")
        }
        _ => HeadError::malformed("the request line is malformed"),
    }
}
