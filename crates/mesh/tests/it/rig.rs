//! A running mesh, scripted servers and a raw client.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    os::fd::OwnedFd,
    path::Path,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use mesh::{Mesh, MeshConfig, TlsConfig};
use model::{
    Epoch, InstanceId, Problem,
    spec::{AdaptiveConcurrency, ConnectionLimits, MessageLimits, Policy, Route, Side},
};
use ports::{
    clock::{Clock, HostClock},
    identity::Identities,
    tasks::{TaskKind, Tasks},
    traffic::{Caller, Connection, Endpoint, GatewayRouting, Routing, Target, Traffic, Upstream},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener},
    time::timeout,
};
use wire::http1::{Body, Framing, HeadLimits, RequestHead, ResponseHead};

/// No wait of a test takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The address at which `orders/1` calls `users`.
pub(crate) const CONNECTION: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

pub(crate) struct Rig {
    pub(crate) mesh: Arc<Mesh>,
    pub(crate) gateway: SocketAddr,
    pub(crate) connections: SocketAddr,
    pub(crate) policy: Policy,
    pub(crate) tasks: Tasks,
    pub(crate) folder: tempfile::TempDir,
}

/// What a service looks like: its name, whether it has been healthy, and its instances by run.
pub(crate) type Service<'a> = (&'a str, bool, &'a [(u64, Target)]);

