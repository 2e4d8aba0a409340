//! What the targets in `src/bin` share. A target is one file there; its first inputs are in `corpus/NAME`.

/// How the codec reads a connection; the tests compare it with other servers.
#[path = "../../tests/src/codec.rs"]
pub mod codec;
pub mod http2;

/// The bytes in pieces of this length, at least 1.
pub fn pieces(bytes: &[u8], length: u8) -> Vec<&[u8]> {
    bytes.chunks(usize::from(length).max(1)).collect()
}
