//! Streams of `isles nats-server`, killed at any moment.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use tests::binary::isles;

const HELLO: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\nSUB r 1\r\n";

pub(crate) fn start(folder: &Path) -> (Child, BufReader<TcpStream>) {
    let mut command = Command::new(isles());
    command.args(["nats-server", "-p", "-1", "-js", "-sd"]).arg(folder).stderr(Stdio::piped());
    let mut server = command.spawn().expect("the server starts");
    let mut log = BufReader::new(server.stderr.as_mut().expect("a pipe")).lines().map_while(Result::ok);
    let line =
        log.find(|line| line.contains("Listening for client connections on ")).expect("it says where it listens");
    let address = line.rsplit(' ').next().expect("an address");
    let mut client = BufReader::new(TcpStream::connect(address).expect("it listens"));
    client.read_line(&mut String::new()).expect("INFO");
    client.get_mut().write_all(HELLO.as_bytes()).expect("it reads");
    (server, client)
}

fn send(client: &mut BufReader<TcpStream>, subject: &str, payload: &str) {
    let text = format!("PUB {subject} r {}\r\n{payload}\r\n", payload.len());
    client.get_mut().write_all(text.as_bytes()).expect("it reads");
}

/// The payload of the next answer; `None` when the server has gone.
fn hear(client: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut head, mut payload) = (String::new(), String::new());
    client.read_line(&mut head).ok().filter(|bytes| *bytes > 0)?;
    client.read_line(&mut payload).ok().filter(|_| payload.ends_with('\n'))?;
    Some(payload)
}

#[test]
fn a_kill_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 1..=5 {
        let (mut server, mut client) = start(folder.path());
        send(&mut client, "$JS.API.STREAM.CREATE.s", r#"{"name":"s","subjects":["s"]}"#);
        hear(&mut client).unwrap();
        send(&mut client, "$JS.API.STREAM.INFO.s", "");
        let info: serde_json::Value = serde_json::from_str(&hear(&mut client).unwrap()).unwrap();
        let last = info["state"]["last_seq"].as_u64().unwrap();
        assert!(last >= acknowledged, "round {round}: {acknowledged} were acknowledged, {last} are there");
        (0..200).for_each(|_| send(&mut client, "s", "hi"));
        for _ in 0..round * 20 {
            let ack: serde_json::Value = serde_json::from_str(&hear(&mut client).unwrap()).unwrap();
            acknowledged = ack["seq"].as_u64().unwrap();
        }
        server.kill().unwrap();
        server.wait().unwrap();
        while let Some(ack) = hear(&mut client) {
            let ack: serde_json::Value = serde_json::from_str(&ack).unwrap();
            acknowledged = ack["seq"].as_u64().unwrap();
        }
    }
}