pub(crate) fn free_socket() -> (OwnedFd, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

pub(crate) fn id(service: &str, run: u64) -> InstanceId {
    format!("{service}/{run}#{run}").parse().unwrap()
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(policy: impl FnOnce(&mut Policy)) -> Self {
        Self::start(policy, |_| {}).await
    }

    /// A rig that asks who calls.
    pub(crate) async fn attested(identities: Arc<dyn Identities>, policy: impl FnOnce(&mut Policy)) -> Self {
        Self::start(policy, |config| config.identities = Some(identities)).await
    }

    /// A rig whose gateway speaks TLS, if told how.
    pub(crate) async fn secure(tls: impl Into<Option<TlsConfig>>, policy: impl FnOnce(&mut Policy)) -> Self {
        Self::start(policy, |config| config.tls = tls.into()).await
    }

    pub(crate) async fn start(policy: impl FnOnce(&mut Policy), change: impl FnOnce(&mut MeshConfig)) -> Self {
        let mut rig = Self::with_clock(Arc::new(HostClock::start()), change).await;
        policy(&mut rig.policy);
        rig
    }

    /// A rig with a clock of its own.
    pub(crate) async fn with_clock(clock: Arc<dyn Clock>, change: impl FnOnce(&mut MeshConfig)) -> Self {
        let ((gateway_socket, gateway), (connections_socket, connections)) = (free_socket(), free_socket());
        let folder = tempfile::tempdir().unwrap();
        let mut config = MeshConfig {
            workers: 2,
            gateway: Some(gateway_socket),
            connections: vec![connections_socket],
            access_log: Some(folder.path().join("access.log")),
            ..MeshConfig::default()
        };
        change(&mut config);
        Self {
            mesh: Mesh::start(config, clock).await.unwrap(),
            gateway,
            connections,
            policy: Policy::default(),
            tasks: Tasks::default(),
            folder,
        }
    }

    /// A rig with one service behind `/`, one instance of it.
    pub(crate) async fn serving(target: Target) -> Self {
        let rig = Self::new().await;
        rig.apply(&[("users", true, &[(1, target)])]).await;
        rig
    }

    pub(crate) fn routing(&self, services: &[Service<'_>]) -> Routing {
        let routes = services.iter().enumerate().map(|(index, (name, _, _))| {
            let prefix = if index == 0 { "/".into() } else { format!("/{name}") };
            Route { strip: index > 0, ..Route::new(prefix, name.parse().unwrap()) }
        });
        let callee = services[0].0.parse().unwrap();
        let caller = Caller::Slot("orders/1".parse().unwrap());
        let (policy, edge) = (Arc::new(self.policy.clone()), MessageLimits::edge());
        let limits = MessageLimits { head: edge.head, ..policy.limits };
        let gateway = Arc::new(Policy { limits, ..self.policy.clone() });
        let connection = Connection { caller, callee, policy, socket: None, side: None };
        Routing {
            messages: Arc::default(),
            gateway: Some(Arc::new(GatewayRouting {
                routes: routes.collect(),
                policy: gateway,
                trusted: Vec::new(),
                connections: ConnectionLimits::default(),
                new: None,
            })),
            connections: Arc::new(BTreeMap::from([(CONNECTION, connection)])),
            services: services.iter().map(|service| (service.0.parse().unwrap(), upstream(service))).collect(),
            shutting_down: false,
        }
    }

    pub(crate) async fn apply(&self, services: &[Service<'_>]) -> Epoch {
        self.mesh.apply(self.routing(services)).await
    }

    pub(crate) async fn client(&self) -> Conn {
        Conn::new(TcpStream::connect(self.gateway).await.unwrap())
    }

    pub(crate) async fn caller(&self) -> Conn {
        Conn::new(TcpStream::connect(self.connections).await.unwrap())
    }

    /// Waits until so many requests are in flight.
    pub(crate) async fn until_in_flight(&self, instance: &InstanceId, count: u32) {
        let reached = async {
            while self.mesh.in_flight(instance) != count {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, reached).await.unwrap();
    }

    /// A server that does with each connection what the script says.
    pub(crate) async fn server<F>(&self, script: impl Fn(Conn) -> F + Send + Sync + 'static) -> Target
    where
        F: Future<Output = ()> + Send + 'static,
    {
        serve(&self.tasks, script).await
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(TaskKind::Work("test"), work);
    }
}

fn upstream((name, has_been_healthy, endpoints): &Service<'_>) -> Arc<Upstream> {
    let endpoint =
        |(run, target): &(u64, Target)| Endpoint { instance: id(name, *run), target: target.clone(), side: Side::Old };
    Arc::new(Upstream {
        has_been_healthy: *has_been_healthy,
        adaptive_concurrency: AdaptiveConcurrency::Switch(true),
        endpoints: endpoints.iter().map(endpoint).collect(),
        ..Upstream::default()
    })
}

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

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A raw connection, of a client or a server.
pub(crate) struct Conn {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Conn {
    pub(crate) fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), buffer: Vec::new() }
    }

    /// The stream itself, of which nothing was read yet.
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    pub(crate) async fn send(&mut self, text: &str) {
        let _ = timeout(PATIENCE, self.stream.write_all(text.as_bytes())).await.expect("the peer takes it");
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("the peer takes it").is_ok()
    }

    pub(crate) async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await.expect("something arrives");
        matches!(read, Ok(1..))
    }

    /// The next request: head and body. `None` at the end.
    pub(crate) async fn request(&mut self) -> Option<(String, Vec<u8>)> {
        let head = self.request_head().await?;
        let body = self.body(head.1).await?;
        Some((head.0, body))
    }

    pub(crate) async fn request_head(&mut self) -> Option<(String, Framing)> {
        let mut head = RequestHead::default();
        while self.buffer.is_empty() || !head.parse(&self.buffer, &HeadLimits::default()).unwrap() {
            if !self.more().await {
                return None;
            }
        }
        let text = String::from_utf8(self.buffer.drain(..head.length()).collect()).unwrap();
        Some((text, head.framing()))
    }

    /// The next response: status, head and body.
    pub(crate) async fn response(&mut self) -> (u16, String, Vec<u8>) {
        self.response_to("GET").await
    }

    pub(crate) async fn response_to(&mut self, method: &str) -> (u16, String, Vec<u8>) {
        let (status, head, framing) = self.response_head(method).await;
        (status, head, self.body(framing).await.expect("the body is whole"))
    }

    /// The status of a GET; `None` if the connection ends instead.
    pub(crate) async fn try_get(&mut self, path: &str) -> Option<u16> {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let mut head = ResponseHead::default();
        while self.buffer.is_empty() || !head.parse(&self.buffer, false, &HeadLimits::default()).unwrap() {
            if !self.more().await {
                return None;
            }
        }
        Some(head.status())
    }

    pub(crate) async fn response_head(&mut self, method: &str) -> (u16, String, Framing) {
        let mut head = ResponseHead::default();
        while self.buffer.is_empty() || !head.parse(&self.buffer, method == "HEAD", &HeadLimits::default()).unwrap() {
            assert!(self.more().await, "the connection ended without a response");
        }
        let text = String::from_utf8(self.buffer.drain(..head.length()).collect()).unwrap();
        (head.status(), text, head.framing())
    }

    /// The whole body, or `None` if it broke off.
    pub(crate) async fn body(&mut self, framing: Framing) -> Option<Vec<u8>> {
        let (mut body, mut data) = (Body::new(framing), Vec::new());
        loop {
            let compacted = body.compact(&mut self.buffer).unwrap();
            data.extend_from_slice(&self.buffer[compacted.data]);
            self.buffer.drain(..compacted.consumed);
            if compacted.done {
                return Some(data);
            }
            if !self.more().await {
                return body.may_close().then_some(data);
            }
        }
    }

    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.more().await, "the connection ended early");
        }
        self.buffer.drain(..count).collect()
    }

    /// What comes up to an end, that with it.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        while !self.buffer.ends_with(end.as_bytes()) {
            assert!(self.more().await, "the connection ended early");
        }
        String::from_utf8(std::mem::take(&mut self.buffer)).unwrap()
    }

    /// All that still comes.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8(std::mem::take(&mut self.buffer)).unwrap()
    }

    /// Whether the peer closes without another byte.
    pub(crate) async fn ends(&mut self) -> bool {
        self.buffer.is_empty() && !self.more().await
    }

    pub(crate) async fn get(&mut self, path: &str) -> (u16, String) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let (status, _, body) = self.response().await;
        (status, String::from_utf8(body).unwrap())
    }

    /// The problem that a request is answered with.
    pub(crate) async fn problem(&mut self, request: &str) -> Problem {
        self.send(request).await;
        let (mut status, mut head, mut body) = self.response().await;
        while status == 100 {
            (status, head, body) = self.response().await;
        }
        let problem: Problem = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no problem: {head}"));
        assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
        assert!(head.contains(&format!("x-isles-reason: {}\r\n", problem.reason)), "{head}");
        assert_eq!(problem.status, status);
        problem
    }
}
