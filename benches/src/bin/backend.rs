//! The least that answers HTTP/1.1: one thread, canned answers. `backend ADDRESS…` listens on each address, `IP:PORT` or
//! `unix:PATH`, and prints what it is bound to, one a line. A path that contains `10k` is answered with 10 KiB, others with 100 bytes.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
    task::{LocalSet, spawn_local},
};

const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEAD_END: &[u8] = b"\r\n\r\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let addresses: Vec<_> = std::env::args().skip(1).collect();
    anyhow::ensure!(!addresses.is_empty(), "usage: backend ADDRESS…");
    let tasks = LocalSet::new();
    tasks.run_until(async { addresses.iter().try_for_each(|address| listen(address)) }).await?;
    tasks.await;
    Ok(())
}

fn listen(address: &str) -> anyhow::Result<()> {
    if let Some(path) = address.strip_prefix("unix:") {
        let listener = UnixListener::bind(path)?;
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn_local(serve(stream));
            }
        });
        println!("{address}");
        return Ok(());
    }
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    let listener = TcpListener::from_std(listener)?;
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            spawn_local(serve(stream));
        }
    });
    Ok(())
}

/// Answers one request after the other until the peer closes.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut input = Vec::with_capacity(HEAD_BYTES_MAX);
    let answers = [100, 10 * 1024].map(answer);
    while let Some(request) = read(&mut stream, &mut input).await {
        if stream.write_all(&answers[usize::from(request.wants_much)]).await.is_err() {
            return;
        }
    }
}

fn answer(bytes: usize) -> Vec<u8> {
    let body = "a".repeat(bytes);
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {bytes}\r\n\r\n{body}").into_bytes()
}

struct Request {
    wants_much: bool,
}

/// Reads one request, body and all; `None` at the end, or where it is larger or stranger than a load tool's.
async fn read(stream: &mut (impl AsyncRead + Unpin), input: &mut Vec<u8>) -> Option<Request> {
    let head_bytes = loop {
        if let Some(at) = input.windows(HEAD_END.len()).position(|window| window == HEAD_END) {
            break at + HEAD_END.len();
        }
        if input.len() >= HEAD_BYTES_MAX || stream.read_buf(input).await.ok()? == 0 {
            return None;
        }
    };
    let head = std::str::from_utf8(&input[..head_bytes]).ok()?;
    let wants_much = head.split(' ').nth(1)?.contains("10k");
    let end = head_bytes + content_length(head)?;
    while input.len() < end {
        if stream.read_buf(input).await.ok()? == 0 {
            return None;
        }
    }
    input.drain(..end);
    Some(Request { wants_much })
}

fn content_length(head: &str) -> Option<usize> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().map_or(Some(0), |(_, value)| value.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_one_after_the_other() {
        let mut bytes =
            &b"GET /10k HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n"[..];
        let mut input = Vec::new();
        let mut wanted = Vec::new();
        while let Some(request) = read(&mut bytes, &mut input).await {
            wanted.push(request.wants_much);
        }
        assert_eq!(wanted, [true, false]);
    }
}
