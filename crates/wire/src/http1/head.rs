//! What request and response heads share: spans, limits, and where a head ends.

use memchr::memchr;

use super::error::HeadError;

/// A part of a head, as offsets from the head's first byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// The bytes of which a head is looked for, at most.
const INPUT_MAX: usize = u32::MAX as usize;

/// The part of the input that a head is looked for in.
pub(crate) fn bounded(input: &[u8]) -> &[u8] {
    &input[..input.len().min(INPUT_MAX)]
}

impl Span {
    #[allow(clippy::cast_possible_truncation, reason = "what is parsed has no more than `INPUT_MAX` bytes")]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes, out of the head that was parsed.
    ///
    /// # Panics
    /// If `head` is shorter than the head that was parsed.
    pub fn of_head(self, head: &[u8]) -> &[u8] {
        &head[self.start as usize..self.end as usize]
    }
}

/// What a head may be at the most.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// Bytes of the whole head.
    pub head_bytes_max: usize,
    /// Bytes of the request target.
    pub target_bytes_max: usize,
    /// Field lines.
    pub fields_max: usize,
    /// Whether a path may have encoded slashes: each is a part of its segment, then.
    pub escaped_slashes: bool,
}

impl HeadLimits {
    /// The field lines of [`HeadLimits::default`].
    pub const FIELDS_MAX: usize = 100;
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            head_bytes_max: 64 * 1024,
            target_bytes_max: 8 * 1024,
            fields_max: Self::FIELDS_MAX,
            escaped_slashes: false,
        }
    }
}

/// The version of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
}

impl Version {
    /// The version that stands at the beginning of the input.
    pub(crate) fn at(input: &[u8]) -> Option<Self> {
        match input.first_chunk::<8>()? {
            b"HTTP/1.1" => Some(Self::Http11),
            b"HTTP/1.0" => Some(Self::Http10),
            _ => None,
        }
    }
}

/// Looks for the empty line that ends a head, from where the last look ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scan {
    line_start: usize,
    scanned: usize,
    lines: usize,
}

impl Scan {
    /// Whether nothing was looked at yet.
    pub(crate) fn is_new(&self) -> bool {
        self.scanned == 0
    }

    /// The head's length if it is complete. Refuses lines that end with a bare LF, and what exceeds the limits.
    pub(crate) fn find_end(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
        while let Some(offset) = memchr(b'\n', &input[self.scanned.min(input.len())..]) {
            let newline = self.scanned + offset;
            self.scanned = newline + 1;
            if newline == self.line_start || input[newline - 1] != b'\r' {
                return Err(HeadError::malformed("a line ends with a bare LF"));
            }
            if newline == self.line_start + 1 {
                return self.end(limits).map(Some);
            }
            self.line_start = self.scanned;
            self.lines += 1;
            if self.lines > limits.fields_max + 1 {
                return Err(HeadError::too_large("too many fields"));
            }
        }
        self.scanned = input.len();
        if input.len() >= limits.head_bytes_max {
            return Err(HeadError::too_large("the head has too many bytes"));
        }
        Ok(None)
    }

    fn end(&self, limits: &HeadLimits) -> Result<usize, HeadError> {
        if self.lines == 0 {
            return Err(HeadError::malformed("an empty line stands where a head must begin"));
        }
        if self.scanned > limits.head_bytes_max {
            return Err(HeadError::too_large("the head has too many bytes"));
        }
        Ok(self.scanned)
    }
}
