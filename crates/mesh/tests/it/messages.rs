//! Messages on their way through.

use model::Reason;

use crate::rig::*;

#[tokio::test]
async fn one_connection_serves_many_requests_on_one_upstream_connection() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        let mut count = 0;
        while conn.request().await.is_some() {
            count += 1;
            conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{count:03}")).await;
        }
    })
    .await;
    let mut client = rig.client().await;
    for count in 1..=50 {
        assert_eq!(client.get("/").await, (200, format!("{count:03}")));
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let rig = Rig::new().await;
    rig.serves(echo).await;
    let mut client = rig.client().await;
    let one = |path: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    client.send(&[one("/1", "GET / HTTP/1.1"), one("/2", ""), one("/3", "x")].concat()).await;
    for expected in ["POST /1 HTTP/1.1|GET / HTTP/1.1", "POST /2 HTTP/1.1|", "POST /3 HTTP/1.1|x"] {
        assert_eq!(client.response().await.2, expected.as_bytes());
    }
}

/// What is left of so many milliseconds is not the same in every run.
fn without_timeout(head: &str, limit_ms: u32) -> String {
    let (before, after) = head.split_once("x-isles-timeout-ms: ").expect("the instance is told the time it has");
    let (left, rest) = after.split_once('\r').unwrap();
    assert!((1..=limit_ms).contains(&left.parse::<u32>().unwrap()), "{left}");
    format!("{before}x-isles-timeout-ms: ...\r{rest}")
}

#[tokio::test]
async fn what_the_instance_sees_and_what_the_client_gets() {
    let rig = Rig::new().await;
    let target = rig
        .server(|mut conn| async move {
            while let Some((head, _)) = conn.request().await {
                let length = head.len();
                conn.send(&format!(
                    "HTTP/1.1 200 Fine\r\nContent-Length: {length}\r\nX-Isles-Reason: forged\r\nSet-Cookie: a\r\nKeep-Alive: 5\r\n\r\n{head}"
                ))
                .await;
            }
        })
        .await;
    rig.apply(&[("users", true, &[(1, target.clone())]), ("stock", true, &[(1, target)])]).await;
    let fields = "Host: Shop.test\r\nX-Forwarded-For: 6.6.6.6\r\nX-Isles-User: root\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
                  X-Isles-Timeout-Ms: 900\r\nConnection: X-Secret\r\nX-Secret: 1\r\n\r\n";
    let mut client = rig.client().await;
    client.send(&format!("GET /stock/a/../b?c HTTP/1.1\r\n{fields}")).await;
    let (status, head, body) = client.response().await;
    assert_eq!(
        without_timeout(&String::from_utf8(body).unwrap(), 30_000),
        "GET /b?c HTTP/1.1\r\nx-forwarded-prefix: /stock\r\nHost: Shop.test\r\n\
         traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx-forwarded-for: 127.0.0.1\r\n\
         x-forwarded-proto: http\r\nx-forwarded-host: Shop.test\r\nx-isles-timeout-ms: ...\r\n\r\n"
    );
    assert_eq!(status, 200);
    assert!(head.starts_with("HTTP/1.1 200 Fine\r\nContent-Length: "), "{head}");
    assert!(head.ends_with("\r\nSet-Cookie: a\r\n\r\n"), "{head}");
    let mut caller = rig.caller().await;
    caller.send(&format!("GET /x HTTP/1.1\r\n{fields}")).await;
    let seen = String::from_utf8(caller.response().await.2).unwrap();
    assert_eq!(
        without_timeout(&seen, 900),
        "GET /x HTTP/1.1\r\nHost: Shop.test\r\nX-Forwarded-For: 6.6.6.6\r\n\
         traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx-isles-timeout-ms: ...\r\n\r\n"
    );
}

#[tokio::test]
async fn every_framing_reaches_every_client() {
    for (sent, version, expected_field) in [
        ("content-length: 5\r\n\r\nhello", "1.1", "content-length: 5"),
        (
            "transfer-encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nx: y\r\n\r\n",
            "1.1",
            "transfer-encoding: chunked",
        ),
        ("\r\nhello", "1.1", "transfer-encoding: chunked"),
        ("content-length: 5\r\n\r\nhello", "1.0", "connection: close"),
        ("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "1.0", "connection: close"),
        ("\r\nhello", "1.0", "connection: close"),
    ] {
        let rig = Rig::new().await;
        rig.serves(move |mut conn| async move {
            conn.request().await;
            conn.send(&format!("HTTP/1.1 200 OK\r\n{sent}")).await;
        })
        .await;
        let mut client = rig.client().await;
        client.send(&format!("GET / HTTP/{version}\r\nhost: a\r\n\r\n")).await;
        let (_, head, body) = client.response().await;
        assert_eq!(body, b"hello", "{sent:?} to {version}");
        assert!(head.contains(expected_field), "{sent:?} to {version}: {head}");
        assert!(version == "1.1" || client.ends().await);
    }
}

#[tokio::test]
async fn a_keep_alive_client_of_http_1_0_keeps_its_connection() {
    let rig = Rig::new().await;
    rig.serves(echo).await;
    let mut client = rig.client().await;
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n").await;
        assert!(client.response().await.1.contains("connection: keep-alive\r\n"));
    }
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(client.response().await.1.contains("connection: close\r\n"));
    assert!(client.ends().await);
}

