//! HTTP/2 (RFC 9113), to clients and to instances, with the crate `h2`.
//!
//! A client's connection stays on the worker that accepted it, with all of its streams: `serve` → `stream` → `exchange`. A
//! request is written as an HTTP/1.1 head and read by `wire::http1`, so that one strict codec decides for both versions.
//! A body is a [`body::Source`] on one side and a [`body::Sink`] on the other, whatever the two sides speak.

mod ahead;
mod answer;
mod body;
mod chunk;
mod farewell;
mod fields;
mod from_http1;
pub(crate) mod grpc;
mod hands;
mod hedged;
mod http1;
mod inlet;
mod io;
mod links;
mod meter;
mod misuse;
mod outgoing;
mod outlet;
mod pipe;
pub(crate) mod probe;
mod relay;
mod request;
mod serve;
mod stream;
mod to_http1;
mod to_http2;
mod trailers;
mod wire;

pub(crate) use farewell::farewell;
pub(crate) use from_http1::run as from_http1;
pub(crate) use hands::Hands;
pub(crate) use links::Links;
pub(crate) use serve::serve;

/// What the crate `h2` allows for small frames of bodies that nobody has taken from it: it would end a connection with all of its
/// streams for one that does not go on. The windows bound them here, as [`ahead`] joins them and [`io`] lets it take its turn.
const DATA_FRAME_BUDGET: usize = usize::MAX;

/// What a client's connection begins with (RFC 9113 section 3.4). The method `PRI` is reserved for it, so its first line tells.
const PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Whether the first bytes of a connection are those of HTTP/2.
pub(crate) fn is_preface(bytes: &[u8]) -> bool {
    bytes.starts_with(PREFACE_LINE)
}
