//! Trailers between HTTP/2 peers: gRPC needs its own, and nothing that belongs to a head may hide in one.

use std::convert::Infallible;

use http_body_util::{BodyExt, channel::Channel};
use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::spec::Protocol;
use ports::traffic::Target;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

use crate::rig::*;

const BELONG_TO_A_HEAD: &[&str] = &[
    "x-isles-reason",
    "x-isles-caller",
    "x-forwarded-for",
    "x-forwarded-proto",
    "forwarded",
    "x-real-ip",
    "authorization",
    "www-authenticate",
    "proxy-authorization",
    "proxy",
    "cookie",
    "set-cookie",
    "host",
    "location",
    "content-type",
    "content-encoding",
    "cache-control",
    "if-match",
    "trailer",
    "x_isles_reason",
    "x-isles_caller",
    "x_forwarded_for",
    "x-real_ip",
    "www_authenticate",
    "set_cookie",
    "content_type",
    "transfer_encoding",
];

fn trailers(more: &[&'static str]) -> HeaderMap {
    let names = BELONG_TO_A_HEAD.iter().chain(more);
    names.map(|name| (name.parse().unwrap(), "forged".parse().unwrap())).collect()
}

fn names(trailers: Option<&HeaderMap>) -> Vec<String> {
    let mut names: Vec<_> = trailers.into_iter().flat_map(HeaderMap::keys).map(ToString::to_string).collect();
    names.sort();
    names
}

/// Tells the trailers that it gets, and answers with these.
async fn server(rig: &Rig, answer: HeaderMap, seen: mpsc::Sender<Vec<String>>) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    rig.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let respond = service_fn(|request: Request<Incoming>| {
            let (answer, seen) = (answer.clone(), seen.clone());
            async move {
                let body = request.into_body().collect().await.unwrap();
                seen.send(names(body.trailers())).await.unwrap();
                let (mut sender, body) = Channel::<Bytes, Infallible>::new(2);
                sender.send_data(Bytes::from_static(b"ok")).await.unwrap();
                sender.send_trailers(answer).await.unwrap();
                Ok::<_, Infallible>(Response::new(body))
            }
        });
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), respond)
            .await;
    });
    target
}

/// What the instance sees of the request's trailers, and the client of the response's.
async fn check(request: HeaderMap, response: HeaderMap, expected: [&[&str]; 2]) {
    let rig = Rig::with(|policy| policy.protocol = Protocol::Http2).await;
    let (told, mut seen) = mpsc::channel(1);
    let target = server(&rig, response, told).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let stream = TokioIo::new(TcpStream::connect(rig.gateway).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    rig.spawn(async move {
        let _ = connection.await;
    });
    let (mut pieces, body) = Channel::<Bytes, Infallible>::new(2);
    pieces.send_data(Bytes::from_static(b"hello")).await.unwrap();
    pieces.send_trailers(request).await.unwrap();
    let response = sender.send_request(Request::post("http://shop.test/").body(body).unwrap());
    let response = timeout(PATIENCE, response).await.unwrap().unwrap();
    let body = timeout(PATIENCE, response.into_body().collect()).await.unwrap().unwrap();
    let returned = names(body.trailers());
    assert_eq!([seen.recv().await.unwrap(), returned], expected);
    assert_eq!(body.to_bytes(), "ok");
}

#[tokio::test]
async fn what_belongs_to_a_head_is_left_out_both_ways() {
    let sent = || trailers(&["grpc-status", "grpc-message", "x-user", "user_id", "cost-bin"]);
    let expected: [&[&str]; 2] =
        [&["grpc-message", "grpc-status"], &["cost-bin", "grpc-message", "grpc-status", "user_id", "x-user"]];
    check(sent(), sent(), expected).await;
}

#[tokio::test]
async fn without_any_that_may_go_on_the_message_just_ends() {
    check(trailers(&[]), trailers(&[]), [&[], &[]]).await;
}
