//! Requests that wait for room: whom they keep waiting, and what is left of their time.

use std::{
    os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use model::{
    Reason,
    spec::{Policy, Protocol},
};
use ports::{
    clock::FakeClock,
    traffic::{Target, Traffic},
};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use tokio::{net::UnixListener, sync::Semaphore};

use crate::{http2_client, rig::*};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Answers with the head that came, to `/slow` only when it is let; tells of each request.
async fn instance(rig: &Rig) -> (Target, Arc<Semaphore>, Arc<Semaphore>) {
    let (came, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (comes, opens) = (came.clone(), gate.clone());
    let script = move |mut conn: Conn| {
        let (came, gate) = (comes.clone(), opens.clone());
        async move {
            while let Some((head, _)) = conn.request().await {
                came.add_permits(1);
                if head.contains("/slow") {
                    gate.acquire().await.unwrap().forget();
                }
                conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len())).await;
            }
        }
    };
    (rig.server(script).await, came, gate)
}

async fn until_queued(rig: &Rig, connection: &str) {
    let queued = || rig.mesh.connections().into_iter().find(|one| one.connection == connection).unwrap().queued;
    while queued() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_may_have_few_connections_to_an_instance_stalls_nobody_else() {
    let rig = Rig::with(|policy| (policy.queue, policy.limits.upstream_connections) = (1, 1)).await;
    let (target, came, gate) = instance(&rig).await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    let gateway = routing.gateway.as_mut().unwrap();
    Arc::make_mut(gateway).policy = Arc::new(Policy { queue: 0, timeout: PATIENCE / 2, ..Policy::default() });
    rig.mesh.apply(routing).await;
    let (mut first, mut second) = (rig.client().await, rig.client().await);
    for client in [&mut first, &mut second] {
        client.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    }
    came.acquire_many(2).await.unwrap().forget();
    let late = "GET / HTTP/1.1\r\nhost: a\r\nx-isles-timeout-ms: 100\r\n\r\n";
    let problem = rig.caller().await.problem(late).await;
    assert_eq!((problem.reason.as_str(), problem.status), (Reason::DeadlineExceeded.code(), 504));
    assert_eq!(problem.detail, "2 connections to users/1#1, waited 100ms");
    let mut waits = rig.caller().await;
    waits.send(GET).await;
    until_queued(&rig, "orders -> users").await;
    let (status, body) = rig.client().await.get("/").await;
    assert_eq!(status, 200, "who has room goes before who has none: {body}");
    gate.add_permits(2);
    assert_eq!(waits.response().await.0, 200);
}

/// The caller may have one connection and waits, as the gateway has one that is in use: to close others of the gateway would not help.
#[tokio::test]
async fn idle_connections_are_closed_only_where_that_makes_room() {
    for protocol in [Protocol::Http, Protocol::Http2] {
        let rig = Rig::with(|policy| {
            (policy.protocol, policy.limits.upstream_connections) = (protocol, 1);
            (policy.timeout, policy.limits.upstream_idle) = (4 * PATIENCE, 4 * PATIENCE);
        })
        .await;
        let connections = Arc::new(AtomicU32::new(0));
        let counted = connections.clone();
        let script = move |conn: Conn| {
            counted.fetch_add(1, SeqCst);
            some_slow(conn, protocol)
        };
        let mut routing = rig.routing(&[("users", true, &[(1, rig.server(script).await)])]);
        let gateway = Arc::make_mut(routing.gateway.as_mut().unwrap());
        Arc::make_mut(&mut gateway.policy).limits.upstream_connections = 9;
        rig.mesh.apply(routing).await;
        let mut slow = rig.client().await;
        slow.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        rig.until_in_flight(&id("users", 1), 1).await;
        while connections.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let mut waits = rig.caller().await;
        waits.send(GET).await;
        until_queued(&rig, "orders -> users").await;
        let mut client = rig.client().await;
        for _ in 0..9 {
            assert_eq!(client.get("/").await.0, 200, "{protocol:?}");
        }
        assert!(connections.load(SeqCst) <= 2, "{protocol:?}: {connections:?} connections");
        drop(slow);
        assert_eq!(waits.response().await.0, 200, "{protocol:?}: none is in use, so they make room");
    }
}

/// Answers all but `/slow`.
async fn some_slow(mut conn: Conn, protocol: Protocol) {
    if protocol == Protocol::Http {
        while let Some((head, _)) = conn.request().await {
            if head.contains("/slow") {
                conn.ends().await;
                return;
            }
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
        return;
    }
    let Ok(mut connection) = h2::server::handshake(conn.into_stream()).await else { return };
    let mut slow = Vec::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        match request.uri().path() {
            "/slow" => slow.push(respond),
            _ => drop(respond.send_response(http::Response::new(()), true).unwrap()),
        }
    }
}

/// Two connections are served by two workers, so who makes room reads another clock.
#[tokio::test]
async fn the_deadline_that_goes_on_is_what_is_left_after_the_wait() {
    let limits: [fn(&mut Policy); 2] =
        [|policy| policy.in_flight_max = 1, |policy| policy.limits.upstream_connections = 1];
    for limit in limits {
        let clock = Arc::<FakeClock>::default();
        clock.advance(Duration::from_secs(1_790_000_000));
        let mut rig = Rig::with_clock(clock.clone(), |_| {}).await;
        rig.policy.timeout = Duration::from_secs(600);
        limit(&mut rig.policy);
        let (target, came, gate) = instance(&rig).await;
        rig.apply(&[("users", true, &[(1, target)])]).await;
        let mut first = rig.caller().await;
        first.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        came.acquire().await.unwrap().forget();
        let mut second = rig.caller().await;
        second.send(GET).await;
        until_queued(&rig, "orders -> users").await;
        clock.advance(Duration::from_secs(400));
        gate.add_permits(1);
        assert_eq!(first.response().await.0, 200);
        let (_, _, body) = second.response().await;
        let head = String::from_utf8(body).unwrap();
        assert!(head.contains("\r\nx-isles-timeout-ms: 200000\r\n"), "{head}");
    }
}

/// A Unix socket whose backlog is full.
fn full(path: &Path) -> (UnixListener, StdUnixStream) {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let first = StdUnixStream::connect(path).unwrap();
    let listener = StdUnixListener::from(socket);
    listener.set_nonblocking(true).unwrap();
    (UnixListener::from_std(listener).unwrap(), first)
}

/// Tells how long it may take, as it was told.
async fn tell(mut conn: Conn, protocol: Protocol) {
    const NAMES: [&str; 2] = ["x-isles-timeout-ms", "grpc-timeout"];
    if protocol == Protocol::Http {
        let Some((head, _)) = conn.request().await else { return };
        let value = |name| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let told = NAMES.map(|name| value(name).unwrap()).join(" ");
        return conn.send(&format!("HTTP/1.1 200 OK\r\ntold: {told}\r\ncontent-length: 0\r\n\r\n")).await;
    }
    let Ok(mut connection) = h2::server::handshake(conn.into_stream()).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let told = NAMES.map(|name| request.headers()[name].to_str().unwrap()).join(" ");
        respond.send_response(http::Response::builder().header("told", told).body(()).unwrap(), true).unwrap();
    }
}

