//! HTTP/2 from clients, with prior knowledge.

use http_body_util::BodyExt;
use model::Reason;
use tokio::time::timeout;

use crate::{
    frames::*,
    http2_client::{connect, request, send},
    rig::*,
};

#[tokio::test]
async fn many_streams_of_one_connection_are_answered() {
    let rig = Rig::new().await;
    rig.serves(echo).await;
    for address in [rig.gateway, rig.connections] {
        let sender = connect(&rig, address).await;
        let answers =
            (0..200).map(|number| {
                let mut sender = sender.clone();
                async move {
                    (number, send(&mut sender, request("PUT", &format!("/{number}"), format!("body {number}"))).await)
                }
            });
        let mut set = tokio::task::JoinSet::new();
        for answer in answers {
            set.spawn(answer);
        }
        while let Some(answer) = set.join_next().await {
            let (number, (status, _, body)) = answer.unwrap();
            let expected = format!("PUT /{number} HTTP/1.1|body {number}");
            assert_eq!((status, String::from_utf8(body).unwrap()), (200, expected));
        }
    }
    let requests: Vec<_> = ports::traffic::Traffic::connections(&*rig.mesh).iter().map(|one| one.requests).collect();
    assert_eq!(requests, [200, 200]);
}

#[tokio::test]
async fn what_the_instance_sees_and_what_the_client_gets() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
            while let Some((head, _)) = conn.request().await {
                let length = head.len();
                conn.send(&format!(
                    "HTTP/1.1 203 Fine\r\nContent-Length: {length}\r\nX-Isles-Reason: forged\r\nKeep-Alive: 5\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n{head}"
                ))
                .await;
            }
        }).await;
    let mut sender = connect(&rig, rig.gateway).await;
    let mut get = request("GET", "/a/../b?c", "");
    for (name, value) in [
        ("x-isles-user", "root"),
        ("te", "trailers"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x-forwarded-for", "6.6.6.6"),
    ] {
        get.headers_mut().append(name, value.parse().unwrap());
    }
    let (status, response, body) = send(&mut sender, get).await;
    let seen = String::from_utf8(body).unwrap();
    let (seen, made) = seen.split_once("traceparent: 00-").unwrap();
    assert_eq!(
        seen,
        "GET /b?c HTTP/1.1\r\nhost: shop.test\r\ncookie: a=1; b=2\r\nx-forwarded-for: 127.0.0.1\r\n\
         x-forwarded-proto: http\r\nx-forwarded-host: shop.test\r\n"
    );
    assert!(made.contains("\r\nx-isles-timeout-ms: "), "{made}");
    let fields: Vec<_> =
        response.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let length = response.headers()["content-length"].to_str().unwrap();
    assert_eq!((status, fields), (203, vec![("content-length", length), ("set-cookie", "a"), ("set-cookie", "b")]));
}

#[tokio::test]
async fn every_framing_reaches_the_client() {
    for (method, sent, expected) in [
        ("GET", "200 OK\r\ncontent-length: 5\r\n\r\nhello", "hello"),
        ("GET", "200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nx: y\r\n\r\n", "hello"),
        ("GET", "200 OK\r\n\r\nhello", "hello"),
        ("GET", "200 OK\r\ncontent-length: 0\r\n\r\n", ""),
        ("GET", "204 No Content\r\n\r\n", ""),
        ("GET", "304 Not Modified\r\ncontent-length: 7\r\n\r\n", ""),
        ("HEAD", "200 OK\r\ncontent-length: 7\r\n\r\n", ""),
        ("GET", "103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok"),
    ] {
        let rig = Rig::new().await;
        rig.serves(move |mut conn| async move {
            conn.request().await;
            conn.send(&format!("HTTP/1.1 {sent}")).await;
        })
        .await;
        let mut sender = connect(&rig, rig.gateway).await;
        let (_, _, body) = send(&mut sender, request(method, "/", "")).await;
        assert_eq!(body, expected.as_bytes(), "{method} {sent:?}");
    }
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        while let Some((_, body)) = conn.request().await {
            conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len())).await;
            conn.send_bytes(&body).await;
        }
    })
    .await;
    let mut sender = connect(&rig, rig.gateway).await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
    for _ in 0..3 {
        let (status, _, echoed) = send(&mut sender, request("POST", "/", body.clone())).await;
        assert!(status == 200 && echoed == body);
    }
}

