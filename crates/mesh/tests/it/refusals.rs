//! Every answer of our own: its reason, and what happens to the connection.

use std::time::Duration;

use model::{ByteSize, Reason};
use ports::traffic::{Routing, Traffic};

use crate::{access_log, frames::*, rig::*};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn malformed_requests_end_the_connection() {
    let rig = Rig::new().await;
    rig.serves(echo).await;
    let fields = "a: b\r\n".repeat(101);
    let path = "x".repeat(9000);
    for (request, reason) in [
        ("GET / HTTP/1.1\r\n\r\n".into(), Reason::BadRequest),
        ("GET / HTTP/1.1\nhost: a\n\n".into(), Reason::BadRequest),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n".into(),
            Reason::BadRequest,
        ),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n".into(), Reason::BadRequest),
        ("GET /%2e%2e/%2e%2e HTTP/1.1\r\nhost: a\r\n\r\n".into(), Reason::BadRequest),
        ("\x16\x03\x01\x02\n".into(), Reason::BadRequest),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n".into(), Reason::NotImplemented),
        ("GET / HTTP/3.0\r\nhost: a\r\n\r\n".into(), Reason::NotImplemented),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n"), Reason::HeadTooLarge),
        (format!("GET / HTTP/1.1\r\nhost: a\r\na: {}\r\n\r\n", "x".repeat(40_000)), Reason::HeadTooLarge),
        (format!("GET /{path} HTTP/1.1\r\nhost: a\r\n\r\n"), Reason::TargetTooLong),
    ] {
        let mut client = rig.client().await;
        let problem = client.problem(&request).await;
        assert_eq!(problem.reason, reason.code(), "{:?}", &request[..request.len().min(80)]);
        assert!(!problem.hint.is_empty() && client.ends().await);
    }
}

#[tokio::test]
async fn a_larger_head_passes_inside() {
    let rig = Rig::new().await;
    rig.serves(echo).await;
    let mut caller = rig.caller().await;
    caller
        .send(&format!("POST / HTTP/1.1\r\nhost: a\r\na: {}\r\ncontent-length: 3\r\n\r\nabc", "x".repeat(40_000)))
        .await;
    assert_eq!(caller.response().await.2, b"POST / HTTP/1.1|abc");
}

