//! Health checks: one request on a connection of its own, on the caller's runtime.

use std::{io, net::SocketAddr, os::fd::OwnedFd};

use model::spec::Protocol;
use ports::{
    probes::{Answered, Probe, ProbeFailure},
    traffic::Target,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{SendFlags, send},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use wire::http1::{Body, HeadLimits, ResponseHead};

use crate::{buffer::Buffer, connect::begin_tcp, http2, socket::Socket};

/// How much of the answer's body is read, so that the program does not see a broken connection.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
/// How much of the first line of an answer is told if it is no good one.
const LINE_BYTES_MAX: usize = 128;
/// The longest wait for an answer without a timer and a poller: a healthy program on this host needs less, and setting
/// those up costs more than the whole check. No request of a client ever waits for it.
const A_MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000 };

/// Checks once.
pub(crate) async fn run(probe: Probe) -> Result<(), ProbeFailure> {
    if let (Protocol::Http2, Some(path)) = (probe.protocol, &probe.path) {
        return timeout(probe.timeout, check_http2(&probe.target, path)).await.unwrap_or(Err(late(&probe)));
    }
    let mut answer = Answer::default();
    let waiting = match (&probe.target, &probe.path) {
        (Target::Tcp(address), Some(path)) => {
            let socket = ask_at_once(*address, path, &mut answer);
            match socket.map_err(|error| not_connected(&probe.target, &error))? {
                Some(_) if answer.advance()? => return answer.verdict(),
                socket => socket,
            }
        }
        _ => None,
    };
    timeout(probe.timeout, check(&probe, waiting, answer)).await.unwrap_or(Err(late(&probe)))
}

fn late(probe: &Probe) -> ProbeFailure {
    ProbeFailure::Timeout(probe.timeout)
}

async fn check_http2(target: &Target, path: &str) -> Result<(), ProbeFailure> {
    let socket = Socket::connect(target).await.map_err(|error| not_connected(target, &error))?;
    verdict(http2::probe::get(socket, path).await.map_err(broken)?)
}

/// `waiting` is a connection on which the request was sent.
async fn check(probe: &Probe, waiting: Option<OwnedFd>, mut answer: Answer) -> Result<(), ProbeFailure> {
    let mut socket = match waiting {
        Some(socket) => Socket::of_tcp(TcpStream::from_std(socket.into()).map_err(broken)?),
        None => Socket::connect(&probe.target).await.map_err(|error| not_connected(&probe.target, &error))?,
    };
    let Some(path) = &probe.path else { return Ok(()) };
    if !answer.asked {
        socket.write_all(request(path)?.as_bytes()).await.map_err(broken)?;
    }
    while !answer.advance()? {
        match socket.read(answer.bytes.head_space(HeadLimits::default().head_bytes_max)).await {
            Ok(count @ 1..) => answer.bytes.filled(count),
            _ if answer.body.is_some() => break,
            Ok(_) => return Err(broken("it closed the connection without an answer")),
            Err(error) => return Err(broken(error)),
        }
    }
    answer.verdict()
}

/// Sends the request and waits for a moment. `None` where the connection is not there at once.
fn ask_at_once(address: SocketAddr, path: &str, answer: &mut Answer) -> io::Result<Option<OwnedFd>> {
    let (Ok(request), socket) = (request(path), begin_tcp(address)?) else { return Ok(None) };
    if send(&socket, request.as_bytes(), SendFlags::NOSIGNAL) != Ok(request.len()) {
        return Ok(None);
    }
    answer.asked = true;
    if matches!(poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&A_MOMENT)), Ok(1..)) {
        let count = rustix::io::read(&socket, answer.bytes.space()).unwrap_or(0);
        answer.bytes.filled(count);
    }
    Ok(Some(socket))
}

fn request(path: &str) -> Result<String, ProbeFailure> {
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(broken(format!("`{path}` is not a path")));
    }
    Ok(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: isles-health\r\nconnection: close\r\n\r\n"))
}

fn not_connected(target: &Target, error: &io::Error) -> ProbeFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => ProbeFailure::Refused(target.to_string()),
        _ => broken(error),
    }
}

fn broken(cause: impl ToString) -> ProbeFailure {
    ProbeFailure::Broken(cause.to_string())
}

/// An answer as far as it has come.
#[derive(Default)]
struct Answer {
    asked: bool,
    bytes: Buffer,
    response: ResponseHead,
    /// Once the head is whole.
    body: Option<Body>,
    body_bytes: usize,
    line: String,
    shown: Vec<u8>,
}

impl Answer {
    /// Reads what has come; says whether no more is needed.
    fn advance(&mut self) -> Result<bool, ProbeFailure> {
        let Some(body) = &mut self.body else {
            let limits = HeadLimits::default();
            let whole = !self.bytes.is_empty()
                && self.response.parse(self.bytes.data(), false, &limits).map_err(|error| broken(error.detail))?;
            if whole {
                self.line = first_line(self.bytes.data());
                self.bytes.consume(self.response.length());
                self.body = Some(Body::new(self.response.framing()));
            }
            return if whole { self.advance() } else { Ok(false) };
        };
        let Ok(compacted) = body.compact(self.bytes.data_mut()) else { return Ok(true) };
        let shown = compacted.data.take(Answered::BODY_BYTES_MAX - self.shown.len());
        self.shown.extend(shown.map(|at| self.bytes.data()[at]));
        self.bytes.consume(compacted.consumed);
        self.body_bytes += compacted.consumed;
        Ok(compacted.done || self.body_bytes >= BODY_BYTES_MAX)
    }

    fn verdict(self) -> Result<(), ProbeFailure> {
        verdict(Answered { status: self.response.status(), line: self.line, body: self.shown })
    }
}

fn verdict(answered: Answered) -> Result<(), ProbeFailure> {
    match answered.status {
        200..400 => Ok(()),
        _ => Err(ProbeFailure::Status(answered)),
    }
}

fn first_line(head: &[u8]) -> String {
    let line = head.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES_MAX)]).into_owned()
}
