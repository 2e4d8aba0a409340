//! TLS for clients that come over the network.

use std::{io, io::IoSlice, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use super::{
    connection,
    hub::SLICES_MAX,
    worker::{Seat, Worker},
};

/// How a handshake begins (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// How clients speak TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate, and what is asked of clients.
    pub settings: Arc<ServerConfig>,
    /// Whether clients have to show a certificate, as `INFO` says it.
    pub verify: bool,
    /// The time for a handshake.
    pub timeout: Duration,
    /// When it begins.
    pub handshake: Handshake,
    /// Whether clients may do without.
    pub is_optional: bool,
}

/// When a handshake begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Handshake {
    /// After `INFO`, which is sent in the clear.
    #[default]
    AfterInfo,
    /// At once.
    First,
    /// At once if the client begins within this time, else after `INFO`.
    FirstWithin(Duration),
}

/// Serves a client that came over the network.
pub(super) async fn enter(worker: Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
    let tls = worker.hub.borrow().config().tls.clone();
    let seat = Seat::take(worker, Some(peer), None, tls.is_some());
    match tls {
        Some(tls) => secure(seat, stream, &tls).await,
        None => connection::serve(seat, stream).await,
    }
}

async fn secure(seat: Seat, mut stream: TcpStream, tls: &Tls) {
    if seat.closing().is_some() {
        return connection::serve(seat, stream).await;
    }
    let Ok(begun) = timeout(tls.timeout, begin(&seat, &mut stream, tls)).await else { return };
    match begun {
        Ok(HANDSHAKE) => {}
        Ok(_) if tls.is_optional => return connection::serve(seat, stream).await,
        Ok(_) => {
            seat.refuse_clear();
            return connection::serve(seat, stream).await;
        }
        Err(_) => return,
    }
    let acceptor = TlsAcceptor::from(tls.settings.clone());
    // Whoever fails has been told by TLS itself.
    if let Ok(Ok(stream)) = timeout(tls.timeout, acceptor.accept(stream)).await {
        seat.restart_clock();
        connection::serve(seat, stream).await;
    }
}

/// Sends `INFO` in the clear where that comes first, and waits for the client's first byte.
async fn begin(seat: &Seat, stream: &mut TcpStream, tls: &Tls) -> io::Result<u8> {
    match tls.handshake {
        Handshake::First => return first_byte(stream).await,
        Handshake::AfterInfo => {}
        Handshake::FirstWithin(time) => {
            if let Ok(first) = timeout(time, first_byte(stream)).await {
                return first;
            }
        }
    }
    let info = seat.pending();
    stream.write_all(&info).await?;
    seat.written(info.len());
    first_byte(stream).await
}

async fn first_byte(stream: &TcpStream) -> io::Result<u8> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(first[0]),
    }
}

impl Seat {
    /// What waits to be written: `INFO`.
    fn pending(&self) -> Vec<u8> {
        let hub = self.worker.hub.borrow();
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = hub.pending(self.key, &mut slices);
        slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    fn written(&self, bytes: usize) {
        self.worker.hub.borrow_mut().written(self.key, bytes);
    }
}
