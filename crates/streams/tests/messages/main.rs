//! The server of messages as services see it: through the client that Rust programs use, each at an address of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod buckets;
mod drain;
mod rig;
mod rights;
mod topics;
