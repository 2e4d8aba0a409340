//! JetStream's streams over a socket, spoken to in the protocol's own words.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
};

use ports::clock::HostClock;
use serde_json::Value;
use streams::{engine, server::Handle};

use common::serve;

struct Client {
    _handle: Handle,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn new(folder: &Path) -> Self {
        let (handle, address) = serve(|clock| engine::open(folder, clock));
        let mut lines = BufReader::new(TcpStream::connect(address).unwrap());
        let mut info = String::new();
        lines.read_line(&mut info).unwrap();
        assert!(info.contains(r#""jetstream":true"#), "{info}");
        let hello =
            "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\nSUB r 1\r\n";
        lines.get_mut().write_all(hello.as_bytes()).unwrap();
        Self { _handle: handle, lines }
    }

    /// Sends a message with headers (`Name: value`, may be none), and returns headers and payload of the answer.
    fn ask(&mut self, subject: &str, header: &str, payload: &str) -> (String, String) {
        let text = if header.is_empty() {
            format!("PUB {subject} r {}\r\n{payload}\r\n", payload.len())
        } else {
            let block = format!("NATS/1.0\r\n{header}\r\n\r\n");
            format!("HPUB {subject} r {} {}\r\n{block}{payload}\r\n", block.len(), block.len() + payload.len())
        };
        self.lines.get_mut().write_all(text.as_bytes()).unwrap();
        self.hear()
    }

    fn hear(&mut self) -> (String, String) {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        let numbers: Vec<usize> = words[3..].iter().map(|word| word.parse().unwrap()).collect();
        let (head, total) = match (words[0], numbers.as_slice()) {
            ("MSG", [total]) => (0, *total),
            ("HMSG", [head, total]) => (*head, *total),
            _ => panic!("{line}"),
        };
        let mut bytes = vec![0; total + 2];
        self.lines.read_exact(&mut bytes).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&bytes[..head]), text(&bytes[head..total]))
    }

    /// The answer of the API.
    fn api(&mut self, subject: &str, payload: &str) -> Value {
        let (_, body) = self.ask(&format!("$JS.API.{subject}"), "", payload);
        serde_json::from_str(&body).unwrap()
    }

    /// `seq 1`, `seq 1 duplicate`, `error 10071`.
    fn publish(&mut self, subject: &str, header: &str) -> String {
        let (_, body) = self.ask(subject, header, "hi");
        let body: Value = serde_json::from_str(&body).unwrap();
        match (&body["error"]["err_code"], &body["duplicate"]) {
            (Value::Number(code), _) => format!("error {code}"),
            (_, Value::Bool(true)) => format!("seq {} duplicate", body["seq"]),
            _ => format!("seq {}", body["seq"]),
        }
    }
}

#[test]
fn publishes_are_decided_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(folder.path());
    let config = r#"{"name":"s","subjects":["s.>"],"allow_direct":true,"max_msgs_per_subject":2}"#;
    assert_eq!(client.api("STREAM.CREATE.s", config)["did_create"], true);
    assert_eq!(client.api("STREAM.CREATE.s", config)["did_create"], Value::Null, "it was there already");
    for (subject, header, expected) in [
        ("s.a", "", "seq 1"),
        ("s.b", "Nats-Msg-Id: x", "seq 2"),
        ("s.b", "Nats-Msg-Id: x", "seq 2 duplicate"),
        ("s.a", "Nats-Expected-Last-Sequence: 1", "error 10071"),
        ("s.a", "Nats-Expected-Last-Sequence: 2", "seq 3"),
        ("s.a", "Nats-Expected-Last-Subject-Sequence: 3", "seq 4"),
        ("s.a", "Nats-Expected-Stream: other", "error 10060"),
    ] {
        assert_eq!(client.publish(subject, header), expected, "{subject} {header}");
    }
    let deleted = client.api("STREAM.MSG.DELETE.s", r#"{"seq":4}"#);
    assert_eq!(deleted["success"], true);
    for _ in 0..2 {
        let state = client.api("STREAM.INFO.s", "")["state"].clone();
        let found = ["messages", "first_seq", "last_seq", "num_subjects"].map(|key| state[key].as_u64());
        assert_eq!(found, [2, 2, 4, 2].map(Some), "sequence 1 gave way, 4 was deleted: {state}");
        assert_eq!(client.publish("s.b", "Nats-Msg-Id: x"), "seq 2 duplicate");
        drop(client);
        client = reopened(folder.path());
    }
    assert_eq!(client.publish("s.c", ""), "seq 5");
}

