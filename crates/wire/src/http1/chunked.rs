//! The chunked coding (RFC 9112 section 7.1).

use super::{
    bytes::{self, TEXT, TOKEN},
    error::HeadError,
};

/// What ends a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The line before a chunk.
#[derive(Debug, Clone, Copy)]
pub struct ChunkHead {
    bytes: [u8; 18],
    start: usize,
}

impl ChunkHead {
    /// The line before a chunk of so many bytes. A chunk of none would end the body.
    pub fn new(length: usize) -> Self {
        let mut line = Self { bytes: [0; 18], start: 16 };
        line.bytes[16..].copy_from_slice(CHUNK_END);
        let mut rest = length;
        while rest > 0 || line.start == 16 {
            line.start -= 1;
            line.bytes[line.start] = b"0123456789abcdef"[rest % 16];
            rest /= 16;
        }
        line
    }

    /// The line with its end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// The most bytes of extensions in one chunk line, and in one body.
const EXTENSION_BYTES_MAX: usize = 256;
const EXTENSIONS_BYTES_MAX: usize = 16 * 1024;
/// The most bytes of trailers.
const TRAILERS_BYTES_MAX: usize = 16 * 1024;
const SIZE_DIGITS_MAX: usize = 16;

/// Takes a chunked body apart, byte by byte where it is framing.
#[derive(Debug, Clone)]
pub(crate) struct Chunked {
    state: State,
    size: u64,
    /// Digits, extension bytes of this line, or trailer bytes: whatever the state counts.
    count: usize,
    extensions: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl Chunked {
    pub(crate) fn new() -> Self {
        Self { state: State::Size, size: 0, count: 0, extensions: 0 }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Consumes framing up to the next data, the end of the body or of the input; returns how many bytes, and how many
    /// bytes of data follow them.
    pub(crate) fn step(&mut self, input: &[u8]) -> Result<(usize, usize), HeadError> {
        let mut skip = 0;
        while self.state != State::Done && self.state != State::Data {
            let Some(byte) = input.get(skip) else { return Ok((skip, 0)) };
            self.state = self.take(*byte)?;
            skip += 1;
        }
        if self.state == State::Done {
            return Ok((skip, 0));
        }
        let data = usize::try_from(self.size).unwrap_or(usize::MAX).min(input.len() - skip);
        self.size -= data as u64;
        if self.size == 0 {
            self.state = State::DataCr;
        }
        Ok((skip, data))
    }

    fn take(&mut self, byte: u8) -> Result<State, HeadError> {
        match self.state {
            State::Size => self.take_size(byte),
            State::Extension => self.take_extension(byte),
            State::SizeLf if byte == b'\n' => Ok(self.begin_chunk()),
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataLf if byte == b'\n' => Ok(State::Size),
            State::EndLf if byte == b'\n' => Ok(State::Done),
            State::TrailerStart | State::TrailerName | State::TrailerValue | State::TrailerLf => {
                self.take_trailer(byte)
            }
            _ => Err(HeadError::malformed("a chunk does not end with CR LF")),
        }
    }

    fn take_size(&mut self, byte: u8) -> Result<State, HeadError> {
        match (char::from(byte).to_digit(16), byte) {
            (Some(digit), _) if self.count < SIZE_DIGITS_MAX => {
                self.count += 1;
                self.size = self.size * 16 + u64::from(digit);
                Ok(State::Size)
            }
            (None, b'\r') if self.count > 0 => Ok(State::SizeLf),
            (None, b';') if self.count > 0 => {
                self.count = 0;
                Ok(State::Extension)
            }
            _ => Err(HeadError::malformed("a chunk size is not 1 to 16 hexadecimal digits")),
        }
    }

    fn take_extension(&mut self, byte: u8) -> Result<State, HeadError> {
        self.count += 1;
        self.extensions += 1;
        match byte {
            b'\r' => Ok(State::SizeLf),
            _ if self.count > EXTENSION_BYTES_MAX || self.extensions > EXTENSIONS_BYTES_MAX => {
                Err(HeadError::malformed("the chunk extensions have too many bytes"))
            }
            _ if bytes::is(byte, TEXT) => Ok(State::Extension),
            _ => Err(HeadError::malformed("a chunk extension contains a control character")),
        }
    }

    fn begin_chunk(&mut self) -> State {
        self.count = 0;
        if self.size == 0 { State::TrailerStart } else { State::Data }
    }

    fn take_trailer(&mut self, byte: u8) -> Result<State, HeadError> {
        self.count += 1;
        if self.count > TRAILERS_BYTES_MAX {
            return Err(HeadError::malformed("the trailers have too many bytes"));
        }
        match (self.state, byte) {
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerStart | State::TrailerName, _) if bytes::is(byte, TOKEN) => Ok(State::TrailerName),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, _) if bytes::is(byte, TEXT) => Ok(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            _ => Err(HeadError::malformed("a trailer is malformed")),
        }
    }
}
