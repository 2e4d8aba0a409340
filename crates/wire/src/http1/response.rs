//! Response heads.

use std::mem::MaybeUninit;

use super::{
    error::HeadError,
    field::{self, ConnectionOptions, Field, FieldKind},
    framing::{self, Framing},
    head::{HeadLimits, Scan, Span, Version},
};

/// A response head, parsed. One value is used for many responses, so that its memory is.
#[derive(Debug, Clone, Default)]
pub struct ResponseHead {
    scan: Scan,
    length: usize,
    status: u16,
    version: Version,
    framing: Framing,
    options: ConnectionOptions,
    pub(crate) fields: Vec<Field>,
}

impl ResponseHead {
    /// Looks for a whole head at the beginning of `input`; false if it is not complete. `to_head` says whether it answers a
    /// HEAD request. As [`super::RequestHead::parse`] otherwise.
    ///
    /// # Errors
    /// When the head breaks a rule or a limit. The connection cannot be used any more.
    pub fn parse(&mut self, input: &[u8], to_head: bool, limits: &HeadLimits) -> Result<bool, HeadError> {
        let Some(length) = self.scan.find_end(input, limits)? else { return Ok(false) };
        self.scan = Scan::default();
        self.length = length;
        self.read(&input[..length], to_head).map(|()| true)
    }

    /// Forgets an incomplete head.
    pub fn reset(&mut self) {
        self.scan = Scan::default();
    }

    fn read(&mut self, head: &[u8], to_head: bool) -> Result<(), HeadError> {
        let mut slots = [const { MaybeUninit::uninit() }; HeadLimits::FIELDS_MAX];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut response, head, &mut slots)
            .map_err(refusal)?;
        let (Some(status), true) = (response.code, parsed.is_complete()) else {
            return Err(HeadError::malformed("the head ends in the middle of a line"));
        };
        if !(100..600).contains(&status) {
            return Err(HeadError::malformed("the status code is not one of 100 to 599"));
        }
        self.status = status;
        self.version = Version::of(response.version);
        self.options = field::index(head, response.headers, &mut self.fields)?;
        let declared = framing::declared(head, &self.fields, self.version)?;
        if (status < 200 || status == 204) && !declared.unwrap_or_default().is_empty() {
            return Err(HeadError::malformed("a response that has no body frames one"));
        }
        let bodiless = to_head || status < 200 || status == 204 || status == 304;
        self.framing = if bodiless { Framing::None } else { declared.unwrap_or(Framing::UntilClose) };
        Ok(())
    }

    /// The bytes of the head, the empty line included.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The status code, 100 to 599.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// How the body is framed.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether another request may be sent on this connection (RFC 9112 section 9.3).
    pub fn keep_alive(&self) -> bool {
        let willing = match self.version {
            Version::Http11 => !self.options.close,
            Version::Http10 => self.options.keep_alive && !self.options.close,
        };
        willing && self.framing != Framing::UntilClose
    }

    /// The protocol that a 101 changes to; no other status changes it.
    pub fn upgrade<'a>(&self, head: &'a [u8]) -> Option<&'a [u8]> {
        if self.status != 101 {
            return None;
        }
        let mut upgrades = self.fields.iter().filter(|field| field.kind == FieldKind::Upgrade);
        match (self.options.upgrade, upgrades.next(), upgrades.next()) {
            (true, Some(upgrade), None) => Some(upgrade.value.of_head(head)),
            _ => None,
        }
    }

    /// The status line from the code on, and the fields: `200 OK`.
    pub(crate) fn status_and_reason(&self, head: &[u8]) -> Span {
        let line_end = memchr::memchr(b'\r', head).unwrap_or(head.len());
        Span::new(STATUS_AT.min(line_end), line_end)
    }

    /// The value of the first field of that name, given in lower case.
    pub fn value<'a>(&self, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
        field::value(&self.fields, head, name)
    }

    /// The fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// Where the status code begins: behind `HTTP/1.1 `.
const STATUS_AT: usize = 9;

/// A peer that answers with another protocol is not HTTP of another version.
fn refusal(error: httparse::Error) -> HeadError {
    match error {
        httparse::Error::Version => HeadError::malformed("the answer does not begin with HTTP/1.0 or HTTP/1.1"),
        _ => error.into(),
    }
}
