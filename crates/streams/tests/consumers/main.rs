//! Consumers over a socket, used by a client that others wrote.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod dead;
mod pulls;
mod push;
mod rig;
