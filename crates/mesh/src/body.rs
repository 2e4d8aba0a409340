//! Bodies on their way through.

use wire::http1::{Body, CHUNK_END, ChunkHead, Framing, HeadError, LAST_CHUNK};

use crate::{
    buffer::Buffer,
    socket::{WriteFailed, Writer},
};

/// Why a part of a body did not go on.
pub(crate) enum PassFailed {
    /// It is malformed.
    Malformed(HeadError),
    /// There are more bytes of it than may go on, so many at least; none of these did.
    TooLarge(usize),
    /// It could not be written.
    Write(WriteFailed),
}

/// What went on.
pub(crate) struct Passed {
    /// Bytes that were written, framing and what stood before included.
    pub(crate) written: usize,
    /// Bytes of the body among them.
    pub(crate) data: usize,
}

/// What is smaller is joined to the head before it: one piece takes the kernel less than several.
const JOINED_MAX: usize = 2048;

/// Writes what the buffer holds of a body, framed anew, behind `before`, and uses up both. If nothing could be written, a body of
/// known length is still in the buffer. Of data no more than `allowed` goes on.
pub(crate) async fn pass(
    body: &mut Body,
    buffer: &mut Buffer,
    to: &mut Writer<'_>,
    framing: Framing,
    before: &mut Vec<u8>,
    allowed: u64,
) -> Result<Passed, PassFailed> {
    let compacted = body.compact(buffer.data_mut()).map_err(PassFailed::Malformed)?;
    let data = &buffer.data()[compacted.data];
    if data.len() as u64 > allowed {
        return Err(PassFailed::TooLarge(data.len()));
    }
    let chunk = (framing == Framing::Chunked && !data.is_empty()).then(|| ChunkHead::new(data.len()));
    let (line, end) = chunk.as_ref().map_or((&b""[..], &b""[..]), |line| (line.as_bytes(), CHUNK_END));
    let last = if compacted.done && framing == Framing::Chunked { LAST_CHUNK } else { b"" };
    let written = before.len() + line.len() + data.len() + end.len() + last.len();
    if written <= JOINED_MAX {
        let parts = [line, data, end, last].into_iter().filter(|part| !part.is_empty());
        parts.for_each(|part| before.extend_from_slice(part));
        to.write_all([before]).await
    } else {
        to.write_all([before, line, data, end, last]).await
    }
    .map_err(PassFailed::Write)?;
    let passed = Passed { written, data: data.len() };
    before.clear();
    buffer.consume(compacted.consumed);
    Ok(passed)
}
