//! The little of WebSocket (RFC 6455) that a proxy needs: where frames end, and how to say "going away".

/// The close frame "1001, going away" as a server sends it (RFC 6455 sections 5.5.1 and 7.4.1).
pub const GOING_AWAY_FROM_SERVER: &[u8] = &[0x88, 0x02, 0x03, 0xE9];

/// The same as a client sends it: masked, here with the key zero (RFC 6455 section 5.3).
pub const GOING_AWAY_FROM_CLIENT: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9];

/// Follows the frames in one direction of a WebSocket, to know whether a frame of our own may be put in.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    head: [u8; 14],
    head_length: usize,
    payload_left: u64,
}

impl Frames {
    /// Takes note of bytes that were forwarded.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let part = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
                self.payload_left -= part as u64;
                bytes = &bytes[part..];
            } else {
                self.push(bytes[0]);
                bytes = &bytes[1..];
            }
        }
    }

    /// Whether the last byte that was forwarded ended a frame.
    pub fn at_boundary(&self) -> bool {
        self.head_length == 0 && self.payload_left == 0
    }

    fn push(&mut self, byte: u8) {
        self.head[self.head_length] = byte;
        self.head_length += 1;
        if self.head_length >= 2 && self.head_length == head_length(self.head[1]) {
            self.payload_left = payload_length(&self.head);
            self.head_length = 0;
        }
    }
}

fn head_length(second: u8) -> usize {
    let extended = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + extended + if second & 0x80 != 0 { 4 } else { 0 }
}

fn payload_length(head: &[u8; 14]) -> u64 {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum: u64, byte| (sum << 8) | u64::from(*byte));
    match head[1] & 0x7F {
        126 => number(&head[2..4]),
        127 => number(&head[2..10]),
        short => u64::from(short),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_where_they_say() {
        let long = [&[0x82, 126, 1, 0][..], &[7; 256]].concat();
        let huge = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 1][..], &[7; 65_537]].concat();
        let masked = [&[0x81, 0x83, 1, 2, 3, 4][..], b"abc"].concat();
        for frame in [GOING_AWAY_FROM_SERVER, GOING_AWAY_FROM_CLIENT, &[0x89, 0], &long, &huge, &masked] {
            let mut frames = Frames::default();
            for (index, byte) in frame.iter().enumerate() {
                assert_eq!(frames.at_boundary(), index == 0, "byte {index} of {}", frame.len());
                frames.pass(&[*byte]);
            }
            assert!(frames.at_boundary());
            frames.pass(&[frame, frame].concat());
            assert!(frames.at_boundary());
        }
    }
}
