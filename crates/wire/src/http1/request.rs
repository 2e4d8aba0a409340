//! Request heads.

use std::mem::MaybeUninit;

use super::{
    error::{HeadError, HeadErrorKind},
    field::{self, ConnectionOptions, Field, FieldKind},
    framing::{self, Framing},
    head::{HeadLimits, Scan, Span, Version},
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
    options: ConnectionOptions,
    host: Span,
    upgrade: Option<Span>,
    expects_continue: bool,
    pub(crate) fields: Vec<Field>,
}

impl RequestHead {
    /// Looks for a whole head at the beginning of `input`; false if it is not complete. `input` must begin with the same bytes at
    /// every call until true is returned; then the other methods describe the head, and the next call begins anew.
    ///
    /// # Errors
    /// When the head breaks a rule or a limit. The connection cannot be used any more.
    pub fn parse(&mut self, input: &[u8], limits: &HeadLimits) -> Result<bool, HeadError> {
        let Some(length) = self.scan.find_end(input, limits)? else { return Ok(false) };
        self.scan = Scan::default();
        self.length = length;
        self.read(&input[..length], limits).map(|()| true)
    }

    /// Forgets an incomplete head.
    pub fn reset(&mut self) {
        self.scan = Scan::default();
    }

    fn read(&mut self, head: &[u8], limits: &HeadLimits) -> Result<(), HeadError> {
        let mut slots = [const { MaybeUninit::uninit() }; HeadLimits::FIELDS_MAX];
        let mut request = httparse::Request::new(&mut []);
        let status = request.parse_with_uninit_headers(head, &mut slots).map_err(|error| refusal(error, head))?;
        let (Some(method), Some(raw), true) = (request.method, request.path, status.is_complete()) else {
            return Err(HeadError::malformed("the head ends in the middle of a line"));
        };
        if raw.len() > limits.target_bytes_max {
            let detail = "the request target has too many bytes";
            return Err(HeadError { kind: HeadErrorKind::TargetTooLong, detail });
        }
        self.version = Version::of(request.version);
        self.method = Span::of(method.as_bytes(), head);
        refuse_odd_method(method)?;
        self.target.parse(head, raw.as_bytes(), method.as_bytes())?;
        self.options = field::index(head, request.headers, &mut self.fields)?;
        self.framing = framing::declared(head, &self.fields, self.version)?.unwrap_or_default();
        self.host = self.find_host(head)?;
        self.expects_continue = self.expects(head)? && self.version == Version::Http11;
        self.upgrade = self.find_upgrade(head);
        Ok(())
    }

    fn find_host(&self, head: &[u8]) -> Result<Span, HeadError> {
        let mut hosts = self.fields.iter().filter(|field| field.kind == FieldKind::Host);
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(HeadError::malformed("there must be exactly one host field"));
        };
        if !host::is_valid(host.value.of_head(head)) {
            return Err(HeadError::malformed("the host field is invalid"));
        }
        Ok(self.target.authority.unwrap_or(host.value))
    }

    fn expects(&self, head: &[u8]) -> Result<bool, HeadError> {
        let mut expects = self.fields.iter().filter(|field| field.kind == FieldKind::Expect);
        match (expects.next(), expects.next()) {
            (None, _) => Ok(false),
            (Some(expect), None) => Ok(expect.value.of_head(head).eq_ignore_ascii_case(b"100-continue")),
            _ => Err(HeadError::malformed("there are several expect fields")),
        }
    }

    /// The protocol of an upgrade that may be passed on: one protocol, no body, and not `h2c`, which would let requests
    /// pass unseen.
    fn find_upgrade(&self, head: &[u8]) -> Option<Span> {
        if !self.options.upgrade || self.version == Version::Http10 || !self.framing.is_empty() {
            return None;
        }
        let mut upgrades = self.fields.iter().filter(|field| field.kind == FieldKind::Upgrade);
        let (Some(upgrade), None) = (upgrades.next(), upgrades.next()) else { return None };
        let protocol = upgrade.value.of_head(head);
        let passes = !protocol.is_empty()
            && protocol.iter().all(|byte| field::is_token(*byte) || *byte == b'/')
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
        self.target.path(head)
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
            Version::Http11 => !self.options.close,
            Version::Http10 => self.options.keep_alive && !self.options.close,
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
        self.fields.iter().filter(move |field| field.kind == kind).map(|field| field.value.of_head(head))
    }

    /// The values of all fields of that name, in order.
    pub fn values<'a>(&self, head: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = |field: &&Field| field.name.of_head(head).eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(named).map(|field| field.value.of_head(head))
    }

    /// The fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// Methods are case-sensitive tokens (RFC 9110 section 9.1), but some servers take `get` for `GET`. None of those registered
/// has anything but capital letters and `-`.
fn refuse_odd_method(method: &str) -> Result<(), HeadError> {
    if method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_') {
        return Ok(());
    }
    Err(HeadError::not_implemented("the method is not made of capital letters"))
}

/// A third word that is no version at all means a blank in the target, not a version of the future.
fn refusal(error: httparse::Error, head: &[u8]) -> HeadError {
    let line = &head[..memchr::memchr(b'\r', head).unwrap_or(head.len())];
    let is_version = |word: &[u8]| matches!(word, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit());
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    let versioned = words.next().is_some_and(is_version) && words.next().is_none();
    match error {
        httparse::Error::Version if !versioned => HeadError::malformed("the request line is malformed"),
        _ => error.into(),
    }
}
