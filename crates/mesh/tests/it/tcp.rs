//! Plain TCP.

use model::{Reason, figures::ConnectionFigures, spec::Protocol};
use ports::traffic::{Drained, Target, Traffic};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::rig::*;

async fn rig() -> Rig {
    Rig::with(|policy| policy.protocol = Protocol::Tcp).await
}

#[tokio::test]
async fn bytes_pass_both_ways_and_each_end_passes_alone() {
    let rig = rig().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    rig.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"the server speaks first").await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        stream.write_all(&all).await.unwrap();
    });
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut caller = TcpStream::connect(rig.connections).await.unwrap();
    let mut first = [0; 23];
    timeout(PATIENCE, caller.read_exact(&mut first)).await.unwrap().unwrap();
    assert_eq!(&first, b"the server speaks first");
    let body: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    caller.write_all(&body).await.unwrap();
    caller.shutdown().await.unwrap();
    let mut echoed = Vec::new();
    timeout(PATIENCE, caller.read_to_end(&mut echoed)).await.unwrap().unwrap();
    assert!(echoed == body);
    let figures = until_one_request(&rig).await;
    let counted = (figures.requests, figures.outcomes.success, figures.bytes_received, figures.bytes_sent);
    assert_eq!(counted, (1, 1, 1 << 20, (1 << 20) + 23));
}

#[tokio::test]
async fn what_an_instance_cuts_off_never_looks_whole() {
    for much in [false, true] {
        let rig = rig().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        rig.apply(&[("users", true, &[(1, Target::Tcp(listener.local_addr().unwrap()))])]).await;
        let mut caller = TcpStream::connect(rig.connections).await.unwrap();
        let (mut instance, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        instance.write_all(b"half").await.unwrap();
        timeout(PATIENCE, caller.read_exact(&mut [0; 4])).await.unwrap().unwrap();
        // With more than fits on the way, it is a write that finds the instance gone.
        while much && caller.try_write(&[0; 65536]).is_ok() {
            tokio::task::yield_now().await;
        }
        reset(instance);
        assert!(is_reset(&mut caller).await, "{much}");
        let figures = until_one_request(&rig).await;
        assert_eq!((figures.outcomes.failed, figures.reasons), (1, [(Reason::Reset, 1)].into()));
        assert_eq!(rig.mesh.failures(&"users".parse().unwrap())[0].reason, Some(Reason::Reset));
    }
}

#[tokio::test]
async fn what_a_caller_cuts_off_never_looks_whole() {
    let rig = rig().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    rig.apply(&[("users", true, &[(1, Target::Tcp(listener.local_addr().unwrap()))])]).await;
    let mut caller = TcpStream::connect(rig.connections).await.unwrap();
    let (mut instance, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    caller.write_all(b"half").await.unwrap();
    timeout(PATIENCE, instance.read_exact(&mut [0; 4])).await.unwrap().unwrap();
    reset(caller);
    assert!(is_reset(&mut instance).await);
    let figures = until_one_request(&rig).await;
    assert_eq!((figures.outcomes.cancelled, figures.reasons.len()), (1, 0), "it is no fault of the instance");
}

/// The figures of `orders`, once a connection has ended.
async fn until_one_request(rig: &Rig) -> ConnectionFigures {
    let figures = || rig.mesh.connections().into_iter().find(|one| one.caller == "orders").expect("it is declared");
    while figures().requests == 0 {
        tokio::task::yield_now().await;
    }
    figures()
}

#[tokio::test]
async fn another_instance_takes_a_refused_connection() {
    let rig = rig().await;
    let target = rig.server(echo).await;
    rig.apply(&[("users", true, &[(1, nowhere()), (2, target)])]).await;
    for _ in 0..10 {
        let mut caller = rig.caller().await;
        assert_eq!(caller.get("/a").await, (200, "GET /a HTTP/1.1|".into()));
    }
}

#[tokio::test]
async fn what_fails_is_reset_and_written_down() {
    let rig = rig().await;
    rig.apply(&[("users", true, &[(1, nowhere())])]).await;
    rig.caller_is_reset().await;
    let failures = rig.mesh.failures(&"users".parse().unwrap());
    assert_eq!(failures.iter().map(|failure| failure.reason).collect::<Vec<_>>(), [Some(Reason::Refused)]);
}

#[tokio::test]
async fn a_caller_waits_for_a_service_that_starts() {
    let rig = rig().await;
    rig.apply(&[("users", false, &[])]).await;
    let mut caller = rig.caller().await;
    caller.send("GET /early HTTP/1.1\r\nhost: a\r\n\r\n").await;
    rig.serves(echo).await;
    assert_eq!(caller.response().await.2, b"GET /early HTTP/1.1|");
}

#[tokio::test]
async fn a_drain_waits_and_then_cuts_off() {
    let rig = rig().await;
    rig.serves(echo).await;
    let mut caller = rig.caller().await;
    assert_eq!(caller.get("/").await.0, 200);
    rig.apply(&[("users", true, &[])]).await;
    assert_eq!(caller.get("/still").await.0, 200);
    assert_eq!(rig.mesh.drain(&id("users", 1), std::time::Duration::from_millis(1)).await, Drained::CutOff(1));
    assert!(caller.ends().await);
}
