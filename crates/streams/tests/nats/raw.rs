//! Raw bytes: good ones and bad ones.

use std::{net::Shutdown, sync::Arc};

use logic::subject::{Permissions, Rules};
use streams::server::{Config, Identity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::rig::{PATIENCE, Server};

const PLAIN: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n";

/// Whoever breaks the protocol is told why, even with much behind it that nobody will read, and the others go on.
#[test]
fn bad_input_is_answered_and_the_connection_ends() {
    let server = Server::start(Config { payload_bytes_max: 1000, ..Config::default() });
    let mut other = server.raw();
    other.say_and_wait(PLAIN);
    for (says, hears) in [
        ("FOO\r\n", "-ERR 'Unknown Protocol Operation'\r\n"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "-ERR 'Unknown Protocol Operation'\r\n"),
        ("\u{16}\u{3}\u{1}\r\n", "-ERR 'Unknown Protocol Operation'\r\n"),
        ("PUB a x\r\n", "-ERR 'Parser Error'\r\n"),
        ("PUB a 1001\r\n", "-ERR 'Maximum Payload Violation'\r\n"),
        (&format!("SUB {}", "a".repeat(5000)), "-ERR 'maximum control line exceeded'\r\n"),
        (&format!("FOO\r\n{}", "x".repeat(300_000)), "-ERR 'Unknown Protocol Operation'\r\n"),
    ] {
        let mut raw = server.raw();
        raw.say(says);
        assert_eq!(raw.rest(), hears, "{says:.40?}");
    }
    other.say_and_wait("");
}

/// A message of the largest size, and many small ones, cut anywhere.
#[test]
fn large_and_many_messages() {
    let server = Server::start(Config::default());
    let [mut to, mut from] = [(); 2].map(|()| server.raw());
    to.say_and_wait(&format!("{PLAIN}SUB a 1\r\n"));
    from.say_and_wait(PLAIN);
    let large = "x".repeat(1 << 20);
    let says = format!("PUB a {}\r\n{large}\r\n{}", large.len(), "PUB a r 3\r\nabc\r\n".repeat(50_000));
    let hears = format!("MSG a 1 {}\r\n{large}\r\n{}", large.len(), "MSG a 1 r 3\r\nabc\r\n".repeat(50_000));
    let sender = std::thread::spawn(move || {
        says.repeat(3).as_bytes().chunks(99_991).for_each(|piece| from.say(std::str::from_utf8(piece).unwrap()));
        from.0.shutdown(Shutdown::Write).unwrap();
        from.rest()
    });
    let mut heard = vec![0; 3 * hears.len()];
    std::io::Read::read_exact(&mut to.0, &mut heard).unwrap();
    assert!(heard == hears.repeat(3).as_bytes());
    assert_eq!(sender.join().unwrap(), "");
}

/// Who does not read is disconnected, and nobody else waits for it for long.
#[test]
fn a_client_that_does_not_read_goes() {
    let server = Server::start(Config { pending_bytes_max: 4 << 20, ..Config::default() });
    let [mut deaf, mut from] = [(); 2].map(|()| server.raw());
    deaf.say_and_wait(&format!("{PLAIN}SUB a 1\r\n"));
    from.say_and_wait(PLAIN);
    let message = format!("PUB a 100000\r\n{}\r\n", "x".repeat(100_000));
    // More than any socket holds, and the bound besides.
    for _ in 0..400 {
        from.say(&message);
    }
    from.say_and_wait("");
    let mut sink = Vec::new();
    let _ = std::io::Read::read_to_end(&mut deaf.0, &mut sink);
    assert!(sink.len() < 400 * message.len());
    let varz = crate::monitor::get(&server, "/varz");
    assert_eq!((&varz["slow_consumers"], &varz["connections"]), (&1.into(), &1.into()));
}

/// What waits is written before the server ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_writes_what_waits() {
    let server = Server::start(Config::default());
    let mut raw = server.raw();
    let message = format!("PUB a 100000\r\n{}\r\n", "x".repeat(100_000));
    raw.say_and_wait(&format!("{PLAIN}SUB a 1\r\n"));
    // As much as no socket takes while nobody reads.
    let mut from = server.raw();
    from.say_and_wait(&format!("{PLAIN}{}", message.repeat(200)));
    let reading = std::thread::spawn(move || raw.rest());
    server.handle.stop().await;
    let heard = reading.join().unwrap();
    assert_eq!(heard.matches("MSG a 1 100000\r\n").count(), 200);
    assert!(heard.ends_with("x\r\n"));
}

/// Any stream is served, with an identity that somebody else made sure of.
#[tokio::test]
async fn a_stream_comes_with_its_identity() {
    let server = Server::start(Config::default());
    let permissions = Permissions { publish: Rules::new(Some(&["mine.>"]), &[]), ..Permissions::default() };
    let identity = Arc::new(Identity { name: "orders".into(), permissions, ..Identity::default() });
    let (mut ours, theirs) = tokio::io::duplex(4096);
    server.handle.serve(theirs, None, Some(identity)).await.unwrap();
    let says = format!("{PLAIN}SUB mine.* 1\r\nPUB mine.a 0\r\n\r\nPUB other 0\r\n\r\nPING\r\n");
    ours.write_all(says.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let read = async {
        while !heard.ends_with(b"PONG\r\n") {
            ours.read_buf(&mut heard).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    let heard = String::from_utf8(heard).unwrap();
    let expected = "\r\nMSG mine.a 1 0\r\n\r\n-ERR 'Permissions Violation for Publish to \"other\"'\r\nPONG\r\n";
    assert!(heard.ends_with(expected), "{heard}");
    assert_eq!(crate::monitor::get(&server, "/connz")["connections"][0]["authorized_user"], "orders");
}
