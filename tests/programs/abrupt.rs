//! A service that is gone the moment SIGTERM reaches it, whatever it is doing: as the signal is not handled, the kernel ends it.
//!
//! It listens on `$PORT` and answers `/pid`, `/sleep/MILLIS`, `/size` with the length of the request's body, and `/bytes/COUNT/MILLIS`
//! with so many bytes in so much time. What comes to `/call/NAME/PATH` it passes on to the service NAME, on a connection that it keeps.
//! `/versions/NAME/NAME` asks one service through the other, and answers with the `$V` of each, itself first.

#![allow(clippy::disallowed_methods, reason = "a service is told by its environment what it shall do")]

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

/// In so many pieces a body is sent that takes time.
const PIECES: u32 = 10;

fn main() -> io::Result<()> {
    tests::program::listen(serve)
}

/// Answers one request after the other, until the client or an error ends the connection.
fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut client = BufReader::new(stream);
    let mut callee = None;
    while let Some(head) = Head::read(&mut client)? {
        let (mut body, mut back) = (Read::by_ref(&mut client).take(head.length), Vec::new());
        match head.path().split_once('/').unwrap_or((head.path(), "")) {
            ("call", rest) => {
                let out = body.get_mut().get_mut().try_clone()?;
                pass_on(&head, rest, &mut body, out, &mut callee)?;
                continue;
            }
            ("size", _) => write!(back, "{}", io::copy(&mut body, &mut io::sink())?)?,
            ("bytes", rest) => {
                let mut numbers = rest.split('/').map(|number| number.parse().unwrap_or(0));
                let (count, millis) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                pour(client.get_mut(), count, millis)?;
                continue;
            }
            ("versions", rest) => versions(rest, &mut back, &mut callee)?,
            ("sleep", millis) => thread::sleep(Duration::from_millis(millis.parse().unwrap_or(0))),
            _ => write!(back, "{}", std::process::id())?,
        }
        answer(client.get_mut(), "200 OK", &back)?;
    }
    Ok(())
}

/// A head of HTTP/1.1, of a request or a response.
struct Head {
    first: String,
    length: u64,
}

impl Head {
    /// The next one; `None` at the end.
    fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let (mut first, mut length) = (String::new(), 0);
        if from.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        Ok(Some(Self { first, length }))
    }

    /// The path of a request, without its first slash.
    fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/')
    }
}

fn answer(client: &mut TcpStream, status: &str, body: &[u8]) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all(&[head.as_bytes(), body].concat())
}

fn pour(client: &mut TcpStream, count: u32, millis: u32) -> io::Result<()> {
    let piece = vec![b'x'; usize::try_from(count / PIECES).unwrap_or_default()];
    write!(client, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", count / PIECES * PIECES)?;
    for _ in 0..PIECES {
        thread::sleep(Duration::from_millis((millis / PIECES).into()));
        client.write_all(&piece)?;
    }
    Ok(())
}

/// Passes a request on piece by piece, and what comes back.
fn pass_on(
    head: &Head,
    rest: &str,
    body: &mut impl Read,
    mut client: TcpStream,
    kept: &mut Option<BufReader<TcpStream>>,
) -> io::Result<()> {
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    let method = head.first.split(' ').next().unwrap_or_default();
    let (answer, callee) = ask(name, &format!("{method} /{path}"), head.length, body, kept)?;
    write!(client, "{}content-length: {}\r\n\r\n", answer.first, answer.length)?;
    io::copy(&mut callee.take(answer.length), &mut client)?;
    Ok(())
}

fn versions(rest: &str, back: &mut Vec<u8>, kept: &mut Option<BufReader<TcpStream>>) -> io::Result<()> {
    write!(back, "{}", env::var("V").unwrap_or_default())?;
    if rest.is_empty() {
        return Ok(());
    }
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (answer, callee) = ask(name, &format!("GET /versions/{path}"), 0, &mut io::empty(), kept)?;
    back.push(b' ');
    io::copy(&mut callee.take(answer.length), back)?;
    Ok(())
}

/// Asks a service; the head of what it answers, and the connection on which the body comes.
fn ask<'a>(
    name: &str,
    what: &str,
    length: u64,
    body: &mut impl Read,
    kept: &'a mut Option<BufReader<TcpStream>>,
) -> io::Result<(Head, &'a mut BufReader<TcpStream>)> {
    let callee = match kept {
        Some(callee) => callee,
        None => kept.insert(BufReader::new(connect(name)?)),
    };
    let request = format!("{what} HTTP/1.1\r\nhost: {name}\r\ncontent-length: {length}\r\n\r\n");
    callee.get_mut().write_all(request.as_bytes())?;
    io::copy(body, callee.get_mut())?;
    let answer = Head::read(callee)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((answer, callee))
}

fn connect(name: &str) -> io::Result<TcpStream> {
    let url = env::var(format!("{}_URL", name.to_uppercase())).map_err(io::Error::other)?;
    let stream = TcpStream::connect(url.trim_start_matches("http://"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
