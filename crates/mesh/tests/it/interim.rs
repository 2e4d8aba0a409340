//! Responses before the final one (RFC 9110 section 15.2): an instance may send few, and a client that does not read gets none.

use std::{future::poll_fn, time::Duration};

use http::{Response, StatusCode};
use model::{
    ByteSize, Reason,
    spec::{Policy, Protocol},
};
use ports::traffic::{Target, Traffic};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use crate::{
    frames::*,
    http2_client::{connect, request, send},
    rig::*,
};

fn hints(length: usize) -> String {
    format!("HTTP/1.1 103 Early Hints\r\nlink: {}\r\n\r\n", "x".repeat(length))
}

/// An instance that sends so many of 1 kB before its answer, as far as it is let. It tells when its stream was reset.
async fn http2_server(rig: &Rig, count: usize, reset: mpsc::Sender<()>) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    let tasks = rig.tasks.clone();
    rig.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (reset, tasks_of) = (reset.clone(), tasks.clone());
            tasks.spawn(ports::tasks::TaskKind::Work("connection"), async move {
                while let Some(Ok((_, respond))) = connection.accept().await {
                    tasks_of.spawn(ports::tasks::TaskKind::Work("stream"), inform(respond, count, reset.clone()));
                }
            });
        }
    });
    target
}

