//! Listening sockets: every worker accepts from all of them, and whoever has clearly fewer connections serves what was accepted.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::{fd::OwnedFd, unix::net::UnixListener as StdUnixListener},
    rc::Rc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream, UnixListener},
    task::{JoinHandle, spawn_local},
};

use crate::{
    attest,
    client::{self, Client},
    connect::stay_on_host,
    crew::{Accepted, Inbox, Seat},
    socket::Socket,
    tls,
    unix::Unix,
    worker::Worker,
};

/// How long nothing is accepted after the host refused a descriptor or memory.
const PAUSE: Duration = Duration::from_millis(50);

/// What enters through a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Requests from outside.
    Gateway,
    /// Calls of instances, told apart by the local address.
    Connections,
}

/// A listening socket.
pub(crate) struct Listener {
    pub(crate) kind: Kind,
    socket: std::net::TcpListener,
}

/// Where a client entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Gateway,
    Address(Ipv4Addr),
}

impl Listener {
    pub(crate) fn new(kind: Kind, descriptor: OwnedFd) -> io::Result<Self> {
        let socket = std::net::TcpListener::from(descriptor);
        socket.set_nonblocking(true)?;
        if kind == Kind::Connections || socket.local_addr().is_ok_and(|address| address.ip().is_loopback()) {
            stay_on_host(&socket);
        }
        Ok(Self { kind, socket })
    }

    /// The same socket for another worker.
    pub(crate) fn share(&self) -> io::Result<Self> {
        Ok(Self { kind: self.kind, socket: self.socket.try_clone()? })
    }
}

/// Begins to accept.
pub(crate) fn start(worker: &Rc<Worker>, listener: Listener) -> io::Result<()> {
    let socket = TcpListener::from_std(listener.socket)?;
    worker.listen(accept_all(worker.clone(), socket, listener.kind));
    Ok(())
}

/// Begins to accept from the Unix socket beside an address.
pub(crate) fn start_calls(
    worker: &Rc<Worker>,
    address: Ipv4Addr,
    socket: &StdUnixListener,
) -> io::Result<JoinHandle<()>> {
    let socket = UnixListener::from_std(socket.try_clone()?)?;
    Ok(spawn_local(accept_calls(worker.clone(), socket, address)))
}

/// Serves what other workers have accepted.
pub(crate) async fn take_over(worker: Rc<Worker>, mut inbox: Inbox) {
    while let Some((accepted, seat)) = inbox.recv().await {
        enter_anew(&worker, accepted, seat);
    }
}

async fn accept_calls(worker: Rc<Worker>, socket: UnixListener, address: Ipv4Addr) {
    loop {
        match socket.accept().await {
            Ok((stream, _)) => {
                let Ok(stream) = stream.into_std() else { continue };
                let accepted = Accepted::Call(stream, address);
                match worker.crew.seat(worker.number) {
                    seat if seat.is_of(worker.number) => enter_anew(&worker, accepted, seat),
                    seat => hand_over(&worker, Ok(accepted), seat),
                }
            }
            Err(error) => pause(&error).await,
        }
    }
}

async fn accept_all(worker: Rc<Worker>, socket: TcpListener, kind: Kind) {
    let shakes_hands = kind == Kind::Gateway && worker.door.is_some();
    loop {
        if shakes_hands {
            worker.handshakes.room().await;
        }
        match socket.accept().await {
            Ok((stream, peer)) => match worker.crew.seat(worker.number) {
                seat if seat.is_of(worker.number) => enter_tcp(&worker, kind, stream, peer, seat),
                seat => hand_over(&worker, stream.into_std().map(|stream| Accepted::Tcp(stream, kind, peer)), seat),
            },
            Err(error) => pause(&error).await,
        }
    }
}

async fn pause(error: &io::Error) {
    if error.kind() != io::ErrorKind::ConnectionAborted {
        tokio::time::sleep(PAUSE).await;
    }
}

/// What this worker's poller has not let go, or another one's does not take, is closed: the host has no memory for it.
fn hand_over(worker: &Rc<Worker>, accepted: io::Result<Accepted>, seat: Seat) {
    let Ok(accepted) = accepted else { return };
    if let Some((accepted, seat)) = worker.crew.hand_over(worker.number, accepted, seat) {
        enter_anew(worker, accepted, seat);
    }
}

fn enter_anew(worker: &Rc<Worker>, accepted: Accepted, seat: Seat) {
    match accepted {
        Accepted::Tcp(stream, kind, peer) => {
            let _ = TcpStream::from_std(stream).map(|stream| enter_tcp(worker, kind, stream, peer, seat));
        }
        Accepted::Call(stream, address) => {
            let _ = Unix::new(stream).map(|stream| {
                let (socket, entry, peer) = (Socket::Unix(stream), Entry::Address(address), Ipv4Addr::LOCALHOST.into());
                attest::admit(worker, Client::new(worker, socket, entry, peer, seat));
            });
        }
    }
}

fn enter_tcp(worker: &Rc<Worker>, kind: Kind, stream: TcpStream, peer: SocketAddr, seat: Seat) {
    let client = |entry, stream| Client::new(worker, Socket::of_tcp(stream), entry, peer.ip().to_canonical(), seat);
    if kind == Kind::Gateway {
        let client = client(Entry::Gateway, stream);
        match &worker.door {
            Some(door) => worker.spawn(tls::enter(worker.clone(), door.clone(), client)),
            None => client::serve(worker, client),
        }
    } else if let Ok(local) = stream.local_addr() {
        attest::admit(worker, client(Entry::Address(address(local.ip())), stream));
    }
}

fn address(ip: IpAddr) -> Ipv4Addr {
    match ip.to_canonical() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}
