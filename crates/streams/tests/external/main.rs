//! What Isles asks of a nats-server that somebody else runs: to be let in, over TLS too, and to keep services to their rights.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod login;
mod tls;
mod users;
