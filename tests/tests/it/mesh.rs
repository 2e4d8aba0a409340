//! The gateway and the connections between services.

use std::{
    io::Read,
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use model::{Problem, api::Why};
use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    foreground::Foreground,
    http::{self, Answer, Connection},
    process,
    sandbox::Sandbox,
    wait,
};

/// `web` may call `back`, with little patience; nobody may call `other`.
const MANIFEST: &str = r#"
[gateway]
listen = "GATEWAY"
limits = { body = "64MiB" }

[gateway.routes]
"/" = "web"
"/stripped" = { to = "web", strip = true }
"named.example/only" = "web"

[services.web]
run = "python3 service.py"
calls = ["back"]

[services.web.connections.back]
timeout = "500ms"
retries = 0
queue = 1

[services.back]
run = "python3 service.py"

[services.other]
run = "python3 service.py"
"#;

fn up() -> Sandbox {
    let sandbox = Sandbox::new(MANIFEST);
    sandbox.up();
    sandbox
}

/// What `web` was told when it called.
fn called(sandbox: &Sandbox, path: &str) -> (u64, Value, Value) {
    let said = sandbox.get(&format!("/call/back{path}")).json();
    let body = said["body"].as_str().unwrap_or_default();
    let body = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
    (said["status"].as_u64().unwrap_or(0), said["reason"].clone(), body)
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, reason: &str) -> Problem {
    assert_eq!(answer.refusal(), (status, Some(reason)), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem: Problem = serde_json::from_slice(&answer.body).expect("a problem");
    assert_eq!((problem.status, problem.reason.as_str()), (status, reason));
    assert!(!problem.title.is_empty() && !problem.hint.is_empty(), "{problem:?}");
    problem
}

#[test]
fn a_call_is_held_until_the_service_has_started() {
    let sandbox = Sandbox::new(
        "[gateway]\nlisten = \"GATEWAY\"\nroutes = { \"/\" = \"web\" }\n\
         [services.web]\nrun = \"python3 service.py\"\nenv = { WAIT_FOR = \"go\" }\n",
    );
    let mut up = Foreground::start(sandbox.command(&["up"]), &sandbox.folder());
    wait::until("the gateway", || TcpStream::connect(sandbox.gateway).ok().and(sandbox.running()).map(drop));
    let gateway = sandbox.gateway;
    let held: Vec<_> = (0..5).map(|_| thread::spawn(move || http::request(gateway, "GET", "/pid", b""))).collect();
    wait::until("the program to run", || sandbox.service("web").instances.first()?.pid.map(drop));
    assert!(held.iter().all(|request| !request.is_finished()));
    sandbox.write("go", "");
    for request in held {
        assert_eq!(request.join().unwrap().unwrap().status, 200);
    }
    up.signal(Signal::TERM);
    assert_eq!(up.wait(), Some(0));
}

#[test]
fn a_call_is_held_no_longer_than_the_connection_allows() {
    let manifest = MANIFEST.replace("[services.back]\n", "[services.back]\nenv = { WAIT_FOR = \"go\" }\n");
    let sandbox = Sandbox::new(&manifest);
    let mut up = Foreground::start(sandbox.command(&["up"]), &sandbox.folder());
    wait::until("web", || {
        sandbox.running()?.services.iter().find(|s| s.name.as_str() == "web" && s.healthy == 1).map(drop)
    });
    let (status, reason, problem) = called(&sandbox, "/pid");
    assert_eq!((status, reason), (503, json!("not-ready")));
    assert_eq!(problem["connection"], "web/1 -> back");
    let gateway = sandbox.gateway;
    let calls: Vec<_> =
        (0..6).map(|_| thread::spawn(move || http::request(gateway, "GET", "/call/back/pid", b""))).collect();
    let reasons = calls.into_iter().map(|call| call.join().unwrap().unwrap().json()["reason"].clone());
    let reasons: Vec<_> = reasons.map(|reason| reason.as_str().unwrap_or_default().to_owned()).collect();
    assert!(reasons.iter().any(|reason| reason == "queue-full"), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason == "not-ready"), "{reasons:?}");
    sandbox.write("go", "");
    wait::until("back", || (called(&sandbox, "/pid").0 == 200).then_some(()));
    up.signal(Signal::TERM);
    up.wait();
}

