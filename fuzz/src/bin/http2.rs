//! Frames of a client, against a mesh with one instance: nothing panics or hangs, whatever reaches the instance is a request that the
//! codec of HTTP/1.1 takes, and a connection that was not ended answers a request.
//!
//! An input is a list of frames: kind, flags, stream and length of the payload, a byte each, and the payload.

#![no_main]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::OnceLock,
    thread,
};

use fuzz::{
    codec::{End, read},
    http2::{self, END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM, SETTINGS, frame, frames, next},
};
use libfuzzer_sys::fuzz_target;
use model::spec::Policy;

/// Behind every stream of an input.
const LAST_STREAM: u32 = 0x7FFF_FFFF;
/// `:method: GET`, `:scheme: http` and `:path: /` of the static table, and a literal `:authority` (RFC 7541 appendix A).
const LAST_REQUEST: &[u8] = b"\x82\x86\x84\x01\x01a";

fuzz_target!(|input: &[u8]| {
    static GATEWAY: OnceLock<SocketAddr> = OnceLock::new();
    let gateway = GATEWAY.get_or_init(start);
    let mut stream = http2::connect(*gateway);
    let mut sent = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    sent.extend(frames(input));
    sent.extend(frame(HEADERS, END_STREAM | END_HEADERS, LAST_STREAM, LAST_REQUEST));
    // It fails where the gateway has closed already; then there is an end to read.
    let _ = stream.write_all(&sent);
    while let Some(frame) = next(&mut stream) {
        if frame.stream == LAST_STREAM {
            return check_last(frame.kind, &frame.payload);
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

/// Starts an instance and a mesh in front of it; returns the gateway's address.
fn start() -> SocketAddr {
    let instance = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = instance.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in instance.incoming() {
            thread::spawn(|| serve(stream.expect("a connection")));
        }
    });
    http2::start(address, Policy::edge())
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