#[tokio::test]
async fn responses_without_a_body() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        while let Some((head, _)) = conn.request().await {
            let status = head.split([' ', '/']).nth(2).unwrap();
            let length = if status == "204" { 0 } else { 7 };
            conn.send(&format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n")).await;
        }
    })
    .await;
    let mut client = rig.client().await;
    for (method, status, length) in [("HEAD", 200, true), ("GET", 204, false), ("GET", 304, true), ("HEAD", 404, true)]
    {
        client.send(&format!("{method} /{status} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let (seen, head, body) = client.response_to(method).await;
        assert_eq!((seen, head.contains("content-length:"), body.len()), (status, length, 0), "{method} {status}");
    }
}

#[tokio::test]
async fn the_instance_decides_about_100_continue() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        while let Some((head, framing)) = conn.request_head().await {
            assert!(head.contains("expect: 100-continue"), "{head}");
            if head.contains("/no") {
                conn.send("HTTP/1.1 417 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
                return;
            }
            conn.send("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n").await;
            let body = conn.body(framing).await.unwrap();
            conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len())).await;
            conn.send_bytes(&body).await;
        }
    })
    .await;
    let mut client = rig.client().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").await;
    assert_eq!(client.response().await.1, "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n");
    assert_eq!(client.response().await.0, 100);
    client.send("body").await;
    assert_eq!(client.response().await.2, b"body");
    client.send("POST /no HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").await;
    assert_eq!(client.response().await.0, 417);
    assert!(client.ends().await, "nobody knows whether the body follows");
}

#[tokio::test]
async fn a_unix_socket_is_as_good_as_a_port() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new().await;
    let target = serve_unix(&rig.tasks, &folder.path().join("s"), echo);
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut client = rig.client().await;
    for _ in 0..3 {
        client.send("POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
        assert_eq!(client.response().await.2, b"POST /a HTTP/1.1|abc");
    }
    let gone = Rig::serving(ports::traffic::Target::Unix(folder.path().join("none"))).await;
    let problem = gone.client().await.problem("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(problem.reason, Reason::Refused.code());
}

#[tokio::test]
async fn a_real_client_and_a_real_server_understand_each_other() {
    use http_body_util::{BodyExt, Full};
    use hyper::{Request, body::Bytes};
    use hyper_util::rt::TokioIo;

    let rig = Rig::new().await;
    rig.serves(echo).await;
    let stream = tokio::net::TcpStream::connect(rig.gateway).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    rig.spawn(async move {
        let _ = connection.await;
    });
    for text in ["one", "two"] {
        let request = Request::put("/x").header("host", "a").body(Full::new(Bytes::from(text))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, format!("PUT /x HTTP/1.1|{text}"));
    }
}

#[tokio::test]
async fn a_connection_of_a_certain_age_takes_no_more_requests() {
    let age = std::time::Duration::from_millis(50);
    let rig = Rig::with(|policy| policy.limits.client_age = Some(age)).await;
    rig.serves(move |mut conn| async move {
        while conn.request().await.is_some() {
            tokio::time::sleep(age * 2).await;
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    let mut client = rig.client().await;
    // The second one is there when the first one ends.
    client.send(&"GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(2)).await;
    for expected in [false, true] {
        let (status, head, _) = client.response().await;
        assert_eq!((status, head.contains("connection: close\r\n")), (200, expected));
    }
    assert!(client.ends().await);
}

#[tokio::test]
async fn who_is_quiet_at_that_age_is_told_with_its_next_answer() {
    let age = std::time::Duration::from_millis(50);
    let rig = Rig::with(|policy| policy.limits.client_age = Some(age)).await;
    rig.serves(named("users")).await;
    let mut client = rig.client().await;
    // The age is compared with the time that was read last, which is that of the request before.
    for _ in 0..2 {
        tokio::time::sleep(age * 3).await;
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let (status, head, _) = client.response().await;
        assert_eq!(status, 200);
        if head.contains("connection: close\r\n") {
            assert!(client.ends().await);
            return;
        }
    }
    panic!("it is told with the second answer at the latest");
}
