//! A service on a path, which takes a while to start. `hop sleep|burn MS [URL]` sleeps, or uses a core, for so many milliseconds and then
//! listens at `$PORT`. It answers a request once the next one of the path, at `URL`, has answered, and with 502 where that failed.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const FAILED: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: next\r\nconnection: close\r\n\r\n";
const HEAD_END: &[u8] = b"\r\n\r\n";
const HEAD_BYTES_MAX: usize = 16 * 1024;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (how, taken, next) = match &arguments[..] {
        [how, taken] => (how, taken, None),
        [how, taken, url] => (how, taken, Some(url.trim_start_matches("http://").trim_end_matches('/').to_owned())),
        _ => anyhow::bail!("usage: hop sleep|burn MS [URL]"),
    };
    start(how, Duration::from_millis(taken.parse()?))?;
    let port = std::env::vars().find(|(name, _)| name == "PORT").context("no $PORT")?.1.parse()?;
    for client in TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.incoming() {
        let (client, next) = (client?, next.clone());
        thread::spawn(move || serve(client, next.as_deref()));
    }
    Ok(())
}

fn start(how: &str, taken: Duration) -> anyhow::Result<()> {
    match how {
        "sleep" => thread::sleep(taken),
        "burn" => while processor_time() < taken {},
        _ => anyhow::bail!("neither `sleep` nor `burn`: {how}"),
    }
    Ok(())
}

/// What this process has used so far: another one on the same core makes it slower, not shorter.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or(Duration::MAX)
}

/// Answers one request; a check only connects.
fn serve(mut client: TcpStream, next: Option<&str>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut bytes = [0; 1024];
    while !head.ends_with(HEAD_END) && head.len() < HEAD_BYTES_MAX {
        match client.read(&mut bytes)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&bytes[..count]),
        }
    }
    let answered = next.is_none_or(|next| ask(next).is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200")));
    client.write_all(if answered { ANSWER } else { FAILED })
}

fn ask(address: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
