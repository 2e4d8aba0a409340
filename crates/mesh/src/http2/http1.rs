//! The body of an HTTP/1.1 message, where the other side speaks HTTP/2.

use std::task::Context;

use bytes::Bytes;
use http::HeaderMap;
use wire::http1::{Body, CHUNK_END, ChunkHead, Framing};

use super::{
    body::{Lost, NotSent, Piece, Sink, Source},
    grpc,
};
use crate::{
    buffer::Buffer,
    socket::{Reader, Writer},
    upload,
};

/// A body that is read from a connection.
pub(super) struct Http1Source<'a> {
    reader: Reader<'a>,
    buffer: &'a mut Buffer,
    /// How much of the body is held.
    room: usize,
    body: Body,
    held: Option<Bytes>,
    /// Whether the buffer holds what has gone on.
    keeps: bool,
    spent: bool,
}

impl<'a> Http1Source<'a> {
    pub(super) fn new(reader: Reader<'a>, buffer: &'a mut Buffer, room: usize, framing: Framing) -> Self {
        Self { reader, buffer, room, body: Body::new(framing), held: None, keeps: false, spent: false }
    }

    /// One that the buffer holds for another attempt, if it is small.
    pub(super) fn kept(self, framing: Framing) -> Self {
        Self { keeps: upload::keeps(self.buffer, framing), ..self }
    }

    /// What the buffer holds of the body, if it holds any.
    fn buffered(&mut self) -> Result<Option<Bytes>, Lost> {
        let compacted = self.body.compact(self.buffer.data_mut()).map_err(Lost::Malformed)?;
        let data = &self.buffer.data()[compacted.data];
        let data = (!data.is_empty()).then(|| Bytes::copy_from_slice(data));
        self.buffer.consume(compacted.consumed);
        match self.keeps {
            true => self.buffer.hold_used(compacted.consumed),
            false => self.spent |= compacted.consumed > 0,
        }
        Ok(data)
    }
}

impl Source for Http1Source<'_> {
    async fn piece(&mut self) -> Result<Option<Piece>, Lost> {
        loop {
            if self.held.is_none() && !self.body.is_done() {
                self.held = self.buffered()?;
            }
            if let Some(data) = self.held.clone() {
                return Ok(Some(Piece { data, last: self.body.is_done() }));
            }
            if self.body.is_done() {
                return Ok(None);
            }
            match self.reader.read(self.buffer.body_space(self.room)).await {
                Ok(count @ 1..) => self.buffer.filled(count),
                Ok(_) if self.body.may_close() => return Ok(None),
                _ => return Err(Lost::Gone),
            }
        }
    }

    fn taken(&mut self) {
        self.held = None;
    }

    fn look_ahead(&mut self, _: &mut Context<'_>) {}

    fn is_spent(&self) -> bool {
        self.spent
    }

    async fn gone(&mut self) {
        upload::watch(&mut self.reader, self.buffer).await;
    }

    async fn broken(&mut self) {
        self.reader.broken().await;
    }

    async fn trailers(&mut self) -> Result<Option<HeaderMap>, Lost> {
        Ok(None)
    }
}

/// A body that is written to a connection, behind its head.
pub(super) struct Http1Sink<'a, 'b> {
    writer: &'a mut Writer<'b>,
    head: &'a [u8],
    framing: Framing,
}

impl<'a, 'b> Http1Sink<'a, 'b> {
    pub(super) fn new(writer: &'a mut Writer<'b>, head: &'a [u8], framing: Framing) -> Self {
        Self { writer, head, framing }
    }

    async fn write<const N: usize>(&mut self, parts: [&[u8]; N]) -> Result<(), NotSent> {
        let written = self.writer.write_all(parts).await;
        self.head = b"";
        written.map_err(|failed| NotSent { begun: failed.begun })
    }
}

impl Sink for Http1Sink<'_, '_> {
    const WITH_HEAD: bool = true;

    async fn send(&mut self, piece: Bytes, last: bool) -> Result<(), NotSent> {
        let chunked = self.framing == Framing::Chunked;
        let line = ChunkHead::new(piece.len());
        let (line, end) =
            if chunked && !piece.is_empty() { (line.as_bytes(), CHUNK_END) } else { (&b""[..], &b""[..]) };
        let last = if chunked && last { wire::http1::LAST_CHUNK } else { b"" };
        self.write([self.head, line, &piece, end, last]).await
    }

    async fn finish(&mut self, trailers: Option<HeaderMap>) -> Result<(), NotSent> {
        if self.framing != Framing::Chunked {
            return self.write([self.head]).await;
        }
        let mut lines = Vec::new();
        // Programs may read a trailer that they do not expect as a field of the head, so only those of gRPC go on.
        for (name, value) in trailers.iter().flatten().filter(|(name, _)| grpc::is_trailer(name.as_str())) {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                lines.extend_from_slice(part);
            }
        }
        self.write([self.head, b"0\r\n", &lines, b"\r\n"]).await
    }
}
