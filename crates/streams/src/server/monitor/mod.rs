//! The monitoring over HTTP: JSON at `/varz`, `/connz`, `/subsz` and `/healthz`, as the reference server names them.

mod pages;

use std::rc::Rc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Duration, sleep, timeout},
};
use wire::http1::{Framing, HeadLimits, RequestHead};

use super::worker::Worker;

/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);
/// The time that somebody has to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Accepts whoever asks, for ever.
pub(super) async fn accept(worker: Rc<Worker>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let worker = worker.clone();
                Worker::spawn(async move {
                    // Whoever is too slow or speaks no HTTP gets no answer.
                    let _ = timeout(PATIENCE, answer(&worker, stream)).await;
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Answers one request and closes.
async fn answer(worker: &Worker, mut stream: TcpStream) -> std::io::Result<()> {
    let (mut input, mut head) = (Vec::new(), RequestHead::default());
    let parsed = loop {
        match head.parse(&input, &HeadLimits::default()) {
            Ok(true) => break true,
            Ok(false) if stream.read_buf(&mut input).await? == 0 => return Ok(()),
            Ok(false) => {}
            Err(_) => break false,
        }
    };
    let is_get = parsed && head.method(&input) == b"GET" && head.framing() == Framing::None;
    let (status, body) = match is_get.then(|| pages::page(worker, head.path(&input))) {
        Some(Some(body)) => ("200 OK", body),
        Some(None) => ("404 Not Found", "there are /varz, /connz, /subsz and /healthz\n".into()),
        None => ("400 Bad Request", "ask with GET\n".into()),
    };
    let kind = if status == "200 OK" { "application/json" } else { "text/plain" };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await
}
