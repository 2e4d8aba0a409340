//! A hyper server in memory.

use std::{cell::RefCell, rc::Rc};

use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::{Builder, Runtime},
};

use crate::compare::{Heard, Seen};

/// More than any message has, in either direction.
const PIPE_BYTES: usize = 1 << 20;

/// A hyper server, new for each connection.
pub(crate) struct Hyper(Runtime);

impl Hyper {
    pub(crate) fn start() -> Self {
        Self(Builder::new_current_thread().build().expect("a runtime can be made"))
    }

    /// What hyper makes of these bytes.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Heard {
        self.0.block_on(hear(bytes))
    }
}

async fn hear(bytes: &[u8]) -> Heard {
    let (mut client, server) = tokio::io::duplex(PIPE_BYTES);
    client.write_all(bytes).await.expect("the pipe is large enough");
    client.shutdown().await.expect("the pipe is open");
    let seen = Rc::new(RefCell::new(Vec::new()));
    let service = service_fn(|request| record(request, seen.clone()));
    // Its refusals are told by their status; a connection that ends in the middle of a message has none.
    let _ = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(server), service).await;
    let mut answers = Vec::new();
    client.read_to_end(&mut answers).await.expect("the server has gone");
    let requests = seen.take();
    Heard { refused: last_status(&answers).filter(|status| *status != 200), requests }
}

async fn record(
    request: Request<Incoming>,
    seen: Rc<RefCell<Vec<Seen>>>,
) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let field = head.headers.get("host").map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let host = head.uri.authority().map(ToString::to_string).or(field).unwrap_or_default();
    seen.borrow_mut().push(Seen { method: head.method.to_string(), host, target, body });
    Ok(Response::new(Empty::new()))
}

fn last_status(answers: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(answers);
    let line = text.lines().rfind(|line| line.starts_with("HTTP/1."))?;
    line.split(' ').nth(1)?.parse().ok()
}
