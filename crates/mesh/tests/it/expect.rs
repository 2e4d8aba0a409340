//! `expect: 100-continue` to an instance that speaks HTTP/2: the mesh answers it, whatever the instance does.

use h2::server::{SendResponse, handshake};
use http::{Request, Response, StatusCode};
use hyper::body::Bytes;
use model::spec::Protocol;
use ports::{tasks::TaskKind, traffic::Target};
use tokio::net::TcpListener;

use crate::rig::*;

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