#[tokio::test]
async fn no_route_and_no_upstream_keep_the_connection() {
    let rig = Rig::new().await;
    let mut client = rig.client().await;
    client.send(GET).await;
    rig.mesh.apply(Routing::default()).await;
    let answer = client.response().await;
    assert!(answer.1.contains("x-isles-reason: no-route"), "connections wait for the first state: {answer:?}");
    rig.apply(&[("users", true, &[])]).await;
    let problem = client.problem("GET /a?secret HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((problem.reason.as_str(), problem.connection.as_deref()), ("no-upstream", Some("gateway -> users")));
    assert_eq!(problem.hint, "run `isles why users`");
    client.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let (status, head, body) = client.response_to("HEAD").await;
    assert_eq!((status, head.contains("x-isles-reason: no-upstream"), body.len()), (503, true, 0));
    let mut caller = rig.caller().await;
    assert_eq!(caller.problem(GET).await.connection.as_deref(), Some("orders/1 -> users"));
    let failures = rig.mesh.failures(&"users".parse().unwrap());
    let seen: Vec<_> = failures.iter().map(|one| (one.connection.as_str(), one.request.as_str())).collect();
    assert_eq!(seen, [("orders/1 -> users", "GET /"), ("gateway -> users", "HEAD /"), ("gateway -> users", "GET /a")]);
}

#[tokio::test]
async fn only_the_last_failures_are_kept() {
    let rig = Rig::new().await;
    rig.apply(&[("users", true, &[])]).await;
    let mut client = rig.client().await;
    for number in 0..70 {
        client.problem(&format!("GET /{number} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
    }
    let failures = rig.mesh.failures(&"users".parse().unwrap());
    assert_eq!(
        (failures.len(), failures[0].request.as_str(), failures[63].request.as_str()),
        (64, "GET /69", "GET /6")
    );
}

#[tokio::test]
async fn what_instances_do_wrong() {
    for (answer, reason) in [
        ("", Reason::Reset),
        ("HTTP/1.1 200 O", Reason::Reset),
        ("HTTP/1.1 100 Continue\r\n\r\n", Reason::Reset),
        ("SSH-2.0-x\r\n\r\n", Reason::BadResponse),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", Reason::BadResponse),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloX", Reason::BadResponse),
        ("HTTP/1.1 204 No Content\r\ncontent-length: 7\r\n\r\n", Reason::BadResponse),
        ("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", Reason::BadResponse),
    ] {
        let rig = Rig::new().await;
        let script = move |mut conn: Conn| async move {
            conn.request().await;
            conn.send(answer).await;
        };
        rig.serves(script).await;
        let mut client = rig.client().await;
        let problem = client.problem(GET).await;
        assert_eq!((problem.reason.as_str(), problem.instances), (reason.code(), vec![id("users", 1)]), "{answer:?}");
        assert_eq!(rig.mesh.in_flight(&id("users", 1)), 0);
    }
}

#[tokio::test]
async fn a_broken_body_breaks_the_response() {
    for answer in ["content-length: 9\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let rig = Rig::new().await;
        rig.serves(move |mut conn| async move {
            conn.request().await;
            conn.send(&format!("HTTP/1.1 200 OK\r\n{answer}")).await;
        })
        .await;
        let mut client = rig.client().await;
        client.send(GET).await;
        let (status, _, framing) = client.response_head("GET").await;
        assert_eq!((status, client.body(framing).await), (200, None), "{answer:?}");
    }
}

#[tokio::test]
async fn nothing_listens() {
    let rig = Rig::serving(nowhere()).await;
    let problem = rig.client().await.problem("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!((problem.reason.as_str(), problem.instances), ("refused", vec![id("users", 1)]));
}

#[tokio::test]
async fn an_instance_that_does_not_accept() {
    let rig = Rig::with(|policy| policy.connect_timeout = Duration::from_millis(50)).await;
    let full = Full::new().await;
    rig.apply(&[("users", true, &[(1, full.target())])]).await;
    assert_eq!(rig.client().await.problem(GET).await.reason, "connect-timeout");
}

#[tokio::test]
async fn a_unix_socket_whose_backlog_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let rig = Rig::with(|policy| policy.connect_timeout = Duration::from_millis(50)).await;
    let socket = tokio::net::UnixSocket::new_stream().unwrap();
    socket.bind(&path).unwrap();
    let listener = socket.listen(0).unwrap();
    let waiting = tokio::net::UnixStream::connect(&path).await.unwrap();
    rig.apply(&[("users", true, &[(1, ports::traffic::Target::Unix(path))])]).await;
    let mut client = rig.client().await;
    assert_eq!(client.problem(GET).await.reason, "connect-timeout");
    listener.accept().await.unwrap();
    drop(waiting);
    client.send(GET).await;
    let (stream, _) = tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    rig.spawn(echo(Conn::new(stream)));
    assert_eq!(client.response().await.0, 200);
}

#[tokio::test]
async fn an_instance_that_does_not_answer() {
    let rig = Rig::with(|policy| policy.timeout = Duration::from_millis(100)).await;
    rig.serves(|mut conn| async move {
        conn.request().await;
        assert!(conn.ends().await, "the connection is given up with the request");
    })
    .await;
    let mut client = rig.client().await;
    assert_eq!(client.problem(GET).await.reason, "timeout");
    assert_eq!(client.problem(GET).await.reason, "timeout", "the client keeps its connection");
    assert_eq!(rig.mesh.in_flight(&id("users", 1)), 0);
}

#[tokio::test]
async fn a_head_that_does_not_end_and_a_client_that_says_nothing() {
    let limits = |policy: &mut model::spec::Policy| {
        policy.limits.head_timeout = Duration::from_millis(100);
        policy.limits.client_idle = Duration::from_millis(100);
    };
    let rig = Rig::with(limits).await;
    rig.apply(&[("users", true, &[])]).await;
    let mut slow = rig.client().await;
    assert_eq!(slow.problem("GET / HT").await.reason, "request-timeout");
    assert!(slow.ends().await);
    assert!(rig.client().await.ends().await, "an idle connection is closed in silence");
}

#[tokio::test]
async fn a_frame_or_a_head_that_does_not_end() {
    const ENHANCE_YOUR_CALM: u32 = 11;
    let limits = |policy: &mut model::spec::Policy| {
        policy.limits.head_timeout = Duration::from_millis(100);
        policy.limits.progress = ByteSize(0);
    };
    let rig = Rig::with(limits).await;
    rig.serves(echo).await;
    let (mut quiet, mut slow) = (Frames::connect(&rig).await, Frames::connect(&rig).await);
    let body = frame(DATA, END_STREAM, 1, b"0123456789");
    slow.send(&[get(1, 0, &[]), body[..15].to_vec()].concat()).await;
    let (head, ping) = (get(1, END_STREAM, &[]), frame(PING, 0, 0, &[0; 8]));
    let head_goes_on = frame(HEADERS, END_STREAM, 1, &head[9..]);
    for begun in [&ping[..3], &ping[..12], &head[..20], &head_goes_on, &[&*ping, &ping[..9]].concat()] {
        let mut client = Frames::connect(&rig).await;
        client.send(begun).await;
        assert_eq!(client.said(1).await, Said::GoAway(ENHANCE_YOUR_CALM), "{begun:?}");
        assert_eq!(client.said(1).await, Said::End, "{begun:?}");
    }
    let lines = access_log::lines(&rig, 5).await;
    assert!(lines.iter().all(|line| line["reason"] == "request-timeout" && line["method"] == "PRI"), "{lines:?}");
    slow.send(&body[15..]).await;
    quiet.send(&head).await;
    assert_eq!((slow.said(1).await, quiet.said(1).await), (Said::Status(200), Said::Status(200)));
}

/// Nobody reads the body of a stream that has ended, so nobody else would miss the rest of it.
#[tokio::test]
async fn a_frame_of_a_body_that_does_not_end_on_a_stream_that_has() {
    const ENHANCE_YOUR_CALM: u32 = 11;
    let limits = |policy: &mut model::spec::Policy| {
        policy.limits.head_timeout = Duration::from_millis(500);
        policy.limits.body = Some(ByteSize(10));
    };
    let rig = Rig::with(limits).await;
    rig.apply(&[("users", true, &[])]).await;
    let mut client = Frames::connect(&rig).await;
    client.send(&get(1, 0, &[("content-length", "100")])).await;
    assert_eq!(client.said(1).await, Said::OtherStatus, "413");
    client.send(&frame(DATA, 0, 1, &[b'x'; 100])[..50]).await;
    assert_eq!(client.said(0).await, Said::GoAway(ENHANCE_YOUR_CALM));
    assert_eq!(client.said(0).await, Said::End);
    let lines = access_log::lines(&rig, 2).await;
    let reasons: Vec<_> = lines.iter().map(|line| &line["reason"]).collect();
    assert_eq!(reasons, ["body-too-large", "request-timeout"]);
}

#[tokio::test]
async fn a_system_that_shuts_down_takes_no_more_requests() {
    let rig = Rig::new().await;
    let target = rig.server(echo).await;
    rig.apply(&[("users", true, &[(1, target.clone())])]).await;
    let mut client = rig.client().await;
    assert_eq!(client.get("/").await.0, 200);
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    routing.shutting_down = true;
    rig.mesh.apply(routing).await;
    assert_eq!(client.problem(GET).await.reason, "shutting-down");
    assert!(client.ends().await);
}
