//! Bytes to messages and back, without I/O: one module a protocol.
//!
//! Nothing here reads, writes, waits or allocates per message once its buffers are warm. Every codec refuses what its
//! specification does not allow; none repairs.

pub mod http1;
pub mod nats;
#[cfg(test)]
mod pieces;
pub mod trace;
pub mod websocket;
