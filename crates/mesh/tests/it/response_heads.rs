//! How large the heads of responses may be that come over HTTP/2, to clients of either version.

use std::convert::Infallible;

use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::{ByteSize, Reason, spec::Protocol};
use ports::traffic::Target;
use tokio::net::TcpListener;

use crate::{
    http2_client::{connect, request, send},
    rig::*,
};

/// `/FIELDS/LENGTH` is answered with so many fields of that length.
async fn answer(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let numbers: Vec<usize> = request.uri().path().split('/').skip(1).map(|number| number.parse().unwrap()).collect();
    let mut response = Response::builder();
    for field in 0..numbers[0] {
        response = response.header(format!("x-{field}"), "v".repeat(numbers[1]));
    }
    Ok(response.body(Empty::new()).unwrap())
}

async fn server(rig: &Rig) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    let tasks = rig.tasks.clone();
    rig.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            tasks.spawn(ports::tasks::TaskKind::Work("connection"), async move {
                let _ = served.await;
            });
        }
    });
    target
}

#[tokio::test]
async fn what_is_too_large_is_named_to_clients_of_both_versions() {
    let rig = Rig::with(|policy| {
        (policy.protocol, policy.limits.response_head) = (Protocol::Http2, ByteSize(8 << 10));
    })
    .await;
    let target = server(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let (mut http1, mut http2) = (rig.client().await, connect(&rig, rig.gateway).await);
    for (path, refused) in [
        ("/90/10", false),
        ("/60/100", false),
        ("/1/7000", false),
        ("/120/1", true),
        ("/200/1", true),
        ("/90/100", true),
        ("/1/15000", true),
    ] {
        let reason = refused.then_some(Reason::ResponseTooLarge);
        let expected = (reason.map_or(200, Reason::status), reason.map(Reason::code));
        let (status, head, _) = send(&mut http2, request("GET", path, "")).await;
        let why = head.headers().get("x-isles-reason").map(|value| value.to_str().unwrap());
        assert_eq!((status, why), expected, "HTTP/2 {path}");
        http1.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let (status, head, _) = http1.response().await;
        let why = head.lines().find_map(|line| line.strip_prefix("x-isles-reason: "));
        assert_eq!((status, why), expected, "HTTP/1.1 {path}");
    }
}
