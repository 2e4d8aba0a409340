//! The monitoring over HTTP: JSON at `/varz`, `/connz`, `/subsz`, `/jsz` and `/healthz`, as the reference server names them.

mod pages;
mod query;

use std::rc::Rc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Duration, sleep, timeout},
};
use wire::http1::{Framing, HeadLimits, RequestHead};

use super::worker::Worker;
use pages::{Page, page};

pub use query::Query;

/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);
/// The time that somebody has to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

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
    let (status, kind, body) = match is_get.then(|| page(worker, head.path(&input), head.query(&input))) {
        Some(Page::Json(json, true)) => ("200 OK", JSON, json.to_string()),
        Some(Page::Json(json, false)) => ("503 Service Unavailable", JSON, json.to_string()),
        Some(Page::Missing) => ("404 Not Found", TEXT, "there are /varz, /connz, /subsz, /jsz and /healthz".into()),
        Some(Page::Parameter(name)) => ("400 Bad Request", TEXT, format!("there is no parameter `{name}`")),
        None => ("400 Bad Request", TEXT, "ask with GET".into()),
    };
    let body = body + "\n";
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await
}
