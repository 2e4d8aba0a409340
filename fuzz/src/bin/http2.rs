//! Frames of a client, against a mesh with one instance: nothing panics or hangs, whatever reaches the instance is a request that the
//! codec of HTTP/1.1 takes, and a connection that was not ended answers a request.
//!
//! An input is a list of frames: kind, flags, stream and length of the payload, a byte each, and the payload.

#![no_main]

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use fuzz::codec::{End, read};
use libfuzzer_sys::fuzz_target;
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

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Behind every stream of an input.
const LAST_STREAM: u32 = 0x7FFF_FFFF;
/// `:method: GET`, `:scheme: http` and `:path: /` of the static table, and a literal `:authority` (RFC 7541 appendix A).
const LAST_REQUEST: &[u8] = b"\x82\x86\x84\x01\x01a";
/// Nothing takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(5);

fuzz_target!(|input: &[u8]| {
    static GATEWAY: OnceLock<SocketAddr> = OnceLock::new();
    let gateway = GATEWAY.get_or_init(start);
    let mut stream = TcpStream::connect(gateway).expect("the gateway accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let mut sent = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    sent.extend(frames(input));
    sent.extend(frame(HEADERS, END_STREAM | END_HEADERS, LAST_STREAM, LAST_REQUEST));
    // It fails where the gateway has closed already; then there is an end to read.
    let _ = stream.write_all(&sent);
    while let Some((kind, number, payload)) = next(&mut stream) {
        if number == LAST_STREAM {
            return check_last(kind, &payload);
        }
    }
});

/// It is answered with 200, unless others take all the room.
fn check_last(kind: u8, payload: &[u8]) {
    const STATUS_200: u8 = 0x88;
    const TABLE_SIZE: u8 = 0x20;
    const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
    match kind {
        HEADERS => assert!(payload[0] == STATUS_200 || payload[0] & 0xE0 == TABLE_SIZE, "{payload:x?}"),
        RST_STREAM => assert_eq!(payload, REFUSED_STREAM),
        _ => panic!("kind {kind} comes first"),
    }
}

/// The frames of an input, as they go over the wire.
fn frames(mut input: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    while let [kind, flags, stream, length, rest @ ..] = input {
        let (payload, behind) = rest.split_at(rest.len().min(usize::from(*length)));
        frames.extend(frame(*kind, *flags, u32::from(*stream), payload));
        input = behind;
    }
    frames
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("it is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The next frame: kind, stream and payload; `None` at the end.
fn next(from: &mut TcpStream) -> Option<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    exactly(from, &mut head)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).expect("it fits")];
    exactly(from, &mut payload)?;
    Some((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

fn exactly(from: &mut TcpStream, bytes: &mut [u8]) -> Option<()> {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    match from.read_exact(bytes) {
        Ok(()) => Some(()),
        Err(error) if [TimedOut, WouldBlock].contains(&error.kind()) => panic!("the gateway says nothing"),
        Err(_) => None,
    }
}

/// Starts an instance and a mesh in front of it; returns the gateway's address.
fn start() -> SocketAddr {
    let instance = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let target = Target::Tcp(instance.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in instance.incoming() {
            thread::spawn(|| serve(stream.expect("a connection")));
        }
    });
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let gateway = socket.local_addr().expect("an address");
    let config = MeshConfig { workers: 1, gateway: Some(socket.into()), ..MeshConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mesh = runtime.block_on(async {
        // The fuzzer's `main` does not ignore it, as that of Rust does; once caught, it does no harm.
        let _ = signal(SignalKind::pipe()).expect("a signal handler");
        let mesh = Mesh::start(config, Arc::new(HostClock::start())).await.expect("a mesh");
        mesh.apply(routing(target)).await;
        mesh
    });
    // It runs as long as the process.
    std::mem::forget(mesh);
    gateway
}

/// An instance: it answers what it understands, and understands what it gets.
fn serve(mut stream: TcpStream) {
    let (mut input, mut answered) = (Vec::new(), 0);
    let mut space = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut space) {
        input.extend_from_slice(&space[..count]);
        let (requests, end) = read(&[&input]);
        assert!(matches!(end, End::Clean | End::Truncated), "{end:?}: {:?}", String::from_utf8_lossy(&input));
        for request in &requests[answered..] {
            let body = if request.method == b"HEAD" { "" } else { "ok" };
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{body}");
        }
        answered = requests.len();
        if end == End::Clean {
            (answered, input) = (0, Vec::new());
        }
    }
}

fn routing(target: Target) -> Routing {
    let slot = Slot { service: "back".parse().expect("a name"), index: 1 };
    let gateway = GatewayRouting {
        routes: vec![Route::new("/".to_owned(), slot.service.clone())],
        policy: Arc::new(Policy::edge()),
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