#[test]
fn routes() {
    let sandbox = up();
    for (path, seen) in [
        ("/seen/a", "/seen/a"),
        ("/stripped/seen/a?b=c", "/seen/a?b=c"),
        ("/seen//a%20b", "/seen//a%20b"),
        ("/x/../seen/./a", "/seen/a"),
        ("/strippedx", "/strippedx"),
    ] {
        let answer = sandbox.get(path);
        assert_eq!(answer.status, 200, "{path}");
        let found = serde_json::from_slice::<Value>(&answer.body).map(|json| json["path"].clone());
        assert_eq!(found.unwrap_or_else(|_| json!(answer.text())), seen, "{path}");
    }
    for path in ["/a%00b", "/a%2fb", "/a%5cb", "/a\\b", "/a#b"] {
        assert_problem(&sandbox.get(path), 400, "bad-request");
    }
    let mut connection = Connection::tcp(sandbox.gateway).unwrap();
    let named = connection.request("GET", "/only", "host: named.example\r\n", b"").unwrap();
    assert_eq!(named.status, 200);
}

#[test]
fn every_reason_that_can_be_provoked() {
    let sandbox = up();
    let none = Sandbox::new(&MANIFEST.replace("\"/\" = \"web\"\n", ""));
    none.up();
    let problem = assert_problem(&none.get("/nowhere"), 404, "no-route");
    assert!(problem.detail.contains("/nowhere"), "{problem:?}");
    drop(none);

    assert_problem(&sandbox.get("/exit/1"), 502, "reset");
    wait::until("web to be back", || (sandbox.get("/pid").status == 200).then_some(()));
    let problem = assert_problem(&sandbox.get("/garbage"), 502, "bad-response");
    assert_eq!(problem.connection.as_deref(), Some("gateway -> web"));
    assert_eq!(problem.instances.len(), 1);

    let (status, reason, problem) = called(&sandbox, "/sleep/5");
    assert_eq!((status, reason), (504, json!("timeout")));
    assert_eq!((&problem["connection"], &problem["instances"][0]), (&json!("web/1 -> back"), &json!("back/1#1")));

    let other = sandbox.service("other").instances[0].address.clone().unwrap();
    let port = sandbox.get("/env").json()["BACK_URL"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let undeclared = sandbox.get(&format!("/fetch/127.99.99.99:{port}/pid")).json();
    assert_eq!((&undeclared["status"], &undeclared["reason"]), (&json!(421), &json!("not-declared")), "{other}");

    let why: Why = sandbox.typed("/v1/services/back/why");
    let failures: Vec<_> = why.failures.iter().map(|failure| (failure.cause(), failure.request.as_str())).collect();
    assert_eq!(failures, [("timeout".to_owned(), "GET /sleep/5")]);
}

#[test]
fn refused_and_no_upstream() {
    let sandbox = up();
    let back = sandbox.pid("back");
    process::signal(back, Signal::STOP);
    let (status, reason, _) = called(&sandbox, "/pid");
    assert_eq!((status, reason), (504, json!("timeout")), "a stopped program accepts and does not answer");
    process::signal(back, Signal::CONT);
    wait::until("back to answer", || (called(&sandbox, "/pid").0 == 200).then_some(()));
    sandbox.isles(&["scale", "back=0"]).ok();
    let (status, reason, problem) = called(&sandbox, "/pid");
    assert_eq!((status, reason), (503, json!("no-upstream")));
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("isles why")), "{problem}");
    sandbox.isles(&["scale", "back=1"]).ok();
    assert_eq!(called(&sandbox, "/pid").0, 200);
}

