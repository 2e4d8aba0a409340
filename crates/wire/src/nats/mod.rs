//! The client protocol of NATS (<https://docs.nats.io/reference/reference-protocols/nats-protocol>): both directions, by slice.
//!
//! A parser is given what has arrived so far and answers with one operation and its length, or with how many bytes it needs. It
//! keeps no state, so that it does not matter how the bytes were cut. Lines may end in a bare LF, as with the reference
//! server; payloads end in CR LF. Stricter than that server, because receivers choke on it: a control line is UTF-8 without
//! control characters, and a header block is a whole one.

mod client;
mod error;
mod header;
mod line;
#[cfg(test)]
mod properties;
mod server;
mod write;

pub use client::{ClientOp, Limits, Publish, Subscribe, parse_client};
pub use error::ParseError;
pub use header::{HeaderBlock, is_header_block, write_field, write_headers_end, write_status};
pub use line::Parsed;
pub use server::{Delivery, ServerOp, parse_server};
pub use write::{OK, PING, PONG, write_error, write_info, write_message, write_message_line};
