//! Consumers over a socket, used by a client that others wrote.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pulls;
mod rig;
