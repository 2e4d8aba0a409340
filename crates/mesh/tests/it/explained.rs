//! What is refused before it is on its way says whose it is, and is told to whoever asks why.

use std::{sync::Arc, time::Duration};

use http_body_util::BodyExt;
use model::{
    ByteSize, InstanceId, Reason,
    spec::{Breaker, Policy, Protocol, Rate},
    status::Failure,
};
use ports::{clock::FakeClock, traffic::Traffic};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use crate::{grpc, http2_client, rig::*};

fn once_an_hour(policy: &mut Policy) {
    policy.rate = Some(Rate { requests: 1, per: Duration::from_secs(3600), burst: 1 });
}

fn failures(rig: &Rig) -> Vec<Failure> {
    rig.mesh.failures(&"users".parse().expect("it is a name"))
}

fn told(rig: &Rig) -> Vec<(String, String)> {
    failures(rig).into_iter().map(|failure| (failure.cause(), failure.connection)).collect()
}

/// What is told of requests by the gateway that instances failed: cause, request, detail and the instances.
fn told_of_instances(rig: &Rig) -> Vec<(String, String, String, Vec<InstanceId>)> {
    let failures = failures(rig).into_iter().inspect(|failure| assert_eq!(failure.connection, "gateway -> users"));
    failures.map(|failure| (failure.cause(), failure.request, failure.detail, failure.instances)).collect()
}

#[tokio::test]
async fn refusals_name_their_connection() {
    for (request, reason) in [
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", Reason::RateLimited),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n", Reason::BodyTooLarge),
        ("GET / HTTP/1.1\r\nhost: a\r\nx-isles-timeout-ms: 0\r\n\r\n", Reason::DeadlineExceeded),
    ] {
        let rig = Rig::with(|policy| {
            once_an_hour(policy);
            policy.limits.body = Some(ByteSize(8));
        })
        .await;
        rig.apply(&[("users", true, &[(1, rig.server(echo).await)])]).await;
        let mut caller = rig.caller().await;
        assert_eq!(caller.get("/").await.0, 200);
        let problem = caller.problem(request).await;
        assert_eq!(
            (problem.reason.as_str(), problem.connection.as_deref()),
            (reason.code(), Some("orders/1 -> users"))
        );
        assert!(!problem.detail.is_empty(), "{reason}");
        assert_eq!(told(&rig), [(reason.code().into(), "orders/1 -> users".into())]);
    }
}

#[tokio::test]
async fn nothing_is_told_of_a_service_that_is_gone() {
    let rig = Rig::with(once_an_hour).await;
    let target = rig.server(echo).await;
    rig.apply(&[("users", true, &[(1, target.clone())])]).await;
    let mut client = rig.client().await;
    for status in [200, 429] {
        assert_eq!(client.get("/").await.0, status);
    }
    assert_eq!(told(&rig).len(), 1);
    let forgotten = async {
        while !told(&rig).is_empty() {
            // What a request is still on its way to is gone with the next state only.
            rig.apply(&[("stock", true, &[(1, target.clone())])]).await;
        }
    };
    timeout(PATIENCE, forgotten).await.unwrap();
}

#[tokio::test]
async fn of_http_2_and_plain_tcp_too() {
    let rig = Rig::with(once_an_hour).await;
    rig.apply(&[("users", true, &[(1, rig.server(echo).await)])]).await;
    let mut client = http2_client::connect(&rig, rig.gateway).await;
    for status in [200, 429] {
        assert_eq!(http2_client::send(&mut client, http2_client::request("GET", "/", "")).await.0, status);
    }
    assert_eq!(told(&rig), [("rate-limited".into(), "gateway -> users".into())]);

    let rig = Rig::with(|policy| {
        once_an_hour(policy);
        policy.protocol = Protocol::Tcp;
    })
    .await;
    rig.apply(&[("users", true, &[(1, rig.server(echo).await)])]).await;
    assert_eq!(rig.caller().await.get("/").await.0, 200);
    let read = async { TcpStream::connect(rig.connections).await?.read(&mut [0; 1]).await };
    assert!(timeout(PATIENCE, read).await.unwrap().is_err(), "it is reset");
    assert_eq!(told(&rig), [("rate-limited".into(), "orders/1 -> users".into())]);
}

