//! Response heads.

use super::{
    bytes,
    error::HeadError,
    field::{Field, FieldKind},
    fields::Fields,
    framing::{self, Framing},
    head::{HeadLimits, Scan, Span, Version, bounded},
};

/// A response head, parsed. One value is used for many responses, so that its memory is.
#[derive(Debug, Clone, Default)]
pub struct ResponseHead {
    scan: Scan,
    length: usize,
    status: u16,
    version: Version,
    framing: Framing,
    status_and_reason: Span,
    pub(crate) fields: Fields,
}

impl ResponseHead {
    /// Looks for a whole head at the beginning of `input`; false if it is not complete. `to_head` says whether it answers a
    /// HEAD request. As [`super::RequestHead::parse`] otherwise.
    ///
    /// # Errors
    /// When the head breaks a rule or a limit. The connection cannot be used any more.
    pub fn parse(&mut self, input: &[u8], to_head: bool, limits: &HeadLimits) -> Result<bool, HeadError> {
        let input = bounded(input);
        // As in a request: what comes whole and is well is read once.
        if self.scan.is_new() && self.read(input, to_head, limits) == Ok(true) && self.length <= limits.head_bytes_max {
            return Ok(true);
        }
        let Some(length) = self.scan.find_end(input, limits)? else { return Ok(false) };
        self.scan = Scan::default();
        match self.read(&input[..length], to_head, limits)? {
            true => Ok(true),
            false => Err(HeadError::malformed("the head ends in the middle of a line")),
        }
    }

    /// Forgets an incomplete head.
    pub fn reset(&mut self) {
        self.scan = Scan::default();
    }

    /// Reads a head; false if it is not complete.
    fn read(&mut self, head: &[u8], to_head: bool, limits: &HeadLimits) -> Result<bool, HeadError> {
        let Some(lines) = self.read_status_line(head)? else { return Ok(false) };
        let Some(length) = self.fields.read(head, lines, limits.fields_max)? else { return Ok(false) };
        self.length = length;
        let status = self.status;
        let declared = framing::declared(head, &self.fields, self.version)?;
        if (status < 200 || status == 204) && !declared.unwrap_or_default().is_empty() {
            return Err(HeadError::malformed("a response that has no body frames one"));
        }
        let bodiless = to_head || status < 200 || status == 204 || status == 304;
        self.framing = if bodiless { Framing::None } else { declared.unwrap_or(Framing::UntilClose) };
        Ok(true)
    }

    /// Where the next line begins; `None` if the line is not complete.
    fn read_status_line(&mut self, head: &[u8]) -> Result<Option<usize>, HeadError> {
        // A peer that answers with another protocol is not HTTP of another version.
        let odd = HeadError::malformed("the answer does not begin with HTTP/1.0 or HTTP/1.1");
        let Some(start) = head.first_chunk::<STATUS_BYTES>() else {
            return if head.contains(&b'\n') { Err(odd) } else { Ok(None) };
        };
        self.version = Version::at(start).ok_or(odd)?;
        let line_end = match head.get(STATUS_BYTES) {
            Some(b' ') => STATUS_BYTES + bytes::text(&head[STATUS_BYTES..]),
            _ => STATUS_BYTES,
        };
        match (start, head.get(line_end..).unwrap_or_default()) {
            (_, [] | [b'\r']) => return Ok(None),
            ([.., b' ', a, b, c], [b'\r', b'\n', ..]) if [a, b, c].into_iter().all(u8::is_ascii_digit) => {
                self.status = [a, b, c].into_iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
            }
            _ => return Err(HeadError::malformed("the status line is malformed")),
        }
        if !(100..600).contains(&self.status) {
            return Err(HeadError::malformed("the status code is not one of 100 to 599"));
        }
        self.status_and_reason = Span::new(STATUS_AT, line_end);
        Ok(Some(line_end + 2))
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
            Version::Http11 => !self.fields.options.close,
            Version::Http10 => self.fields.options.keep_alive && !self.fields.options.close,
        };
        willing && self.framing != Framing::UntilClose
    }

    /// The protocol that a 101 changes to; no other status changes it.
    pub fn upgrade<'a>(&self, head: &'a [u8]) -> Option<&'a [u8]> {
        if self.status != 101 {
            return None;
        }
        let upgrade = self.fields.only(FieldKind::Upgrade).ok()??;
        self.fields.options.upgrade.then(|| upgrade.value.of_head(head))
    }

    /// The status line from the code on: `200 OK`.
    pub(crate) fn status_and_reason(&self) -> Span {
        self.status_and_reason
    }

    /// The value of the first field of that name, given in lower case.
    pub fn value<'a>(&self, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
        self.fields.value(head, name)
    }

    /// The fields in order.
    pub fn fields(&self) -> &[Field] {
        self.fields.as_slice()
    }
}

/// Where the status code begins, behind `HTTP/1.1 `, and where it ends.
const STATUS_AT: usize = 9;
const STATUS_BYTES: usize = 12;
