//! Consumers over a socket, used by a client that others wrote.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod dead;
mod pulls;
mod push;
mod rig;
