//! A client of HTTP/2 with several streams at once.

use std::{io, net::SocketAddr, pin::Pin, time::Duration};

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, runtime::Runtime, time::timeout};

use super::check;

const PATIENCE: Duration = Duration::from_secs(30);

/// The client, and the thread's own runtime that drives it.
pub(super) struct Http2 {
    address: SocketAddr,
    runtime: Runtime,
    kept: Option<Connected>,
}

struct Connected {
    sender: http2::SendRequest<Empty<Bytes>>,
    connection: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
}

impl Http2 {
    pub(super) fn new(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { address, runtime: runtime.expect("the host has a poller"), kept: None }
    }

    /// Asks four times at once.
    pub(super) fn ask_at_once(&mut self, path: &str) -> io::Result<()> {
        let mut connected = match self.kept.take() {
            Some(connected) => connected,
            None => self.runtime.block_on(connect(self.address))?,
        };
        let uri = format!("http://{}{path}", self.address);
        let Connected { sender, connection } = &mut connected;
        let ask = || get(sender.clone(), uri.clone());
        let asked = self.runtime.block_on(async {
            tokio::select! {
                asked = timeout(PATIENCE, async { tokio::try_join!(ask(), ask(), ask(), ask()) }) => asked?.map(drop),
                ended = connection => Err(io::Error::other(format!("the connection ended: {ended:?}"))),
            }
        });
        if asked.is_ok() {
            self.kept = Some(connected);
        }
        asked
    }
}

async fn connect(address: SocketAddr) -> io::Result<Connected> {
    let stream = TcpStream::connect(address).await?;
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(io::Error::other)?;
    Ok(Connected { sender, connection: Box::pin(connection) })
}

async fn get(mut sender: http2::SendRequest<Empty<Bytes>>, uri: String) -> io::Result<()> {
    let request = Request::get(uri).body(Empty::new()).map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    check(status, &String::from_utf8_lossy(&body))
}
