//! The reply of a direct get: the message as it was stored, and headers that tell where.

use std::fmt::Write;

use jiff::Timestamp;

const LINE: &str = "NATS/1.0\r\n";
/// The headers that a reply sets. A stored message may carry them too, from a republished one say; then they are replaced, for
/// clients take the first.
const OURS: [&str; 6] =
    ["Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending", "Nats-Last-Sequence"];

/// Where a message is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored<'a> {
    /// The stream.
    pub stream: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// The sequence.
    pub seq: u64,
    /// When it was stored.
    pub time: Timestamp,
    /// Its header block, empty if it has none.
    pub headers: &'a str,
}

/// The place of a message in a reply of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// How many messages meet the request after this one.
    pub pending: u64,
    /// The sequence of the message sent before; 0 for the first.
    pub last_seq: u64,
}

impl Stored<'_> {
    /// The header block of the reply; `place` if several messages were asked for.
    pub fn block(&self, place: Option<Place>) -> String {
        let mut block = String::from(LINE);
        let lines = self.headers.strip_prefix(LINE).unwrap_or_default().split_inclusive("\r\n");
        block.extend(lines.filter(|line| *line != "\r\n" && !is_ours(line)));
        let Self { stream, subject, seq, time, .. } = self;
        let _ = write!(block, "Nats-Stream: {stream}\r\nNats-Subject: {subject}\r\nNats-Sequence: {seq}\r\n");
        let _ = write!(block, "Nats-Time-Stamp: {time}\r\n");
        if let Some(Place { pending, last_seq }) = place {
            let _ = write!(block, "Nats-Num-Pending: {pending}\r\nNats-Last-Sequence: {last_seq}\r\n");
        }
        block + "\r\n"
    }
}

fn is_ours(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        let ours = "Nats-Stream: KV_b\r\nNats-Subject: $KV.b.k\r\nNats-Sequence: 7\r\nNats-Time-Stamp: 2026-01-02T03:04:05.6Z\r\n";
        let batch = "Nats-Num-Pending: 2\r\nNats-Last-Sequence: 6\r\n";
        let place = Some(Place { pending: 2, last_seq: 6 });
        for (headers, place, expected) in [
            ("", None, format!("NATS/1.0\r\n{ours}\r\n")),
            ("", place, format!("NATS/1.0\r\n{ours}{batch}\r\n")),
            ("NATS/1.0\r\nKV-Operation: DEL\r\n\r\n", None, format!("NATS/1.0\r\nKV-Operation: DEL\r\n{ours}\r\n")),
            ("NATS/1.0\r\na: 1\r\nnats-sequence: 1\r\n\r\n", place, format!("NATS/1.0\r\na: 1\r\n{ours}{batch}\r\n")),
        ] {
            let time = "2026-01-02T03:04:05.6Z".parse().unwrap();
            let stored = Stored { stream: "KV_b", subject: "$KV.b.k", seq: 7, time, headers };
            assert_eq!(stored.block(place), expected, "{headers}");
        }
    }
}
