//! A steady load: `steady ADDRESS PATH RATE CONNECTIONS` sends that many requests a second, spread over kept connections, whether or
//! not earlier ones were answered in time: a latency counts from when its request was due. For each line of its input it prints what
//! happened since the line before: requests, failures, and the 50th and 99th percentile and the maximum in microseconds.

use std::{
    io::{self, BufRead, ErrorKind, Read, Write},
    mem,
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use model::Timestamp;
use ports::clock::{Clock, HostClock};

/// An answer that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(10);
const HEAD_END: &[u8] = b"\r\n\r\n";
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Latencies that are kept between two lines; more than a minute of 10,000 a second.
const LATENCIES_MAX: usize = 1 << 20;
/// Failures that are told of.
const TOLD_MAX: u64 = 10;

/// What happened since the line before.
#[derive(Default)]
struct Window {
    failures: u64,
    latencies_us: Vec<u64>,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, path, rate, connections] = &arguments[..] else {
        anyhow::bail!("usage: steady ADDRESS PATH RATE CONNECTIONS")
    };
    let (address, rate, connections): (SocketAddr, u32, u32) = (address.parse()?, rate.parse()?, connections.parse()?);
    let (clock, window) = (Arc::new(HostClock::start()), Arc::new(Mutex::new(Window::default())));
    let pause = (Duration::from_secs(1) * connections).checked_div(rate).context("no rate")?;
    let begun = clock.now();
    println!("{address}");
    for number in 0..connections {
        let client = Client {
            address,
            request: format!("GET {path} HTTP/1.1\r\nhost: steady\r\n\r\n"),
            due: begun + pause * number / connections,
            pause,
            clock: clock.clone(),
            window: window.clone(),
        };
        thread::spawn(move || client.run());
    }
    for line in io::stdin().lock().lines() {
        line?;
        let window = mem::take(&mut *window.lock().expect("no client panics"));
        println!("{}", window.said());
    }
    Ok(())
}

impl Window {
    fn said(mut self) -> String {
        self.latencies_us.sort_unstable();
        let at = |percent: usize| {
            let last = self.latencies_us.len().saturating_sub(1);
            self.latencies_us.get(last * percent / 100).copied().unwrap_or_default()
        };
        format!("{} {} {} {} {}", self.latencies_us.len(), self.failures, at(50), at(99), at(100))
    }
}

/// One connection, and when its next request is due.
struct Client {
    address: SocketAddr,
    request: String,
    due: Timestamp,
    pause: Duration,
    clock: Arc<HostClock>,
    window: Arc<Mutex<Window>>,
}

impl Client {
    fn run(mut self) {
        let mut kept = None;
        loop {
            thread::sleep(self.due.since(self.clock.now()));
            let asked = kept.take().map_or_else(|| connect(self.address), Ok).and_then(|mut stream| {
                let stays = ask(&mut stream, &self.request)?;
                Ok(stays.then_some(stream))
            });
            let taken = self.clock.now().since(self.due);
            kept = self.note(asked, taken);
            self.due = self.due + self.pause;
        }
    }

    fn note(&self, asked: io::Result<Option<TcpStream>>, taken: Duration) -> Option<TcpStream> {
        let mut window = self.window.lock().expect("no client panics");
        match asked {
            Ok(kept) => {
                if window.latencies_us.len() < LATENCIES_MAX {
                    window.latencies_us.push(u64::try_from(taken.as_micros()).unwrap_or(u64::MAX));
                }
                kept
            }
            Err(error) => {
                window.failures += 1;
                if window.failures <= TOLD_MAX {
                    eprintln!("steady: after {} µs: {error}", taken.as_micros());
                }
                None
            }
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Asks once; whether the connection stays.
fn ask(stream: &mut (impl Read + Write), request: &str) -> io::Result<bool> {
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 || answer.len() > ANSWER_BYTES_MAX {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&piece[..count]);
        let Some(end) = answer.windows(HEAD_END.len()).position(|window| window == HEAD_END) else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200 ") {
            return Err(io::Error::other(head.lines().next().unwrap_or_default()));
        }
        let length: usize = field(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        if answer.len() >= end + HEAD_END.len() + length {
            return Ok(field(&head, "connection") != Some("close"));
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(found, _)| *found == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes anything and answers this.
    struct Peer<'a>(&'a [u8]);

    impl Read for Peer<'_> {
        fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
            let length = piece.len().min(7);
            self.0.read(&mut piece[..length])
        }
    }

    impl Write for Peer<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_whole_answer_of_200_is_one() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", Some(true)),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: close\r\n\r\n", Some(false)),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", None),
            ("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", None),
            ("", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(ask(&mut Peer(answer.as_bytes()), "GET").ok(), expected, "{answer}");
        }
    }

    #[test]
    fn percentiles() {
        let window = Window { failures: 2, latencies_us: (1..=200).rev().collect() };
        assert_eq!(window.said(), "200 2 100 198 200");
        assert_eq!(Window::default().said(), "0 0 0 0 0");
    }
}