#[tokio::test]
async fn answers_of_our_own_say_why() {
    let rig = Rig::with(|policy| policy.limits.body = Some(model::ByteSize(10))).await;
    rig.apply(&[("users", true, &[(1, nowhere())])]).await;
    let mut sender = connect(&rig, rig.gateway).await;
    let long = format!("/{}", "x".repeat(9000));
    for (request, reason) in [
        (request("GET", "/", ""), Reason::Refused),
        (request("POST", "/", "more than ten bytes"), Reason::BodyTooLarge),
        (request("GET", "/%00", ""), Reason::BadRequest),
        (request("GET", &long, ""), Reason::TargetTooLong),
    ] {
        let (status, response, body) = send(&mut sender, request).await;
        assert_eq!(response.headers()["x-isles-reason"], reason.code());
        let problem: model::Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, problem.reason.as_str()), (reason.status(), reason.code()));
    }
}

#[tokio::test]
async fn a_response_that_breaks_off_resets_the_stream_only() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        while let Some((head, _)) = conn.request().await {
            if head.contains("/broken") {
                conn.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
                return;
            }
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let mut sender = connect(&rig, rig.gateway).await;
    for _ in 0..3 {
        let whole = match sender.send_request(request("GET", "/broken", "")).await {
            Ok(response) => response.into_body().collect().await.is_ok(),
            Err(_) => false,
        };
        assert!(!whole);
        assert_eq!(send(&mut sender, request("GET", "/", "")).await.2, b"ok");
    }
}

#[tokio::test]
async fn a_stream_that_is_given_up_is_cancelled_at_the_instance() {
    let (told, mut ends) = tokio::sync::mpsc::channel(2);
    let rig = Rig::new().await;
    rig.serves(move |mut conn| {
        let told = told.clone();
        async move {
            conn.request().await;
            told.send("request").await.unwrap();
            assert!(conn.ends().await);
            told.send("end").await.unwrap();
        }
    })
    .await;
    let mut sender = connect(&rig, rig.gateway).await;
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn({
        let mut sender = sender.clone();
        async move { sender.send_request(request("GET", "/", "")).await.map(drop) }
    });
    assert_eq!(ends.recv().await, Some("request"));
    waiting.abort_all();
    assert_eq!(timeout(PATIENCE, ends.recv()).await.unwrap(), Some("end"));
    rig.until_in_flight(&id("users", 1), 0).await;
    let _ = sender.ready().await;
}

/// The connections of clients that stay are spread over the workers, however they came in.
#[tokio::test]
async fn busy_connections_do_not_meet_on_one_worker() {
    let rig = Rig::new().await;
    rig.serves(echo).await;
    let mut senders = Vec::new();
    for address in [rig.gateway; 6].into_iter().chain([rig.connections; 6]) {
        let mut sender = connect(&rig, address).await;
        assert_eq!(send(&mut sender, request("GET", "/", "")).await.0, 200);
        senders.push(sender);
    }
    let connections = || ports::traffic::Traffic::connections(&*rig.mesh);
    // A request is counted once its answer is out.
    while connections().iter().map(|figures| figures.requests).sum::<u64>() < 12 {
        tokio::task::yield_now().await;
    }
    for connection in connections() {
        assert_eq!(connection.requests_by_worker, [3, 3], "{}", connection.caller);
    }
}

/// What is in flight is answered, and the client goes elsewhere with what comes after.
#[tokio::test]
async fn a_connection_that_is_to_end_says_so_and_answers_what_is_in_flight() {
    for aged in [false, true] {
        let (answer, answers) = tokio::sync::watch::channel(false);
        let age = aged.then(|| std::time::Duration::from_millis(50));
        let rig = Rig::with(|policy| policy.limits.client_age = age).await;
        let target = rig
            .server(move |mut conn| {
                let mut answers = answers.clone();
                async move {
                    conn.request().await;
                    answers.wait_for(|answer| *answer).await.unwrap();
                    conn.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                }
            })
            .await;
        let services: &[Service<'_>] = &[("users", true, &[(1, target)])];
        rig.apply(services).await;
        let mut client = Frames::connect(&rig).await;
        client.send(&get(1, END_STREAM, &[])).await;
        rig.until_in_flight(&id("users", 1), 1).await;
        if !aged {
            let routing = ports::traffic::Routing { shutting_down: true, ..rig.routing(services) };
            ports::traffic::Traffic::apply(&*rig.mesh, routing).await;
        }
        assert_eq!(client.said(1).await, Said::GoAway(0), "{aged}");
        answer.send_replace(true);
        let mut said = client.said(1).await;
        while said == Said::GoAway(0) {
            said = client.said(1).await;
        }
        assert_eq!(said, Said::Status(200), "{aged}");
    }
}
