//! A hyper client in memory.

use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    runtime::{Builder, Runtime},
};

use super::Answer;

/// More than any message has, in either direction.
const PIPE_BYTES: usize = 1 << 20;

/// A hyper client, new for each connection.
pub(super) struct Hyper(Runtime);

impl Hyper {
    pub(super) fn start() -> Self {
        Self(Builder::new_current_thread().build().expect("a runtime can be made"))
    }

    /// What hyper makes of these bytes as the answer to a GET or HEAD.
    pub(super) fn hear(&self, bytes: &[u8], to_head: bool) -> Option<Answer> {
        self.0.block_on(async {
            let (client, server) = tokio::io::duplex(PIPE_BYTES);
            let (answer, ()) = tokio::join!(ask(client, to_head), say(server, bytes));
            answer
        })
    }
}

async fn ask(stream: DuplexStream, to_head: bool) -> Option<Answer> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let method = if to_head { Method::HEAD } else { Method::GET };
    let request = Request::builder().method(method).uri("/").header("host", "a").body(Empty::<Bytes>::new()).ok()?;
    let answer = async {
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes().to_vec();
        Some(Answer { status: head.status.as_u16(), body })
    };
    tokio::join!(answer, connection).0
}

/// Answers once the request is there.
async fn say(mut stream: DuplexStream, bytes: &[u8]) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut request).await.expect("the client asks");
    }
    stream.write_all(bytes).await.expect("the pipe is large enough");
}
