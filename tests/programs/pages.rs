//! A service that speaks HTTP/2 and nothing else, as a gRPC server does.
//!
//! It listens on `$PORT`, answers `/healthz`, `/asked` with how often that was asked for, and everything else with the version and the
//! path of the request.

use std::{
    convert::Infallible,
    io,
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
};

use http_body_util::Full;
use hyper::{Request, Response, body::Bytes, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};

static ASKED: AtomicUsize = AtomicUsize::new(0);

fn main() -> io::Result<()> {
    tests::program::listen(serve)
}

/// Answers until the client or an error ends the connection.
fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stream = TokioIo::new(tokio::net::TcpStream::from_std(stream)?);
        let answer = service_fn(async |request| Ok::<_, Infallible>(Response::new(answer(&request))));
        http2::Builder::new(TokioExecutor::new()).serve_connection(stream, answer).await.map_err(io::Error::other)
    })
}

fn answer<B>(request: &Request<B>) -> Full<Bytes> {
    let path = request.uri().path();
    let text = match path {
        "/healthz" => ASKED.fetch_add(1, Ordering::Relaxed).to_string(),
        "/asked" => ASKED.load(Ordering::Relaxed).to_string(),
        _ => format!("{:?} {path}", request.version()),
    };
    Full::new(text.into())
}
