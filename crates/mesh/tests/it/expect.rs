//! `expect: 100-continue`: an instance that speaks HTTP/1.1 answers it in its own time, and the mesh does for one that speaks HTTP/2.

use std::time::Duration;

use h2::server::{SendResponse, handshake};
use http::{Request, Response, StatusCode};
use hyper::body::Bytes;
use model::{
    Reason,
    spec::{Policy, Protocol},
};
use ports::{tasks::TaskKind, traffic::Target};
use tokio::{net::TcpListener, time::sleep};

use crate::{frames::*, rig::*};

/// Echoes bodies; says 100 before if told so.
async fn instance(rig: &Rig, says_100: bool) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    let tasks = rig.tasks.clone();
    rig.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = handshake(stream).await.unwrap();
        while let Some(Ok((request, respond))) = connection.accept().await {
            tasks.spawn(TaskKind::Work("stream"), echo_stream(request, respond, says_100));
        }
    });
    target
}

async fn echo_stream(request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>, says_100: bool) {
    assert!(!request.headers().contains_key("expect"), "it is answered already");
    if says_100 {
        respond.send_informational(Response::builder().status(StatusCode::CONTINUE).body(()).unwrap()).unwrap();
    }
    let (mut body, mut bytes) = (request.into_body(), Vec::new());
    while let Some(piece) = body.data().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    respond.send_response(Response::new(()), false).unwrap().send_data(bytes.into(), true).unwrap();
}

#[tokio::test]
async fn the_mesh_answers_for_an_instance_of_http2() {
    for says_100 in [false, true] {
        let rig = Rig::with(|policy| policy.protocol = Protocol::Http2).await;
        let target = instance(&rig, says_100).await;
        rig.apply(&[("users", true, &[(1, target)])]).await;
        let mut client = rig.client().await;
        for _ in 0..2 {
            client.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").await;
            assert_eq!(client.response().await.1, "HTTP/1.1 100 \r\n\r\n");
            client.send("body").await;
            let (status, _, body) = client.response().await;
            assert_eq!((status, body), (200, b"body".to_vec()), "one 100 and no more, says it one itself: {says_100}");
        }
    }
}

#[tokio::test]
async fn nobody_is_invited_where_there_is_no_instance() {
    let rig = Rig::with(|policy| policy.protocol = Protocol::Http2).await;
    rig.apply(&[("users", true, &[(1, nowhere())])]).await;
    let mut client = rig.client().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").await;
    assert_eq!(client.response().await.0, 502);
    assert!(client.ends().await);
}

#[tokio::test]
async fn an_answer_before_the_body_says_that_the_connection_ends() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        while conn.request_head().await.is_some() {
            conn.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
        }
    })
    .await;
    let part = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbo";
    for (request, ends) in [(EXPECTING, true), (part, true), ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", false)] {
        let mut client = rig.client().await;
        client.send(request).await;
        let (status, head, body) = client.response().await;
        assert_eq!((status, body, head.contains("\r\nconnection: close\r\n")), (403, b"no".to_vec(), ends), "{head}");
        assert!(!ends || client.ends().await);
    }
}

const EXPECTING: &str = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n";

/// What a client may take for its body, and longer than that.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(3);

/// A service whose instance asks for the body when it has waited so long, if ever.
async fn inviting(policy: impl FnOnce(&mut Policy), after: Option<Duration>) -> Rig {
    let rig = Rig::with(policy).await;
    rig.serves(move |mut conn| async move {
        let (_, framing) = conn.request_head().await.unwrap();
        if let Some(after) = after {
            sleep(after).await;
            conn.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        if let Some(body) = conn.body(framing).await {
            assert_eq!(body, b"body");
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    rig
}

#[tokio::test]
async fn an_instance_may_take_its_time_to_ask_for_the_body() {
    let rig = inviting(|policy| policy.limits.progress_grace = SHORT, Some(LONG)).await;
    let mut client = rig.client().await;
    client.send(EXPECTING).await;
    assert_eq!(client.response().await.0, 100);
    client.send("body").await;
    assert_eq!(client.response().await.0, 200);
    let mut client = Frames::connect(&rig).await;
    client.send(&get(1, 0, &[("expect", "100-continue"), ("content-length", "4")])).await;
    assert_eq!(client.said(1).await, Said::OtherStatus);
    client.send(&frame(DATA, END_STREAM, 1, b"body")).await;
    assert_eq!(client.said(1).await, Said::Status(200));
}

#[tokio::test]
async fn who_is_late_where_a_body_is_asked_for() {
    for (timeout, asked, reason) in [
        (Duration::from_secs(30), Some(Duration::ZERO), Reason::BodyTooSlow),
        (Duration::from_secs(1), None, Reason::Timeout),
    ] {
        let policy = |policy: &mut Policy| {
            (policy.timeout, policy.limits.progress_grace) = (timeout, Duration::from_millis(100));
        };
        let rig = inviting(policy, asked).await;
        let problem = rig.client().await.problem(EXPECTING).await;
        assert_eq!((problem.reason.as_str(), problem.status), (reason.code(), reason.status()));
    }
}