#[test]
fn malformed_requests_are_refused_and_not_repaired() {
    let sandbox = up();
    for (bytes, status, reason) in [
        ("GET / HTTP/1.1\r\n\r\n", 400, "bad-request"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400, "bad-request"),
        ("nonsense\r\n\r\n", 400, "bad-request"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400, "bad-request"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400, "bad-request"),
        ("GET / HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n", 400, "bad-request"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501, "not-implemented"),
    ] {
        let mut connection = Connection::tcp(sandbox.gateway).unwrap();
        connection.send(bytes.as_bytes()).unwrap();
        let answer = connection.answer(false).unwrap_or_else(|error| panic!("{bytes:?}: {error}"));
        assert_eq!(answer.refusal(), (status, Some(reason)), "{bytes:?}: {}", answer.text());
        assert_eq!(answer.header("connection"), Some("close"), "{bytes:?}");
    }
    let long = format!("host: a\r\nx: {}\r\n", "y".repeat(40_000));
    let answer = Connection::tcp(sandbox.gateway).unwrap().request("GET", "/", &long, b"").unwrap();
    assert_eq!(answer.refusal(), (431, Some("head-too-large")));
    assert_eq!(sandbox.get("/pid").status, 200);
}

#[test]
fn a_client_connection_is_kept_alive() {
    let sandbox = up();
    let mut connection = Connection::tcp(sandbox.gateway).unwrap();
    for number in 0..20 {
        let path = format!("/seen/{number}");
        let answer = connection.request("GET", &path, "", b"").unwrap();
        assert_eq!(answer.json()["path"], path);
        let problem = connection.request("GET", "/a%00b", "", b"");
        assert!(problem.is_ok());
        connection = if number % 5 == 4 { Connection::tcp(sandbox.gateway).unwrap() } else { connection };
        if connection.request("GET", "/pid", "", b"").is_err() {
            connection = Connection::tcp(sandbox.gateway).unwrap();
        }
    }
    connection.send(b"GET /seen/a HTTP/1.1\r\nhost: a\r\n\r\nGET /seen/b HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert_eq!(connection.answer(false).unwrap().json()["path"], "/seen/a");
    assert_eq!(connection.answer(false).unwrap().json()["path"], "/seen/b");
    let head = connection.request("HEAD", "/pid", "", b"").unwrap();
    assert!(head.body.is_empty());
}

#[test]
fn the_program_sees_who_asked() {
    let sandbox = up();
    let fields =
        "host: shop.example\r\nx-forwarded-for: 6.6.6.6\r\nconnection: x-private\r\nx-private: 1\r\nx-kept: 2\r\n";
    let seen = Connection::tcp(sandbox.gateway).unwrap().request("GET", "/seen", fields, b"").unwrap().json();
    let headers = seen["headers"].as_object().unwrap();
    let field = |name: &str| {
        let found = headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_str()).map(str::to_owned)
    };
    assert_eq!(field("host").as_deref(), Some("shop.example"));
    assert_eq!(field("x-kept").as_deref(), Some("2"));
    assert_eq!(field("x-private"), None, "hop-by-hop fields end here");
    assert_eq!(field("x-forwarded-for").as_deref(), Some("127.0.0.1"), "a client cannot say who it is");
    assert_eq!(field("x-forwarded-proto").as_deref(), Some("http"));
}

