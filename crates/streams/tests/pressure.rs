//! Messages that come faster than the journal moves them on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
};

use journal::{Folder, Journal, Options};
use serde_json::Value;
use streams::engine;

use common::serve;

const HELLO: &str = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
const PAYLOAD_BYTES: usize = 16 << 10;
const MESSAGES: usize = 4_000;
/// What may wait to be moved: a fraction of what comes.
const BACKLOG_BYTES: u64 = 4 << 20;

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let mut lines = BufReader::new(TcpStream::connect(address).unwrap());
    lines.read_line(&mut String::new()).unwrap();
    lines.get_mut().write_all(HELLO.as_bytes()).unwrap();
    lines
}

/// Says something, and waits until the server has come to it.
fn ping(lines: &mut BufReader<TcpStream>, before: &str) {
    lines.get_mut().write_all(format!("{before}PING\r\n").as_bytes()).unwrap();
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "PONG\r\n");
}

fn api(lines: &mut BufReader<TcpStream>, subject: &str, body: &str) -> Value {
    let request = format!("PUB $JS.API.{subject} r {}\r\n{body}\r\n", body.len());
    lines.get_mut().write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let bytes: usize = line.split_whitespace().last().unwrap().parse().unwrap();
    let mut answer = vec![0; bytes + 2];
    lines.read_exact(&mut answer).unwrap();
    serde_json::from_slice(&answer).unwrap()
}

/// Who publishes without waiting for acknowledgements is slowed before anything is refused, and so loses nothing; who does not
/// publish into a stream is not slowed.
#[test]
fn a_flood_is_slowed_and_nothing_of_it_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { log_bytes: 256 << 10, log_bytes_max: 256 << 10, move_bytes: 512 << 10, ..Options::default() };
    let options = Options { backlog_bytes: BACKLOG_BYTES, reserve_bytes: 1 << 20, ..options };
    let journal = Arc::new(Journal::open(Arc::new(Folder::open(folder.path()).unwrap()), options).unwrap());
    let (_handle, address) = serve(|clock| engine::open_in(journal.clone(), clock));
    let [mut asks, mut bystander] = [address; 2].map(connect);
    asks.get_mut().write_all(b"SUB r 1\r\n").unwrap();
    let _ = api(&mut asks, "STREAM.CREATE.s", r#"{"name":"s","subjects":["s"]}"#);
    let flood = thread::spawn(move || {
        let mut lines = connect(address);
        let message = format!("PUB s {PAYLOAD_BYTES}\r\n{}\r\n", "x".repeat(PAYLOAD_BYTES));
        (0..MESSAGES).for_each(|_| lines.get_mut().write_all(message.as_bytes()).unwrap());
        ping(&mut lines, "");
    });
    let (mut turns, mut most) = (0, 0);
    while !flood.is_finished() {
        ping(&mut bystander, "PUB core 2\r\nhi\r\n");
        (turns, most) = (turns + 1, most.max(journal.pressure_percent()));
    }
    flood.join().unwrap();
    let info = api(&mut asks, "STREAM.INFO.s", "");
    assert_eq!(info["state"]["messages"], MESSAGES, "at {most} percent");
    assert!(most > 50, "there was no pressure: {most} percent");
    assert!(turns > 100, "others had {turns} turns");
}
