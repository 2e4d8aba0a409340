//! HTTP/2 to instances: gRPC from end to end, and what HTTP/1.1 clients get.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

use http_body_util::{BodyExt, Full, channel::Channel};
use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::{Reason, spec::Protocol};
use ports::traffic::{Drained, Target, Traffic};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    http2_client::{connect, request, send},
    rig::*,
};

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;

async fn rig() -> Rig {
    Rig::with(|policy| policy.protocol = Protocol::Http2).await
}

/// What a server has seen: connections and their ends, and requests that it never answers, or not to their end, and their ends.
#[derive(Default)]
pub(crate) struct Seen {
    connections: AtomicU32,
    closed: AtomicU32,
    waiting: AtomicU32,
    given_up: AtomicU32,
}

/// Notes that it is dropped.
struct GivenUp(Arc<Seen>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.given_up.fetch_add(1, SeqCst);
    }
}

/// A real server.
pub(crate) async fn server(rig: &Rig) -> (Target, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    let seen = Arc::new(Seen::default());
    let noting = seen.clone();
    let tasks = rig.tasks.clone();
    rig.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            noting.connections.fetch_add(1, SeqCst);
            let (seen, ended) = (noting.clone(), noting.clone());
            let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .max_concurrent_streams(50)
                .serve_connection(TokioIo::new(stream), service_fn(move |request| answer(seen.clone(), request)));
            tasks.spawn(ports::tasks::TaskKind::Work("connection"), async move {
                // With GOAWAY it ends well.
                ended.closed.fetch_add(u32::from(served.await.is_ok()), SeqCst);
            });
        }
    });
    (target, seen)
}

/// Echoes: gRPC with its status in the trailers, anything else plainly; `/wait` never answers, `/watch` begins to, `/unavailable` fails in its trailers.
async fn answer(seen: Arc<Seen>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/wait" {
        let _given_up = GivenUp(seen.clone());
        seen.waiting.fetch_add(1, SeqCst);
        std::future::pending::<()>().await;
    }
    if parts.uri.path() == "/watch" {
        let given_up = GivenUp(seen.clone());
        seen.waiting.fetch_add(1, SeqCst);
        let body = endless(message("first"), given_up);
        return Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap());
    }
    let te = parts.headers.get("te").map(|value| value.to_str().unwrap().to_owned());
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if parts.headers.get("content-type").is_none_or(|value| value != "application/grpc") {
        let line = format!("{} {}|", parts.method, parts.uri);
        let body = Full::new(Bytes::from([line.as_bytes(), &body].concat()));
        return Ok(Response::new(body.boxed()));
    }
    assert_eq!(te.as_deref(), Some("trailers"));
    let mut trailers = HeaderMap::new();
    let status = if parts.uri.path() == "/unavailable" { "14" } else { "5" };
    trailers.insert("grpc-status", status.parse().unwrap());
    trailers.insert("grpc-message", "no such thing".parse().unwrap());
    let (mut sender, channel) = Channel::<Bytes, Infallible>::new(2);
    sender.send_data(body).await.unwrap();
    sender.send_trailers(trailers).await.unwrap();
    let response = Response::builder().header("content-type", "application/grpc").body(channel.boxed());
    Ok(response.unwrap())
}

/// A body with one piece that does not end.
fn endless(piece: Vec<u8>, until: GivenUp) -> Body {
    let (mut sender, channel) = Channel::<Bytes, Infallible>::new(2);
    sender.try_send(hyper::body::Frame::data(piece.into())).expect("there is room");
    channel
        .map_frame(move |frame| {
            let _kept = (&sender, &until);
            frame
        })
        .boxed()
}

fn message(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[0], &length[..], text.as_bytes()].concat()
}

pub(crate) fn grpc(path: &str, text: &str) -> Request<Full<Bytes>> {
    let mut call = request("POST", path, message(text));
    call.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    call.headers_mut().insert("te", "trailers".parse().unwrap());
    call
}

#[tokio::test]
async fn a_call_and_its_trailers_pass() {
    let rig = rig().await;
    let (target, _) = server(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    for address in [rig.gateway, rig.connections] {
        let mut sender = connect(&rig, address).await;
        let response = timeout(PATIENCE, sender.send_request(grpc("/a.B/C", "hello"))).await.unwrap().unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"application/grpc".parse().unwrap())
        );
        let whole = response.into_body().collect().await.unwrap();
        assert_eq!(whole.trailers().unwrap()["grpc-status"], "5");
        assert_eq!(whole.to_bytes(), message("hello"));
    }
}