#[test]
fn bodies_are_streamed_in_both_directions() {
    const SIZE: usize = 48 << 20;
    let sandbox = up();
    let platform = sandbox.status().platform_pid;
    let memory = || process::status_kib(platform, "VmHWM").unwrap();
    sandbox.get("/bytes/1000000");
    let before = memory();
    let answer = sandbox.get(&format!("/bytes/{SIZE}"));
    assert_eq!((answer.status, answer.body.len()), (200, SIZE));
    let body = vec![b'x'; SIZE];
    let size = http::request(sandbox.gateway, "POST", "/size", &body).unwrap();
    assert_eq!(size.text(), SIZE.to_string());
    let grown = memory() - before;
    assert!(grown < 8 << 10, "{grown} KiB more for bodies of {} KiB", SIZE >> 10);

    let mut larger = Connection::tcp(sandbox.gateway).unwrap();
    larger.send(b"POST /size HTTP/1.1\r\nhost: a\r\ncontent-length: 70000000\r\n\r\n").unwrap();
    assert_eq!(larger.head().unwrap().refusal(), (413, Some("body-too-large")));

    let mut echo = Connection::tcp(sandbox.gateway).unwrap();
    echo.send(b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    echo.send(b"5\r\nfirst\r\n").unwrap();
    assert_eq!(echo.head().unwrap().status, 200, "the answer begins before the request has ended");
    assert_eq!((echo.line().unwrap().as_str(), echo.line().unwrap().as_str()), ("5", "first"));
    echo.send(b"6\r\nsecond\r\n0\r\n\r\n").unwrap();
    let rest: Vec<_> = (0..4).map(|_| echo.line().unwrap()).collect();
    assert_eq!(rest, ["6", "second", "0", ""]);
}

#[test]
fn a_websocket_echoes_through_the_gateway() {
    let sandbox = up();
    let mut socket = Connection::tcp(sandbox.gateway).unwrap();
    let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let answer = socket.request("GET", "/websocket", upgrade, b"").unwrap();
    assert_eq!(answer.status, 101);
    // The key and the answer to it are those of RFC 6455 section 1.3.
    assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    for text in ["hello", "again"] {
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        frame.extend(text.bytes());
        socket.send(&frame).unwrap();
        let head = socket.read(2).unwrap();
        assert_eq!(head, [0x81, u8::try_from(text.len()).unwrap()]);
        assert_eq!(socket.read(text.len()).unwrap(), text.as_bytes());
    }
    assert_eq!(sandbox.service("web").instances[0].in_flight, 1, "a socket is in flight until it ends");
    socket.send(&[0x88, 0x80, 0, 0, 0, 0]).unwrap();
    assert_eq!(socket.read(2).unwrap(), [0x88, 0]);
    assert!(socket.read(1).is_err(), "the program has closed it");
    drop(socket);
    wait::until_is("its end", &0, || sandbox.service("web").instances[0].in_flight);
}

#[test]
fn a_client_that_vanishes_leaves_nothing_in_flight() {
    let sandbox = up();
    let mut stream = TcpStream::connect(sandbox.gateway).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /sleep/20 HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    wait::until_is("the request in flight", &1, || sandbox.service("web").instances[0].in_flight);
    stream.shutdown(Shutdown::Both).unwrap();
    drop(stream);
    wait::until_is("its end", &0, || sandbox.service("web").instances[0].in_flight);
}

#[test]
fn a_retry_hides_an_instance_that_just_died() {
    let sandbox = Sandbox::new(
        "[gateway]\nlisten = \"GATEWAY\"\nroutes = { \"/\" = \"web\" }\n\
         [services.web]\nrun = \"python3 service.py\"\nreplicas = 3\n",
    );
    sandbox.up();
    for _ in 0..3 {
        process::signal(sandbox.pids("web")[0], Signal::KILL);
        for _ in 0..10 {
            let answer = sandbox.get("/pid");
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        wait::until_is("three instances", &3, || sandbox.pids("web").len());
    }
}

#[test]
fn a_program_that_isles_knows_nothing_of_is_served() {
    let sandbox = Sandbox::new(
        "[gateway]\nlisten = \"GATEWAY\"\nroutes = { \"/\" = \"files\" }\n\
         [services.files]\nrun = \"python3 -m http.server $PORT --bind 127.0.0.1\"\n",
    );
    sandbox.write("hello.txt", "hello\n");
    sandbox.up();
    let curl = sandbox.shell(&format!("curl -sS -i http://{}/hello.txt", sandbox.gateway)).ok();
    assert!(curl.out.starts_with("HTTP/1.1 200") && curl.out.ends_with("hello\n"), "{curl:?}");
    // HTTP/1.0 client: the answer ends with the connection.
    let mut stream = TcpStream::connect(sandbox.gateway).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /hello.txt HTTP/1.0\r\nhost: a\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("hello\n"), "{text}");
}
