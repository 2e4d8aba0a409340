//! What a server sends.

/// A whole `PING`.
pub const PING: &[u8] = b"PING\r\n";
/// A whole `PONG`.
pub const PONG: &[u8] = b"PONG\r\n";
/// A whole `+OK`.
pub const OK: &[u8] = b"+OK\r\n";

/// Writes `INFO`; the JSON must be on one line.
pub fn write_info(json: &[u8], out: &mut Vec<u8>) {
    for part in [b"INFO ", json, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Writes `-ERR`; the text must be on one line.
pub fn write_error(text: &str, out: &mut Vec<u8>) {
    for part in ["-ERR '", text, "'\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Writes `MSG`, or `HMSG` where there is a header block.
pub fn write_message(
    subject: &[u8],
    sid: &[u8],
    reply: Option<&[u8]>,
    headers: &[u8],
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    out.reserve(subject.len() + sid.len() + reply.map_or(0, <[u8]>::len) + headers.len() + payload.len() + ROOM);
    write_message_line(subject, sid, reply, headers.len(), payload.len(), out);
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// Writes the control line of `MSG`, or of `HMSG` where there are header bytes. Headers, payload and CR LF follow.
pub fn write_message_line(
    subject: &[u8],
    sid: &[u8],
    reply: Option<&[u8]>,
    header_bytes: usize,
    payload_bytes: usize,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(if header_bytes == 0 { b"MSG " } else { b"HMSG " });
    out.extend_from_slice(subject);
    out.push(b' ');
    out.extend_from_slice(sid);
    out.push(b' ');
    if let Some(reply) = reply {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    if header_bytes > 0 {
        write_number(header_bytes as u64, out);
        out.push(b' ');
    }
    write_number((header_bytes + payload_bytes) as u64, out);
    out.extend_from_slice(b"\r\n");
}

/// What a message takes besides its parts: the verb, blanks, two numbers and two line ends.
const ROOM: usize = 64;

/// Writes a decimal number.
pub(super) fn write_number(number: u64, out: &mut Vec<u8>) {
    let (mut digits, mut at, mut left) = ([0; 20], 20, number);
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}