#[tokio::test]
async fn both_sides_of_a_call_may_stream_at_once() {
    let rig = rig().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    rig.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let echo =
            service_fn(
                |request: Request<Incoming>| async move { Ok::<_, Infallible>(Response::new(request.into_body())) },
            );
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), echo)
            .await;
    });
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let stream = tokio::net::TcpStream::connect(rig.gateway).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    rig.spawn(async move {
        let _ = connection.await;
    });
    let (mut pieces, body) = Channel::<Bytes, Infallible>::new(1);
    let call = Request::post("http://shop.test/a.B/C").header("content-type", "application/grpc").body(body).unwrap();
    let response = timeout(PATIENCE, sender.send_request(call)).await.expect("the head comes before the body").unwrap();
    let mut back = response.into_body();
    for number in 0..100 {
        let text = format!("piece {number}");
        pieces.send_data(Bytes::from(text.clone())).await.unwrap();
        let frame = timeout(PATIENCE, back.frame()).await.unwrap().unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    drop(pieces);
    let rest = timeout(PATIENCE, back.collect()).await.unwrap().unwrap();
    assert!(rest.to_bytes().is_empty());
}

#[tokio::test]
async fn many_streams_share_few_connections() {
    let rig = rig().await;
    let (target, seen) = server(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let sender = connect(&rig, rig.gateway).await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..300 {
        let mut sender = sender.clone();
        calls.spawn(async move { (number, send(&mut sender, request("PUT", &format!("/{number}"), "x")).await) });
    }
    while let Some(call) = calls.join_next().await {
        let (number, (status, _, body)) = call.unwrap();
        let expected = format!("PUT http://shop.test/{number}|x");
        assert_eq!((status, String::from_utf8(body).unwrap()), (200, expected));
    }
    let made = seen.connections.load(SeqCst);
    assert!(made <= 6, "{made} connections for at most 256 streams at a time, 50 on each");
}

#[tokio::test]
async fn clients_of_http_1_1_are_translated() {
    let rig = rig().await;
    let (target, _) = server(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut client = rig.client().await;
    for (request, status, body) in [
        ("GET /a?b HTTP/1.1\r\nhost: a\r\n\r\n", 200, "GET http://a/a?b|"),
        ("POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi", 200, "POST http://a/a|hi"),
        (
            "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            200,
            "POST http://a/a|hi",
        ),
    ] {
        client.send(request).await;
        let (seen, _, answer) = client.response().await;
        assert_eq!((seen, String::from_utf8(answer).unwrap().as_str()), (status, body));
    }
    client.send("HEAD /a HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.response_to("HEAD").await.0, 200);
    let large = "x".repeat(1 << 20);
    client.send(&format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{large}", large.len())).await;
    assert_eq!(client.response().await.2.len(), large.len() + "POST http://a/|".len());
}

#[tokio::test]
async fn grpc_needs_http_2() {
    let rig = rig().await;
    rig.apply(&[("users", true, &[])]).await;
    let mut client = rig.client().await;
    client
        .send(
            "POST /a.B/C HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0",
        )
        .await;
    let (status, head, _) = client.response().await;
    assert_eq!(status, 426);
    assert!(head.contains("x-isles-reason: http2-required\r\n") && head.contains("upgrade: h2c\r\n"), "{head}");
}

#[tokio::test]
async fn what_we_refuse_of_grpc_has_its_status_in_the_head() {
    for (endpoints, has_been_healthy, status, reason) in
        [(vec![(1, nowhere())], true, "14", Reason::Refused), (vec![], true, "14", Reason::NoUpstream)]
    {
        let rig = rig().await;
        rig.apply(&[("users", has_been_healthy, &endpoints)]).await;
        let mut sender = connect(&rig, rig.gateway).await;
        let (http, response, body) = send(&mut sender, grpc("/a.B/C", "hello")).await;
        let field = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            (http, field("grpc-status"), field("x-isles-reason"), body.len()),
            (200, status.into(), reason.code().into(), 0)
        );
        let message = field("grpc-message");
        assert!(message.starts_with(reason.code()) && message.contains("`isles why users`"), "{message}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_http_2_is_named() {
    let rig = rig().await;
    rig.serves(|mut conn| async move {
        conn.exactly(24).await;
        conn.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    })
    .await;
    let problem = rig.client().await.problem("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(problem.reason, Reason::BadResponse.code(), "{problem:?}");
}

#[tokio::test]
async fn a_drain_cuts_off_what_does_not_end() {
    let rig = rig().await;
    let (target, seen) = server(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut sender = connect(&rig, rig.gateway).await;
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn({
        let mut sender = sender.clone();
        async move { send(&mut sender, request("GET", "/wait", "")).await }
    });
    while seen.waiting.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let (next, _) = server(&rig).await;
    rig.apply(&[("users", true, &[(2, next)])]).await;
    assert_eq!(send(&mut sender, request("GET", "/", "")).await.0, 200);
    assert_eq!(rig.mesh.drain(&id("users", 1), std::time::Duration::from_millis(1)).await, Drained::CutOff(1));
    let (status, response, _) = waiting.join_next().await.unwrap().unwrap();
    assert_eq!((status, &response.headers()["x-isles-reason"]), (503, &"drain-timeout".parse().unwrap()));
}

/// What is not answered gets an answer, a stream that has begun is reset; the instance sees both given up and its connection closed
/// with GOAWAY, while that of the client goes on.
#[tokio::test]
async fn at_the_deadline_calls_end_as_grpc_wants_it_and_each_is_counted() {
    let rig = rig().await;
    let (target, seen) = server(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut sender = connect(&rig, rig.gateway).await;
    let waiting = sender.clone().send_request(grpc("/wait", "hello"));
    let watching = timeout(PATIENCE, sender.send_request(grpc("/watch", "hello"))).await.unwrap().unwrap();
    let mut stream = watching.into_body();
    let first = timeout(PATIENCE, stream.frame()).await.unwrap().unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), message("first"));
    rig.until_in_flight(&id("users", 1), 2).await;
    let (next, _) = server(&rig).await;
    rig.apply(&[("users", true, &[(2, next)])]).await;
    assert_eq!(rig.mesh.drain(&id("users", 1), std::time::Duration::from_millis(50)).await, Drained::CutOff(2));
    let answer = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    let fields = ["grpc-status", "x-isles-reason"].map(|name| answer.headers()[name].to_str().unwrap());
    assert_eq!((answer.status().as_u16(), fields), (200, ["14", "drain-timeout"]));
    let broken = timeout(PATIENCE, stream.frame()).await.unwrap().unwrap().unwrap_err();
    assert!(format!("{broken:?}").contains("Reset"), "{broken:?}");
    let numbers = || [&seen.given_up, &seen.closed].map(|number| number.load(SeqCst));
    while numbers() != [2, 1] {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        send(&mut sender, request("GET", "/", "")).await.0,
        200,
        "the client's connection is not the instance's"
    );
    let figures = || rig.mesh.connections().into_iter().find(|one| one.caller == "gateway").unwrap();
    while figures().requests < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(figures().reasons, [(Reason::DrainTimeout, 2)].into());
}

#[tokio::test]
async fn replacing_instances_under_load_costs_no_call() {
    let rig = Arc::new(rig().await);
    let (mut target, _) = server(&rig).await;
    rig.apply(&[("users", true, &[(1, target.clone())])]).await;
    let (done, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let mut sender = connect(&rig, rig.gateway).await;
        let (done, over) = (done.clone(), over.clone());
        clients.spawn(async move {
            while over.load(SeqCst) == 0 {
                assert_eq!(send(&mut sender, request("POST", "/", "x")).await.0, 200);
                done.fetch_add(1, SeqCst);
            }
        });
    }
    for run in 2..20 {
        let before = done.load(SeqCst);
        let (next, _) = server(&rig).await;
        rig.apply(&[("users", true, &[(run - 1, target.clone()), (run, next.clone())])]).await;
        rig.apply(&[("users", true, &[(run, next.clone())])]).await;
        target = next;
        assert_eq!(rig.mesh.drain(&id("users", run - 1), PATIENCE).await, Drained::Exactly);
        while done.load(SeqCst) < before + 50 && !clients.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    over.store(1, SeqCst);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}
