//! A real client of HTTP/2.

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::rig::*;

pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// A real client.
pub(crate) async fn connect(rig: &Rig, address: std::net::SocketAddr) -> Sender {
    handshake(rig, TcpStream::connect(address).await.unwrap()).await
}

pub(crate) async fn handshake(rig: &Rig, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Sender {
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    rig.spawn(async move {
        let _ = connection.await;
    });
    sender
}

pub(crate) fn request(method: &str, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let uri = format!("http://shop.test{path}");
    Request::builder().method(method).uri(uri).body(Full::new(body.into())).unwrap()
}

/// Status, head and body of the answer.
pub(crate) async fn send(sender: &mut Sender, request: Request<Full<Bytes>>) -> (u16, Response<()>, Vec<u8>) {
    let response = timeout(PATIENCE, sender.send_request(request)).await.expect("an answer").unwrap();
    let (parts, body) = response.into_parts();
    let body = timeout(PATIENCE, body.collect()).await.expect("a whole body").unwrap().to_bytes();
    (parts.status.as_u16(), Response::from_parts(parts, ()), body.to_vec())
}
