//! How large, how many and how slow: what clients and instances may ask of the mesh.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ByteSize;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// How large and how slow the messages of a connection may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageLimits {
    /// A request's head.
    pub head: ByteSize,
    /// A request's target.
    pub target: ByteSize,
    /// The fields of a head.
    pub fields: u32,
    /// Whether `%2F` in a path goes on, as a part of its segment.
    #[serde(default)]
    pub escaped_slashes: bool,
    /// A request's body; any size if `None`.
    pub body: Option<ByteSize>,
    /// A response's head.
    pub response_head: ByteSize,
    /// From the first byte of a request's head to its last.
    pub head_timeout: Duration,
    /// The least of a request's body in a second; 0 for any.
    pub progress: ByteSize,
    /// How long a request's body may be slower than `progress`.
    pub progress_grace: Duration,
    /// How much of a body is held in each direction until it has gone on; on a connection of HTTP/2, four times as much of the bodies
    /// of all its streams. At least [`MessageLimits::BUFFER_MIN`].
    pub buffer: ByteSize,
    /// Between two requests of a client.
    pub client_idle: Duration,
    /// How long a client's connection takes requests; for ever if `None`.
    pub client_age: Option<Duration>,
    /// Between two requests to an instance, on one connection. Shorter than what programs use, so that they seldom close first.
    pub upstream_idle: Duration,
    /// Connections to one instance.
    pub upstream_connections: u32,
    /// Connections from one instance; those of clients outside are bound by [`ConnectionLimits`].
    #[serde(default = "client_connections")]
    pub client_connections: u32,
    /// Those of HTTP/2.
    pub http2: Http2Limits,
}

fn client_connections() -> u32 {
    1024
}

impl MessageLimits {
    /// What a head and the begin of its body are read into, so less would bound nothing.
    pub const BUFFER_MIN: ByteSize = ByteSize(16 * KIB);

    /// Of clients outside.
    pub fn edge() -> Self {
        Self {
            head: ByteSize(32 * KIB),
            target: ByteSize(8 * KIB),
            fields: 100,
            escaped_slashes: false,
            body: Some(ByteSize(16 * MIB)),
            response_head: ByteSize(64 * KIB),
            head_timeout: Duration::from_secs(10),
            progress: ByteSize(240),
            progress_grace: Duration::from_secs(5),
            buffer: Self::BUFFER_MIN,
            client_idle: Duration::from_secs(75),
            client_age: Some(Duration::from_secs(3600)),
            upstream_idle: Duration::from_secs(3),
            upstream_connections: 1024,
            client_connections: client_connections(),
            http2: Http2Limits::edge(),
        }
    }

    /// Of instances.
    pub fn inside() -> Self {
        Self {
            head: ByteSize(64 * KIB),
            body: None,
            client_idle: Duration::from_secs(3600),
            client_age: None,
            http2: Http2Limits::inside(),
            ..Self::edge()
        }
    }
}

/// What one HTTP/2 connection may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http2Limits {
    /// Streams at a time.
    pub streams: u32,
    /// What a stream may send ahead.
    pub window: ByteSize,
    /// What the connection may send ahead.
    pub connection_window: ByteSize,
    /// Streams that the client reset and that still cost us something (CVE-2023-44487).
    pub resets: u32,
    /// Streams that we reset because of what the client did (CVE-2025-8671).
    pub local_resets: u32,
    /// Frames in a second that ask for nothing, beside one for each request and for each KiB of responses.
    pub control_frames: u32,
    /// Empty frames of bodies that are not the last one, [`Http2Limits::EMPTY_FRAMES_MAX`] at the most.
    #[serde(default = "empty_frames")]
    pub empty_frames: u32,
}

fn empty_frames() -> u32 {
    Http2Limits::EMPTY_FRAMES_MAX
}

impl Http2Limits {
    /// What the crate `h2` takes on one connection, however it is set up (RUSTSEC-2026-0258).
    pub const EMPTY_FRAMES_MAX: u32 = 100;

    fn edge() -> Self {
        Self {
            streams: 100,
            window: ByteSize(64 * KIB),
            connection_window: ByteSize(MIB),
            resets: 20,
            local_resets: 1024,
            control_frames: 1000,
            empty_frames: empty_frames(),
        }
    }

    fn inside() -> Self {
        Self { streams: 256, window: ByteSize(MIB), connection_window: ByteSize(4 * MIB), ..Self::edge() }
    }
}

/// How many connections the gateway takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionLimits {
    /// In all.
    pub total: u32,
    /// From one address; of IPv6, from one network of 64 bits.
    pub per_peer: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { total: 65_536, per_peer: 16_384 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_before_a_limit_has_its_default() {
        let mut stored = serde_json::to_value(MessageLimits::inside()).unwrap();
        for limit in ["client_connections", "escaped_slashes"] {
            assert!(stored.as_object_mut().unwrap().remove(limit).is_some());
        }
        assert!(stored["http2"].as_object_mut().unwrap().remove("empty_frames").is_some());
        assert_eq!(serde_json::from_value::<MessageLimits>(stored).unwrap(), MessageLimits::inside());
    }
}
