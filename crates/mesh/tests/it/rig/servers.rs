//! Scripted servers, and addresses where none is.

use std::{
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use ports::{
    tasks::{TaskKind, Tasks},
    traffic::Target,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream, UnixListener},
    sync::Semaphore,
    time::timeout,
};

use super::{Conn, PATIENCE, Rig};

/// Asks for an upgrade.
pub(crate) const UPGRADE: &str =
    "GET /ws HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\r\n";
/// Says yes to it.
pub(crate) const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n\r\n";

/// A server of its own tasks.
pub(crate) async fn serve<F>(tasks: &Tasks, script: impl Fn(Conn) -> F + Send + Sync + 'static) -> Target
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    let connections = tasks.clone();
    tasks.spawn(TaskKind::Work("server"), async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(TaskKind::Work("connection"), script(Conn::new(stream)));
        }
    });
    target
}

/// The same on a Unix socket.
pub(crate) fn serve_unix<F>(tasks: &Tasks, path: &Path, script: impl Fn(Conn) -> F + Send + Sync + 'static) -> Target
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = UnixListener::bind(path).unwrap();
    let connections = tasks.clone();
    tasks.spawn(TaskKind::Work("server"), async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(TaskKind::Work("connection"), script(Conn::new(stream)));
        }
    });
    Target::Unix(path.into())
}

/// Answers every request with its request line and body.
pub(crate) async fn echo(mut conn: Conn) {
    while let Some((head, body)) = conn.request().await {
        let line = head.lines().next().unwrap_or_default();
        let text = format!("{line}|{}", String::from_utf8_lossy(&body));
        conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())).await;
    }
}

/// Answers each request once the gate lets it.
pub(crate) fn gated(
    gate: &Arc<Semaphore>,
) -> impl Fn(Conn) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + use<> {
    let gate = gate.clone();
    move |mut conn| {
        let gate = gate.clone();
        Box::pin(async move {
            while conn.request().await.is_some() {
                gate.acquire().await.unwrap().forget();
                conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        })
    }
}

/// Answers every request with a name.
pub(crate) fn named(name: &'static str) -> impl Fn(Conn) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync {
    move |mut conn| {
        Box::pin(async move {
            while conn.request().await.is_some() {
                conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{name}", name.len())).await;
            }
        })
    }
}

/// A server that counts its connections; an upgraded one sends back pieces of four bytes, the others answer with their number.
pub(crate) async fn counting(rig: &Rig) -> (Target, Arc<AtomicU32>) {
    let connected = Arc::new(AtomicU32::new(0));
    let connections = connected.clone();
    let target = rig.server(move |mut conn| {
        let number = connections.fetch_add(1, SeqCst).to_string();
        async move {
            while let Some((head, _)) = conn.request().await {
                if head.starts_with("GET /ws ") {
                    conn.send(SWITCH).await;
                    loop {
                        let piece = conn.exactly(4).await;
                        conn.send_bytes(&piece).await;
                    }
                }
                conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{number}", number.len())).await;
            }
        }
    });
    (target.await, connected)
}

/// An address that nothing listens on. It is taken for as long as the tests run, so that no other one comes to listen there.
pub(crate) fn nowhere() -> Target {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = rustix::net::getsockname(&socket).unwrap().try_into().unwrap();
    std::mem::forget(socket);
    Target::Tcp(address)
}

/// A listener that accepts nothing, and whose queue is full: who connects waits.
pub(crate) struct Full {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    pub(crate) async fn new() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            waiting.push(stream.unwrap());
        }
        Self { listener, _waiting: waiting }
    }

    pub(crate) fn target(&self) -> Target {
        Target::Tcp(self.listener.local_addr().unwrap())
    }
}

/// Closes a connection as a program does that dies with something unread.
pub(crate) fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
}

/// Whether the peer resets the connection, instead of ending it, after anything that it says.
pub(crate) async fn is_reset(stream: &mut TcpStream) -> bool {
    let read = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("an end");
    read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}
