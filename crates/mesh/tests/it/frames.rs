//! A client that writes HTTP/2 frame by frame (RFC 9113 section 4), so that it can write wrong ones.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

use crate::rig::*;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame as it goes over the wire.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A block of fields, each a literal that is not indexed (RFC 7541 section 6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            put_length(text.len(), &mut block);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

fn put_length(length: usize, block: &mut Vec<u8>) {
    if length < 127 {
        return block.push(u8::try_from(length).unwrap());
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// A request's HEADERS with these fields behind the pseudo-fields of a GET of `/`.
pub(crate) fn get(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")];
    frame(HEADERS, flags | END_HEADERS, stream, &block(&[&pseudo, fields].concat()))
}

/// What the server says of one stream, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// HEADERS with a status that the static table has.
    Status(u16),
    /// HEADERS with another status.
    OtherStatus,
    Reset(u32),
    GoAway(u32),
    End,
}

pub(crate) struct Frames {
    pub(crate) reader: OwnedReadHalf,
    pub(crate) writer: OwnedWriteHalf,
}

impl Frames {
    pub(crate) async fn connect(rig: &Rig) -> Self {
        Self::connect_to(rig.gateway).await
    }

    pub(crate) async fn connect_to(address: SocketAddr) -> Self {
        let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
        let mut frames = Self { reader, writer };
        frames.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        frames.send(&frame(SETTINGS, 0, 0, &[])).await;
        frames
    }

    /// False once the server has closed.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.writer.write_all(bytes)).await.expect("the server reads").is_ok()
    }

    /// The next frame: kind, stream and payload.
    pub(crate) async fn next(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        next(&mut self.reader).await
    }

    /// What the server says next of the stream.
    pub(crate) async fn said(&mut self, wanted: u32) -> Said {
        loop {
            let Some((kind, stream, payload)) = self.next().await else { return Said::End };
            match kind {
                GOAWAY => return Said::GoAway(code(&payload[4..8])),
                RST_STREAM if stream == wanted => return Said::Reset(code(&payload)),
                HEADERS if stream == wanted => return status(payload[0]),
                _ => {}
            }
        }
    }
}

/// The next frame: kind, stream and payload.
pub(crate) async fn next(reader: &mut (impl AsyncRead + Unpin)) -> Option<(u8, u32, Vec<u8>)> {
    next_flagged(reader).await.map(|(kind, _, stream, payload)| (kind, stream, payload))
}

/// The next frame: kind, flags, stream and payload.
pub(crate) async fn next_flagged(reader: &mut (impl AsyncRead + Unpin)) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    timeout(PATIENCE, reader.read_exact(&mut head)).await.expect("the server says something").ok()?;
    let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
    let mut payload = vec![0; length];
    timeout(PATIENCE, reader.read_exact(&mut payload)).await.expect("the frame is whole").ok()?;
    Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

pub(crate) fn code(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap())
}

/// The first field is `:status`, as the static table has it (RFC 7541 appendix A).
fn status(first: u8) -> Said {
    let known = [200, 204, 206, 304, 400, 404, 500];
    usize::from(first)
        .checked_sub(0x88)
        .and_then(|index| known.get(index))
        .map_or(Said::OtherStatus, |status| Said::Status(*status))
}
