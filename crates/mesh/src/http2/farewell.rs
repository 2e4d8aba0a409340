//! What a client of HTTP/2 hears that is not served: two frames (RFC 9113 sections 6.5 and 6.8), for which no connection is made.

const HEAD_BYTES: usize = 9;
/// An empty one: a server's first frame.
const SETTINGS: [u8; HEAD_BYTES] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const GOAWAY: u8 = 7;
/// Nothing was done for it.
const REFUSED_STREAM: u32 = 7;
/// The last stream that was looked at, and the code.
const FIXED_BYTES: usize = 8;
/// What every client takes (RFC 9113 section 4.2).
const PAYLOAD_MAX: usize = 16 * 1024;

/// SETTINGS and a GOAWAY that gives this text as its debug data.
pub(crate) fn farewell(text: &str) -> Vec<u8> {
    let text = &text.as_bytes()[..text.len().min(PAYLOAD_MAX - FIXED_BYTES)];
    let [_, high, middle, low] = u32::try_from(FIXED_BYTES + text.len()).unwrap_or_default().to_be_bytes();
    let head = [high, middle, low, GOAWAY, 0, 0, 0, 0, 0];
    [&SETTINGS[..], &head, &[0; 4], &REFUSED_STREAM.to_be_bytes(), text].concat()
}
