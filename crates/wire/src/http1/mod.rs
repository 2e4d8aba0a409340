//! HTTP/1.1 (RFC 9112): heads parsed once and forwarded by slice, bodies framed without a copy.
//!
//! The rules are those of a proxy that must never read a byte of one message as another: whatever two
//! implementations might read differently is refused. In particular a bare LF, CR or NUL, obsolete line folding, a blank before the
//! colon, `Content-Length` beside `Transfer-Encoding`, lists of lengths, odd spellings of `chunked`, several or no `Host`,
//! and paths with backslashes, encoded NUL or, unless they are allowed, encoded slashes.

mod body;
mod bytes;
mod chunked;
mod error;
mod field;
mod fields;
mod framing;
mod head;
mod host;
mod request;
mod response;
mod target;
mod write;

#[cfg(test)]
mod properties;

pub use body::{Body, Compacted, Step};
pub use chunked::{CHUNK_END, ChunkHead, LAST_CHUNK};
pub use error::{HeadError, HeadErrorKind};
pub use field::{Field, FieldKind};
pub use framing::Framing;
pub use head::{HeadLimits, Span, Version};
pub use host::host_name;
pub use request::RequestHead;
pub use response::ResponseHead;
pub use write::{Edge, RequestLine, end_request, write_request, write_response};
