//! What a client has sent, up to the end of a request's head.

use wire::http1::HeadLimits;

use crate::{buffer::Scratch, client::Client, http2, problem::Fault};

/// What a client has sent.
pub(crate) enum Read {
    /// A whole head.
    Head,
    /// The preface of HTTP/2.
    Preface,
    /// Nothing more.
    End,
}

/// Reads until the head is whole, or proves to be the preface of a `fresh` connection.
pub(crate) async fn read_head(
    client: &mut Client,
    scratch: &mut Scratch,
    limits: &HeadLimits,
    fresh: bool,
) -> Result<Read, Fault> {
    let (mut reader, _) = client.socket.split();
    loop {
        if let Some(read) = look(scratch, limits, fresh)? {
            return Ok(read);
        }
        let input = &mut scratch.input;
        match reader.read(input.head_space(limits.head_bytes_max)).await {
            Ok(0) | Err(_) => return Ok(Read::End),
            Ok(count) => input.filled(count),
        }
    }
}

/// What has come so far, if that can be told.
pub(crate) fn look(scratch: &mut Scratch, limits: &HeadLimits, fresh: bool) -> Result<Option<Read>, Fault> {
    let input = scratch.input.data();
    if fresh && http2::is_preface(input) {
        return Ok(Some(Read::Preface));
    }
    let is_whole = scratch.request.parse(input, limits).map_err(Fault::of_request)?;
    Ok(is_whole.then_some(Read::Head))
}
