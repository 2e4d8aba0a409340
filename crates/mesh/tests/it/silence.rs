//! How long the two sides of a stream may be silent.

use std::{convert::Infallible, time::Duration};

use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::{Reason, spec::Protocol};
use ports::traffic::{Target, Traffic};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{interval, sleep, timeout},
};

use crate::rig::*;

/// What a client may take before the answer begins, and longer than that.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(3);

const POST: &str = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const TICK: &str = "1\r\nt\r\n";
const END: &str = "0\r\n\r\n";

#[tokio::test]
async fn a_client_that_is_answered_may_be_silent() {
    let rig = Rig::with(|policy| policy.limits.progress_grace = SHORT).await;
    rig.serves(|mut conn| async move {
        conn.request_head().await;
        conn.send(ANSWER).await;
        sleep(LONG).await;
        conn.send(TICK).await;
        assert_eq!(conn.exactly(TICK.len()).await, TICK.as_bytes());
        conn.send(END).await;
    })
    .await;
    let mut client = rig.client().await;
    client.send(POST).await;
    client.response_head("POST").await;
    assert_eq!(client.exactly(TICK.len()).await, TICK.as_bytes());
    client.send(TICK).await;
    assert_eq!(client.exactly(END.len()).await, END.as_bytes());
}

/// Echoes over HTTP/2; with `late` the answer begins with the first piece of the request.
async fn echo_server(rig: &Rig, late: bool) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    rig.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let echo = service_fn(move |request: Request<Incoming>| async move {
            let mut body = request.into_body();
            let first = if late { body.frame().await.unwrap().unwrap().into_data().unwrap() } else { Bytes::new() };
            Ok::<_, Infallible>(Response::builder().header("first", &first[..]).body(body).unwrap())
        });
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), echo)
            .await;
    });
    target
}

/// A stream whose body comes piece by piece.
async fn open(
    rig: &Rig,
    content_type: &str,
) -> (Sender<Bytes>, impl Future<Output = hyper::Result<Response<Incoming>>>) {
    let stream = TcpStream::connect(rig.gateway).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    rig.spawn(async move {
        let _ = connection.await;
    });
    let (pieces, body) = Channel::<Bytes, Infallible>::new(1);
    let call = Request::post("http://shop.test/a.B/C").header("content-type", content_type).body(body).unwrap();
    (pieces, sender.send_request(call))
}

async fn echoes_after_silence(rig: &Rig, content_type: &str, late: bool) {
    let target = echo_server(rig, late).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let (mut pieces, answer) = open(rig, content_type).await;
    if late {
        sleep(LONG).await;
        pieces.send_data("first".into()).await.unwrap();
    }
    let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["first"].as_bytes()),
        (200, if late { &b"first"[..] } else { b"" })
    );
    sleep(LONG).await;
    pieces.send_data("second".into()).await.unwrap();
    drop(pieces);
    assert_eq!(timeout(PATIENCE, answer.into_body().collect()).await.unwrap().unwrap().to_bytes(), "second");
}

#[tokio::test]
async fn a_client_of_http2_that_is_answered_may_be_silent() {
    let http2 = |policy: &mut model::spec::Policy| {
        (policy.protocol, policy.limits.progress_grace) = (Protocol::Http2, SHORT);
    };
    echoes_after_silence(&Rig::with(http2).await, "application/json", false).await;
}

/// Nor does its silence count as the instance's.
#[tokio::test]
async fn a_stream_of_grpc_may_be_silent_before_its_answer() {
    let http2 = |policy: &mut model::spec::Policy| {
        (policy.protocol, policy.timeout) = (Protocol::Http2, SHORT);
        policy.limits.progress_grace = Duration::from_millis(100);
    };
    echoes_after_silence(&Rig::with(http2).await, "application/grpc", true).await;
}

/// Anybody can name a content type.
#[tokio::test]
async fn grpc_where_no_instance_speaks_it_may_not_be_silent() {
    let rig = Rig::with(|policy| policy.limits.progress_grace = Duration::from_millis(100)).await;
    rig.serves(echo).await;
    let (_pieces, answer) = open(&rig, "application/grpc").await;
    let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.headers()["x-isles-reason"], Reason::BodyTooSlow.code());
}

#[tokio::test]
async fn a_stream_on_which_neither_side_says_anything() {
    const TICKS: usize = 8;
    let rig = Rig::with(|policy| policy.idle_timeout = SHORT).await;
    let (told, mut heard) = tokio::sync::mpsc::channel(1);
    rig.serves(move |mut conn| {
        let told = told.clone();
        async move {
            conn.request_head().await;
            conn.send(ANSWER).await;
            let ticks = conn.exactly(TICKS * TICK.len()).await;
            told.send(ticks).await.unwrap();
            conn.ends().await;
        }
    })
    .await;
    let mut client = rig.client().await;
    client.send(POST).await;
    client.response_head("POST").await;
    let mut tick = interval(Duration::from_millis(500));
    for _ in 0..TICKS {
        tick.tick().await;
        client.send(TICK).await;
    }
    assert_eq!(timeout(PATIENCE, heard.recv()).await.unwrap().unwrap(), TICK.repeat(TICKS).as_bytes());
    assert!(client.ends().await, "it never looks whole");
    while rig.mesh.connections()[0].reasons != [(Reason::BodyTooSlow, 1)].into() {
        tokio::task::yield_now().await;
    }
}
