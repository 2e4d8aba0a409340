//! The NATS server over real sockets: with a client that others wrote, and with raw bytes.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod clients;
mod hook;
mod monitor;
mod raw;
mod rig;
mod streams;
mod tls;