#[tokio::test]
async fn a_long_path_is_remembered_as_far_as_a_person_reads_it() {
    let rig = Rig::with(once_an_hour).await;
    rig.apply(&[("users", true, &[(1, rig.server(echo).await)])]).await;
    let mut client = rig.client().await;
    assert_eq!(client.get("/").await.0, 200);
    assert_eq!(client.get(&format!("/{}", "a".repeat(4000))).await.0, 429);
    assert_eq!(failures(&rig)[0].request, format!("GET /{}\u{2026}", "a".repeat(115)));
}

/// Answers with the status that the path asks for.
async fn as_asked(mut conn: Conn) {
    while let Some((head, _)) = conn.request().await {
        let status = head.split(['/', ' ']).nth(2).expect("a path");
        conn.send(&format!("HTTP/1.1 {status} As asked\r\ncontent-length: 0\r\n\r\n")).await;
    }
}

#[tokio::test]
async fn what_opened_a_breaker_is_told_but_not_each() {
    let clock = Arc::<FakeClock>::default();
    clock.advance(Duration::from_secs(1_790_000_000));
    let mut rig = Rig::with_clock(clock.clone(), |_| {}).await;
    rig.policy.breaker = Some(Breaker { consecutive: 5, ..Breaker::default() });
    rig.serves(as_asked).await;
    let mut client = rig.client().await;
    for status in [200, 404, 501, 500, 500, 503] {
        assert_eq!(client.get(&format!("/{status}")).await.0, status);
    }
    clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        assert_eq!(client.get("/500").await.0, 500);
    }
    assert_eq!(client.problem("GET /200 HTTP/1.1\r\nhost: a\r\n\r\n").await.reason, "breaker-open");
    let answered = |status: u16| (status.to_string(), format!("GET /{status}"), String::new(), vec![id("users", 1)]);
    let told = told_of_instances(&rig);
    assert_eq!((&*told[0].0, &told[1..]), ("breaker-open", &[answered(500), answered(503), answered(500)][..]));
}

#[tokio::test]
async fn a_call_of_grpc_that_ends_badly_is_told() {
    let rig = Rig::with(|policy| policy.protocol = Protocol::Http2).await;
    let (target, _) = grpc::server(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut client = http2_client::connect(&rig, rig.gateway).await;
    for path in ["/not.Found/It", "/unavailable"] {
        assert_eq!(http2_client::send(&mut client, grpc::grpc(path, "hello")).await.0, 200);
    }
    let written_down = async {
        while rig.mesh.connections()[0].requests < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, written_down).await.unwrap();
    let unavailable = ("200".into(), "POST /unavailable".into(), "grpc-status 14".into(), vec![id("users", 1)]);
    assert_eq!(told_of_instances(&rig), [unavailable]);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_with_how_far_it_came() {
    for (fields, waits, cause) in [
        ("content-length: 9\r\n\r\nhello", false, "reset"),
        ("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", false, "reset"),
        ("content-length: 9\r\n\r\nhello", true, "idle-timeout"),
    ] {
        let rig = Rig::with(|policy| policy.idle_timeout = Duration::from_millis(200)).await;
        rig.serves(move |mut conn| async move {
            conn.request().await;
            conn.send(&format!("HTTP/1.1 200 OK\r\n{fields}")).await;
            if waits {
                conn.ends().await;
            }
        })
        .await;
        let told = || {
            let detail = "after 5 bytes of the answer's body".to_owned();
            (cause.to_owned(), "GET /half".to_owned(), detail, vec![id("users", 1)])
        };
        let mut client = rig.client().await;
        client.send("GET /half?secret HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let (status, _, framing) = client.response_head("GET").await;
        assert_eq!((status, client.body(framing).await), (200, None), "{fields:?}");
        assert_eq!(told_of_instances(&rig), [told()]);

        let mut client = http2_client::connect(&rig, rig.gateway).await;
        // A reset may overtake the head.
        let answer =
            async { client.send_request(http2_client::request("GET", "/half", "")).await?.into_body().collect().await };
        assert!(timeout(PATIENCE, answer).await.unwrap().is_err(), "{fields:?}");
        assert_eq!(told_of_instances(&rig), [told(), told()]);
    }
}
