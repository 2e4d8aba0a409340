//! Frames of an instance, which a client of either version gets to see: nothing panics or hangs, a client of HTTP/1.1 reads one answer
//! and nothing behind it, and a stream of HTTP/2 ends.
//!
//! The first byte of an input says which version the client speaks; the rest is what the instance answers, frames as in `http2`.

#![no_main]

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, OnceLock},
    thread,
};

use fuzz::http2::{
    self, DATA, END_HEADERS, END_STREAM, HEADERS, PATIENCE, PREFACE, RST_STREAM, SETTINGS, frame, frames, next,
};
use libfuzzer_sys::fuzz_target;
use model::spec::{Policy, Protocol};
use wire::http1::{Body, Framing, HeadLimits, ResponseHead};

const HTTP1: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
/// A call of gRPC: `:method: POST`, `:scheme: http` and `:path: /` of the static table, and literals (RFC 7541 appendix A).
const HTTP2: &[u8] = b"\x83\x86\x84\x01\x01a\x00\x0ccontent-type\x10application/grpc\x00\x02te\x08trailers";

/// What the instance answers next.
type Answer = Arc<Mutex<Vec<u8>>>;

fuzz_target!(|input: &[u8]| {
    static STARTED: OnceLock<(SocketAddr, Answer)> = OnceLock::new();
    let Some((first, rest)) = input.split_first() else { return };
    let (gateway, answer) = STARTED.get_or_init(start);
    *answer.lock().expect("no holder panics") = frames(rest);
    let client = http2::connect(*gateway);
    if first & 1 == 0 { ask_http1(client) } else { ask_http2(client) }
});

fn ask_http1(mut client: TcpStream) {
    client.write_all(HTTP1).expect("the gateway reads");
    let mut said = Vec::new();
    if let Err(error) = client.read_to_end(&mut said) {
        assert!(![ErrorKind::TimedOut, ErrorKind::WouldBlock].contains(&error.kind()), "the gateway says nothing");
        return;
    }
    let mut rest = &said[..];
    loop {
        let (mut head, limits) = (ResponseHead::default(), HeadLimits { fields_max: 500, ..HeadLimits::default() });
        assert_eq!(head.parse(rest, false, &limits), Ok(true), "{:?}", String::from_utf8_lossy(&said));
        assert_ne!(head.status(), 101, "nobody asked for it");
        rest = &rest[head.length()..];
        if head.status() >= 200 {
            return check_body(head.framing(), rest);
        }
    }
}

/// It may be cut off, but nothing follows it.
fn check_body(framing: Framing, bytes: &[u8]) {
    assert_ne!(framing, Framing::UntilClose, "what is cut off looks whole");
    let read = Body::new(framing).compact(&mut bytes.to_vec()).expect("it is framed");
    assert_eq!(read.consumed, bytes.len(), "{:?}", String::from_utf8_lossy(bytes));
}

fn ask_http2(mut client: TcpStream) {
    let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, HTTP2);
    client.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[]), &request].concat()).expect("the gateway reads");
    while let Some(frame) = next(&mut client) {
        let is_last = match frame.kind {
            RST_STREAM => true,
            HEADERS | DATA => frame.flags & END_STREAM != 0,
            _ => false,
        };
        if frame.stream == 1 && is_last {
            return;
        }
    }
    panic!("the connection ended before the stream");
}

/// Starts an instance and a mesh in front of it; returns the gateway's address, and what the instance looks at for its answers.
fn start() -> (SocketAddr, Answer) {
    let instance = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = instance.local_addr().expect("an address");
    let answer = Answer::default();
    let answers = answer.clone();
    thread::spawn(move || {
        for stream in instance.incoming() {
            let answers = answers.clone();
            thread::spawn(move || serve(stream.expect("a connection"), &answers));
        }
    });
    // Each input reaches the instance, whatever those before it did.
    let policy = Policy { protocol: Protocol::Http2, breaker: None, outlier: None, retries: 0, ..Policy::edge() };
    (http2::start(address, policy), answer)
}

/// An instance: it answers its first request, then it says no more.
fn serve(mut stream: TcpStream, answer: &Mutex<Vec<u8>>) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let _ = stream.write_all(&frame(SETTINGS, 0, 0, &[]));
    if stream.read_exact(&mut [0; PREFACE.len()]).is_err() {
        return;
    }
    while let Some(frame) = next(&mut stream) {
        if frame.kind == HEADERS {
            let answer = answer.lock().expect("no holder panics").clone();
            let _ = stream.write_all(&answer);
            let _ = stream.shutdown(Shutdown::Write);
            while let Ok(1..) = stream.read(&mut [0; 4096]) {}
            return;
        }
    }
}
