//! Health checks: one request on a connection of its own, on the caller's runtime.

use std::io;

use ports::{
    probes::{Probe, ProbeFailure},
    traffic::Target,
};
use tokio::time::timeout;
use wire::http1::{Body, HeadLimits, ResponseHead};

use crate::{buffer::Buffer, client::grown_space, socket::Socket};

/// How much of the answer's body is read, so that the program does not see a broken connection.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Checks once.
pub(crate) async fn run(probe: Probe) -> Result<(), ProbeFailure> {
    let late = ProbeFailure::Timeout(probe.timeout);
    timeout(probe.timeout, check(&probe)).await.unwrap_or(Err(late))
}

async fn check(probe: &Probe) -> Result<(), ProbeFailure> {
    let mut socket = Socket::connect(&probe.target).await.map_err(|error| not_connected(&probe.target, &error))?;
    let Some(path) = &probe.path else { return Ok(()) };
    let mut reply = Buffer::default();
    let response = get(&mut socket, path, &mut reply).await?;
    match response.status() {
        200..400 => {
            read_body(&mut socket, &response, &mut reply).await;
            Ok(())
        }
        status => Err(ProbeFailure::Status(status)),
    }
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

async fn get(socket: &mut Socket, path: &str, reply: &mut Buffer) -> Result<ResponseHead, ProbeFailure> {
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(broken(format!("`{path}` is not a path")));
    }
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: isles-health\r\nconnection: close\r\n\r\n");
    let (mut reader, mut writer) = socket.split();
    writer.write_all([request.as_bytes()]).await.map_err(|failed| broken(failed.error))?;
    let (mut response, limits) = (ResponseHead::default(), HeadLimits::default());
    loop {
        match reader.read(grown_space(reply, limits.head_bytes_max)).await.map_err(broken)? {
            0 => return Err(broken("it closed the connection without an answer")),
            count => reply.filled(count),
        }
        if response.parse(reply.data(), false, &limits).map_err(|error| broken(error.detail))? {
            reply.consume(response.length());
            return Ok(response);
        }
    }
}

async fn read_body(socket: &mut Socket, response: &ResponseHead, reply: &mut Buffer) {
    let (mut reader, _) = socket.split();
    let mut body = Body::new(response.framing());
    let mut left = BODY_BYTES_MAX;
    while let Ok(compacted) = body.compact(reply.data_mut()) {
        reply.consume(compacted.consumed);
        if compacted.done || left == 0 {
            return;
        }
        match reader.read(reply.space()).await {
            Ok(count @ 1..) => reply.filled(count),
            _ => return,
        }
        left = left.saturating_sub(reply.data().len());
    }
}
