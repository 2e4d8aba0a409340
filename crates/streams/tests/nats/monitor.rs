//! The monitoring.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::Value;
use streams::server::Config;

use crate::rig::{PATIENCE, Server};

/// The JSON of a page.
pub(crate) fn get(server: &Server, path: &str) -> Value {
    let answer = ask(server, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"), "{head}");
    serde_json::from_str(body).unwrap()
}

fn ask(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.monitor).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn pages_say_what_happened() {
    let server = Server::start(Config { server_name: "here".into(), ..Config::default() });
    let mut raw = server.raw();
    raw.say_and_wait(
        "CONNECT {\"verbose\":false,\"name\":\"me\",\"lang\":\"raw\"}\r\nSUB a.b 1\r\nPUB a.b 2\r\nhi\r\nPUB c 1\r\nx\r\n",
    );
    for (path, pointer, expected) in [
        ("/varz", "/server_name", Value::from("here")),
        ("/varz", "/version", "2.12.0".into()),
        ("/varz", "/connections", 1.into()),
        ("/varz", "/total_connections", 1.into()),
        ("/varz", "/subscriptions", 1.into()),
        ("/varz", "/in_msgs", 2.into()),
        ("/varz", "/in_bytes", 3.into()),
        ("/varz", "/out_msgs", 1.into()),
        ("/varz", "/out_bytes", 2.into()),
        ("/varz", "/slow_consumers", 0.into()),
        ("/connz", "/num_connections", 1.into()),
        ("/connz", "/connections/0/name", "me".into()),
        ("/connz", "/connections/0/lang", "raw".into()),
        ("/connz", "/connections/0/ip", "127.0.0.1".into()),
        ("/connz", "/connections/0/in_msgs", 2.into()),
        ("/connz", "/connections/0/subscriptions", 1.into()),
        ("/subsz", "/num_subscriptions", 1.into()),
        ("/subsz", "/num_nodes", 3.into()),
        ("/connz?subs=1&limit=1", "/connections/0/subscriptions_list/0", "a.b".into()),
        ("/connz?cid=7", "/num_connections", 0.into()),
        ("/connz?offset=1", "/total", 1.into()),
        ("/jsz", "/disabled", true.into()),
        ("/healthz", "/status", "ok".into()),
    ] {
        assert_eq!(get(&server, path).pointer(pointer), Some(&expected), "{path} {pointer}");
    }
}

#[test]
fn other_requests_are_refused() {
    let server = Server::start(Config::default());
    for (request, status) in [
        ("GET /other HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found"),
        ("GET /healthz?js-enabled-only=true HTTP/1.1\r\nHost: a\r\n\r\n", "503 Service Unavailable"),
        ("GET /healthz?js-server-only=true HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"),
        ("GET /jsz?accounts=true HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"),
        ("GET /varz?sort=rtt HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"),
        ("POST /varz HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"),
        ("PING\r\n\r\n", "400 Bad Request"),
    ] {
        assert!(ask(&server, request).starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}");
    }
}
