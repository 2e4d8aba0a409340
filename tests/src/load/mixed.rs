//! Clients of every kind that an exact drain must spare, against `programs/abrupt.rs`.

use std::{io, net::SocketAddr, thread, time::Duration};

use super::{Client, Load, http2::Http2};

/// How long each of the slow requests takes, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Slowness(pub u32);

const PIECES: u32 = 8;
const PIECE: &[u8] = &[b'x'; 16 << 10];
const DOWNLOAD: usize = 200_000;

impl Load {
    /// Starts clients whose requests reach the program `abrupt` below this path: some keep their connection and some do not, some
    /// speak HTTP/2, some wait long for an answer, some send their body slowly and some are sent it slowly.
    #[must_use]
    pub fn mixed(mut self, address: SocketAddr, below: &'static str, slowness: Slowness) -> Self {
        let Slowness(millis) = slowness;
        for _ in 0..2 {
            let mut client = Client::new(address);
            self.add(move || client.ask("GET", &format!("{below}/pid"), b"").map(drop));
        }
        self.add(move || Client::new(address).ask("POST", &format!("{below}/size"), b"abc").map(drop));
        let mut http2 = Http2::new(address);
        self.add(move || http2.ask_at_once(&format!("{below}/pid")));
        let mut client = Client::new(address);
        self.add(move || client.ask("POST", &format!("{below}/sleep/{millis}"), b"").map(drop));
        let mut client = Client::new(address);
        self.add(move || client.upload(&format!("{below}/size"), millis));
        let mut client = Client::new(address);
        self.add(move || client.download(&format!("{below}/bytes/{DOWNLOAD}/{millis}")));
        self
    }
}

impl Client {
    /// Sends a body in so much time; the answer must say how long it was.
    fn upload(&mut self, path: &str, millis: u32) -> io::Result<()> {
        let length = PIECE.len() * usize::try_from(PIECES).unwrap_or_default();
        let mut connection = self.connection()?;
        connection.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n").as_bytes())?;
        for _ in 0..PIECES {
            thread::sleep(Duration::from_millis((millis / PIECES).into()));
            connection.send(PIECE)?;
        }
        let answer = connection.answer(false)?;
        let answer = self.keep(connection, answer)?;
        is_whole(answer.text().parse().unwrap_or(0), length)
    }

    fn download(&mut self, path: &str) -> io::Result<()> {
        is_whole(self.ask("GET", path, b"")?.body.len(), DOWNLOAD)
    }
}

fn is_whole(found: usize, expected: usize) -> io::Result<()> {
    if found == expected { Ok(()) } else { Err(io::Error::other(format!("{found} of {expected} bytes"))) }
}
