//! HTTP/2 as a fuzzer speaks it: frames, and a mesh to send them to.

use std::{
    collections::BTreeMap,
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use mesh::{Mesh, MeshConfig};
use model::{
    InstanceId, Slot,
    spec::{ConnectionLimits, Policy, Route, Side},
};
use ports::{
    clock::HostClock,
    traffic::{Endpoint, GatewayRouting, Routing, Target, Traffic, Upstream},
};
use tokio::signal::unix::{SignalKind, signal};

/// What a client says first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Kinds of frames.
pub const DATA: u8 = 0;
/// Of a head, or of trailers.
pub const HEADERS: u8 = 1;
/// The end of a stream before its time.
pub const RST_STREAM: u8 = 3;
/// What comes first.
pub const SETTINGS: u8 = 4;
/// A flag: the stream's last.
pub const END_STREAM: u8 = 1;
/// A flag: the head's last.
pub const END_HEADERS: u8 = 4;
/// Nothing takes longer, or it hangs.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A frame that was read.
pub struct Frame {
    /// What it is.
    pub kind: u8,
    /// What is said of it.
    pub flags: u8,
    /// Its stream; 0 for the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// The frames of an input, as they go over the wire.
pub fn frames(mut input: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    while let [kind, flags, stream, length, rest @ ..] = input {
        let (payload, behind) = rest.split_at(rest.len().min(usize::from(*length)));
        frames.extend(frame(*kind, *flags, u32::from(*stream), payload));
        input = behind;
    }
    frames
}

/// A frame as it goes over the wire.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("it is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The next frame; `None` at the end.
///
/// # Panics
/// When nothing comes for longer than the stream waits.
pub fn next(from: &mut TcpStream) -> Option<Frame> {
    let mut head = [0; 9];
    exactly(from, &mut head)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).expect("it fits")];
    exactly(from, &mut payload)?;
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some(Frame { kind: head[3], flags: head[4], stream, payload })
}

fn exactly(from: &mut TcpStream, bytes: &mut [u8]) -> Option<()> {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    match from.read_exact(bytes) {
        Ok(()) => Some(()),
        Err(error) if [TimedOut, WouldBlock].contains(&error.kind()) => panic!("the peer says nothing"),
        Err(_) => None,
    }
}

/// A client of the gateway.
pub fn connect(gateway: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(gateway).expect("the gateway accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    stream
}

/// Starts a mesh in front of an instance, with this policy; returns the gateway's address.
pub fn start(instance: SocketAddr, policy: Policy) -> SocketAddr {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let gateway = socket.local_addr().expect("an address");
    let config = MeshConfig { workers: 1, gateway: Some(socket.into()), ..MeshConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mesh = runtime.block_on(async {
        // The fuzzer's `main` does not ignore it, as that of Rust does; once caught, it does no harm.
        let _ = signal(SignalKind::pipe()).expect("a signal handler");
        let mesh = Mesh::start(config, Arc::new(HostClock::start())).await.expect("a mesh");
        mesh.apply(routing(Target::Tcp(instance), policy)).await;
        mesh
    });
    // It runs as long as the process.
    std::mem::forget(mesh);
    gateway
}

fn routing(target: Target, policy: Policy) -> Routing {
    let slot = Slot { service: "back".parse().expect("a name"), index: 1 };
    let gateway = GatewayRouting {
        routes: vec![Route::new("/".to_owned(), slot.service.clone())],
        policy: Arc::new(policy),
        trusted: Vec::new(),
        connections: ConnectionLimits::default(),
        new: None,
    };
    let endpoint = Endpoint { instance: InstanceId { slot: slot.clone(), run: 1 }, target, side: Side::Old };
    let upstream = Upstream { has_been_healthy: true, endpoints: vec![endpoint], ..Upstream::default() };
    Routing {
        gateway: Some(Arc::new(gateway)),
        services: BTreeMap::from([(slot.service, Arc::new(upstream))]),
        ..Routing::default()
    }
}