async fn inform(mut respond: h2::server::SendResponse<bytes::Bytes>, count: usize, reset: mpsc::Sender<()>) {
    for _ in 0..count {
        let hints = Response::builder().status(StatusCode::EARLY_HINTS).header("link", "x".repeat(1000));
        if respond.send_informational(hints.body(()).unwrap()).is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let _ = respond.send_response(Response::new(()), true);
    if poll_fn(|context| respond.poll_reset(context)).await.is_ok() {
        let _ = reset.send(()).await;
    }
}

/// The status of a GET and its reason, and how many responses came before it.
async fn get(client: &mut Conn) -> (u16, Option<String>, usize) {
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    for before in 0.. {
        let (status, head, _) = client.response_head("GET").await;
        if status != 103 {
            let reason = head.split("x-isles-reason: ").nth(1);
            return (status, reason.map(|text| text.lines().next().unwrap().into()), before);
        }
    }
    unreachable!("one is the last")
}

#[tokio::test]
async fn they_may_take_as_much_as_one_head() {
    for protocol in [Protocol::Http, Protocol::Http2] {
        for (count, refused) in [(60, false), (2000, true)] {
            let rig = Rig::with(|policy| policy.protocol = protocol).await;
            let target = match protocol {
                Protocol::Http2 => http2_server(&rig, count, mpsc::channel(9).0).await,
                _ => {
                    rig.server(move |mut conn| async move {
                        while conn.request().await.is_some() {
                            conn.send_bytes(hints(1000).repeat(count).as_bytes()).await;
                            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                        }
                    })
                    .await
                }
            };
            rig.apply(&[("users", true, &[(1, target)])]).await;
            let reason = refused.then_some(Reason::ResponseTooLarge);
            let status = reason.map_or(200, Reason::status);
            let (seen, why, before) = get(&mut rig.client().await).await;
            assert_eq!((seen, why.as_deref()), (status, reason.map(Reason::code)), "{protocol:?} {count}");
            assert!(if refused { before < 66 } else { before == count }, "{protocol:?} {before} of {count}");
            let mut sender = connect(&rig, rig.gateway).await;
            let (seen, head, _) = send(&mut sender, request("GET", "/", "")).await;
            let why = head.headers().get("x-isles-reason").map(|value| value.to_str().unwrap());
            assert_eq!((seen, why), (status, reason.map(Reason::code)), "{protocol:?} {count}");
        }
    }
}

/// What an instance of HTTP/2 sends meanwhile is counted as well, although nobody takes it.
#[tokio::test]
async fn an_instance_is_stopped_while_its_client_does_not_read() {
    let rig = Rig::with(|policy| {
        (policy.protocol, policy.limits.response_head) = (Protocol::Http2, ByteSize(12 << 20));
    })
    .await;
    let (told, mut reset) = mpsc::channel(1);
    let target = http2_server(&rig, 30_000, told).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut client = rig.client().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(timeout(PATIENCE, reset.recv()).await, Ok(Some(())));
}

/// They would wait in the connection, beyond any window.
#[tokio::test]
async fn a_client_of_http_2_that_does_not_read_goes_without() {
    const STREAMS: u32 = 20;
    const COUNT: usize = 50;
    let rig = Rig::with(|policy| policy.limits.response_head = ByteSize(2 << 20)).await;
    let target = rig
        .server(move |mut conn| async move {
            while conn.request().await.is_some() {
                conn.send_bytes(hints(20_000).repeat(COUNT).as_bytes()).await;
                conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        })
        .await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut client = Frames::connect(&rig).await;
    for stream in 0..STREAMS {
        client.send(&crate::frames::get(2 * stream + 1, END_STREAM, &[])).await;
    }
    let figures = || rig.mesh.connections().iter().map(|one| one.requests).sum::<u64>();
    while figures() < u64::from(STREAMS) {
        tokio::task::yield_now().await;
    }
    let (mut heads, mut ended) = (0, 0);
    while ended < STREAMS {
        let (kind, flags, _, payload) = next_flagged(&mut client.reader).await.unwrap();
        heads += usize::from(kind == HEADERS);
        if kind == HEADERS && flags & END_STREAM > 0 {
            assert_eq!(payload[0], 0x88, "200");
            ended += 1;
        }
    }
    assert!(heads < STREAMS as usize * COUNT, "{heads}");
}

/// More than all sockets on the way take.
const FLOOD: usize = 32 << 20;
const LINK: usize = 4096;

async fn flood(mut conn: Conn) {
    conn.request().await;
    let hint = format!("HTTP/1.1 103 Early Hints\r\nlink: {}\r\n\r\n", "x".repeat(LINK));
    for _ in 0..FLOOD / LINK {
        if !conn.send_bytes(hint.as_bytes()).await {
            return;
        }
    }
}

async fn flood_http2(conn: Conn) {
    let Ok(mut connection) = h2::server::handshake(conn.into_stream()).await else { return };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        for _ in 0..FLOOD / LINK {
            let hint = Response::builder().status(StatusCode::EARLY_HINTS).header("link", "x".repeat(LINK));
            respond.send_informational(hint.body(()).unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_client_that_reads_none_of_them_is_given_up() {
    for protocol in [Protocol::Http, Protocol::Http2] {
        let change = |policy: &mut Policy| {
            (policy.protocol, policy.idle_timeout) = (protocol, Duration::from_millis(200));
            policy.limits.response_head = ByteSize(2 * FLOOD as u64);
            policy.timeout = 10 * PATIENCE;
        };
        let rig = Rig::with(change).await;
        let target = match protocol {
            Protocol::Http2 => rig.server(flood_http2).await,
            _ => rig.server(flood).await,
        };
        rig.apply(&[("users", true, &[(1, target)])]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        rig.until_in_flight(&id("users", 1), 1).await;
        rig.until_in_flight(&id("users", 1), 0).await;
        let figures = || rig.mesh.connections().into_iter().find(|one| one.caller == "gateway").unwrap();
        while figures().requests == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(figures().outcomes.cancelled, 1, "{protocol:?}");
    }
}

/// The client takes the first one only when the final one is due; the others wait right behind it.
#[tokio::test]
async fn the_final_one_is_due_although_there_is_always_a_next_one() {
    let rig = Rig::with(|policy| {
        (policy.timeout, policy.limits.response_head) = (Duration::from_secs(1), ByteSize(2 * FLOOD as u64));
    })
    .await;
    rig.serves(|mut conn| async move {
        conn.request().await;
        conn.send(&[&hints(FLOOD), &hints(9), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"].concat()).await;
        conn.request().await;
    })
    .await;
    let mut client = rig.client().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    tokio::time::sleep(2 * rig.policy.timeout).await;
    let rest = client.until("}").await;
    assert!(rest.contains("HTTP/1.1 504 "), "{}", &rest[FLOOD..]);
}

/// The mesh has told the client to go on, so that it gets none of them.
#[tokio::test]
async fn those_that_say_what_was_said_are_counted_too() {
    let rig = Rig::with(|policy| policy.protocol = Protocol::Http2).await;
    rig.serves(|conn| async move {
        let Ok(mut connection) = h2::server::handshake(conn.into_stream()).await else { return };
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            for _ in 0..2000 {
                let response = Response::builder().status(StatusCode::CONTINUE).header("link", "x".repeat(1000));
                respond.send_informational(response.body(()).unwrap()).unwrap();
            }
            respond.send_response(Response::new(()), true).unwrap();
        }
    })
    .await;
    let request = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nok";
    let problem = rig.client().await.problem(request).await;
    assert_eq!(problem.reason, Reason::ResponseTooLarge.code());
}