/// The server of a dropped client ends on a thread of its own, and lets go of the folder then.
fn reopened(folder: &Path) -> Client {
    while journal::Folder::open(folder).is_err() {
        std::thread::yield_now();
    }
    Client::new(folder)
}

#[test]
fn messages_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(folder.path());
    client.api("STREAM.CREATE.s", r#"{"name":"s","subjects":["s.>"],"allow_direct":true}"#);
    for (subject, expected) in [("s.a", "seq 1"), ("s.b", "seq 2"), ("s.a", "seq 3")] {
        assert_eq!(client.publish(subject, "K: v"), expected);
    }
    for (body, seq) in [
        (r#"{"seq":2}"#, 2),
        (r#"{"last_by_subj":"s.a"}"#, 3),
        (r#"{"last_by_subj":"s.*"}"#, 3),
        (r#"{"seq":2,"next_by_subj":"s.a"}"#, 3),
        (r#"{"next_by_subj":"s.>"}"#, 1),
        (r#"{"start_time":"2026-01-01T00:00:00Z"}"#, 1),
    ] {
        let message = client.api("STREAM.MSG.GET.s", body)["message"].clone();
        assert_eq!((&message["seq"], &message["data"]), (&seq.into(), &"aGk=".into()), "{body}");
        let (headers, payload) = client.ask("$JS.API.DIRECT.GET.s", "", body);
        assert!(headers.contains("K: v\r\nNats-Stream: s\r\n"), "{headers}");
        assert!(headers.contains(&format!("Nats-Sequence: {seq}\r\n")) && payload == "hi", "{headers}");
    }
    let (headers, _) = client.ask("$JS.API.DIRECT.GET.s.s.b", "", "");
    assert!(headers.contains("Nats-Sequence: 2\r\n"), "{headers}");
    let (headers, _) = client.ask("$JS.API.DIRECT.GET.s.s.x", "", "");
    assert_eq!(headers, "NATS/1.0 404 Message Not Found\r\n\r\n");
    assert_eq!(client.api("STREAM.MSG.GET.s", r#"{"seq":9}"#)["error"]["err_code"], 10037);
}

#[test]
fn streams_are_changed_emptied_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(folder.path());
    client.api("STREAM.CREATE.s", r#"{"name":"s","subjects":["s.>"],"max_msgs":3,"discard":"new"}"#);
    let published = ["s.a", "s.a", "s.b", "s.b"].map(|subject| client.publish(subject, ""));
    assert_eq!(published, ["seq 1", "seq 2", "seq 3", "error 10077"]);
    for (subject, body, pointer, expected) in [
        ("STREAM.PURGE.s", r#"{"filter":"s.a","keep":1}"#, "/purged", 1.into()),
        ("STREAM.UPDATE.s", r#"{"name":"s","subjects":["t.>"],"discard":"new"}"#, "/config/subjects/0", "t.>".into()),
        ("STREAM.CREATE.t", r#"{"name":"t","subjects":["t.a"]}"#, "/error/err_code", 10065.into()),
        ("STREAM.CREATE.t", r#"{"name":"t","subjects":["s.>"]}"#, "/did_create", true.into()),
        ("STREAM.CREATE.t", r#"{"name":"t","subjects":["x"]}"#, "/error/err_code", 10058.into()),
        ("STREAM.NAMES", "", "/streams", serde_json::json!(["s", "t"])),
        ("STREAM.NAMES", r#"{"subject":"t.x"}"#, "/streams", serde_json::json!(["s"])),
        ("STREAM.LIST", "", "/streams/1/config/name", "t".into()),
        ("INFO", "", "/streams", 2.into()),
        ("STREAM.PURGE.s", "", "/purged", 2.into()),
        ("STREAM.DELETE.s", "", "/success", true.into()),
        ("STREAM.INFO.s", "", "/error/err_code", 10059.into()),
        ("CONSUMER.INFO.t.c", "", "/error/err_code", 10014.into()),
        ("CONSUMER.NAMES.t", "", "/total", 0.into()),
    ] {
        let answer = client.api(subject, body);
        assert_eq!(answer.pointer(pointer), Some(&expected), "{subject} {body}: {answer}");
    }
    assert_eq!(client.publish("s.x", ""), "seq 1", "the subject is that of another stream now");
    let (headers, _) = client.ask("t.x", "", "");
    assert!(headers.starts_with("NATS/1.0 503"), "nobody takes it any more: {headers}");
}

/// Nobody asks for it: the messages go when their time has come.
#[test]
fn messages_expire_by_the_timer() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(folder.path());
    client.api("STREAM.CREATE.s", r#"{"name":"s","subjects":["s"],"max_age":100000000,"duplicate_window":100000000}"#);
    assert_eq!(client.publish("s", ""), "seq 1");
    while client.api("STREAM.INFO.s", "")["state"]["messages"] != 0 {
        std::thread::yield_now();
    }
    assert_eq!(client.publish("s", ""), "seq 2");
}

#[test]
fn a_batch_is_stored_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(folder.path());
    client.api("STREAM.CREATE.s", r#"{"name":"s","subjects":["s.>"],"allow_atomic":true}"#);
    let batch = |sequence: u32, more: &str| format!("Nats-Batch-Id: b\r\nNats-Batch-Sequence: {sequence}{more}");
    assert_eq!(client.ask("s.a", &batch(1, ""), "one").1, "");
    assert_eq!(client.api("STREAM.INFO.s", "")["state"]["messages"], 0);
    let (_, ack) = client.ask("s.b", &batch(2, "\r\nNats-Batch-Commit: 1"), "two");
    assert_eq!(ack, r#"{"stream":"s","seq":2,"batch":"b","count":2}"#);
    let (_, first) = client.ask("$JS.API.STREAM.MSG.GET.s", "", r#"{"seq":1}"#);
    assert!(first.contains("b25l"), "{first}");
}

/// The journal's files with this beginning of their names.
fn files(folder: &Path, prefix: &str) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with(prefix)).collect()
}

#[test]
fn a_damaged_stream_is_read_only_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(folder.path());
    client.api("STREAM.CREATE.d", r#"{"name":"d","subjects":["d"]}"#);
    client.api("STREAM.CREATE.w", r#"{"name":"w","subjects":["w"]}"#);
    let large = "x".repeat(1_000_000);
    (1..=16).for_each(|seq| assert_eq!(client.ask("d", "", &large).1, format!(r#"{{"stream":"d","seq":{seq}}}"#)));
    while files(folder.path(), "segment-").is_empty() {
        std::thread::yield_now();
    }
    drop(client);
    drop(reopened(folder.path()));
    while journal::Folder::open(folder.path()).is_err() {
        std::thread::yield_now();
    }
    let segment = files(folder.path(), "segment-").into_iter().min().unwrap();
    let mut content = std::fs::read(&segment).unwrap();
    content[500_000] ^= 1;
    std::fs::write(&segment, content).unwrap();
    let mut client = Client::new(folder.path());
    let refused = client.api("STREAM.PURGE.d", "")["error"].clone();
    assert_eq!(refused["err_code"], 10077);
    let told = refused["description"].as_str().unwrap().to_owned();
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(told.starts_with(&format!("stream d is read-only: {name} is damaged at byte ")), "{told}");
    assert_eq!(client.publish("d", ""), "error 10077");
    assert_eq!(client.api("STREAM.MSG.GET.d", r#"{"seq":16}"#)["message"]["seq"], 16, "what is whole is read");
    assert_eq!(client.api("STREAM.INFO.d", "")["state"]["last_seq"], 16);
    assert_eq!(client.publish("w", ""), "seq 1");
    assert_eq!(client.api("STREAM.DELETE.d", "")["success"], true);
    assert_eq!(client.api("STREAM.CREATE.d", r#"{"name":"d","subjects":["d"]}"#)["did_create"], true);
    assert_eq!(client.publish("d", ""), "seq 1");
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Client::new(folder.path()));
    while journal::Folder::open(folder.path()).is_err() {
        std::thread::yield_now();
    }
    let log = files(folder.path(), "log-").pop().unwrap();
    let mut content = std::fs::read(&log).unwrap();
    content[7] += 1;
    std::fs::write(&log, content).unwrap();
    let refused = engine::open(folder.path(), Arc::new(HostClock::start())).err().unwrap().to_string();
    assert_eq!(refused, "log-0000000000000001 has format 2; this Isles knows formats up to 1");
}