#[tokio::test]
async fn the_deadline_that_goes_on_is_what_is_left_once_there_is_a_connection() {
    for (protocol, by_http2) in
        [(Protocol::Http, false), (Protocol::Http, true), (Protocol::Http2, false), (Protocol::Http2, true)]
    {
        let clock = Arc::<FakeClock>::default();
        clock.advance(Duration::from_secs(1_790_000_000));
        let mut rig = Rig::with_clock(clock.clone(), |_| {}).await;
        (rig.policy.protocol, rig.policy.timeout) = (protocol, Duration::from_secs(600));
        rig.policy.connect_timeout = 4 * PATIENCE;
        let path = rig.folder.path().join("users");
        let (listener, first) = full(&path);
        rig.apply(&[("users", true, &[(1, Target::Unix(path))])]).await;
        let (mut client, mut sender) = (rig.client().await, http2_client::connect(&rig, rig.gateway).await);
        let mut answer = async || match by_http2 {
            true => {
                let mut get = http2_client::request("GET", "/", "");
                get.headers_mut().insert("grpc-timeout", "700S".parse().unwrap());
                let (_, response, _) = http2_client::send(&mut sender, get).await;
                response.headers()["told"].to_str().unwrap().to_owned()
            }
            false => {
                client.send("GET / HTTP/1.1\r\nhost: a\r\ngrpc-timeout: 700S\r\n\r\n").await;
                let (_, head, _) = client.response().await;
                head.split_once("told: ").unwrap().1.lines().next().unwrap().to_owned()
            }
        };
        let open = async {
            rig.until_in_flight(&id("users", 1), 1).await;
            clock.advance(Duration::from_secs(400));
            drop(first);
            while let Ok((stream, _)) = listener.accept().await {
                rig.spawn(tell(Conn::new(stream), protocol));
            }
        };
        tokio::select! {
            told = answer() => assert_eq!(told, "200000 200000m", "{protocol:?} {by_http2}"),
            () = open => unreachable!("it listens as long as it is asked"),
        }
    }
}
