//! Bodies in many small frames whose reader waits: a stream goes on when its reader does, no other one suffers, and what waits takes
//! little more memory than its bytes.

use std::{
    future::poll_fn,
    task::{Poll, ready},
};

use h2::{RecvStream, SendStream, client, server};
use hyper::{Request, Response, body::Bytes};
use model::spec::{MessageLimits, Policy, Protocol};
use ports::traffic::Target;
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::mpsc,
    time::timeout,
};

use crate::{
    frames::*,
    rig::*,
    streams::{STUCK, peak_kib},
};

const MESSAGES: usize = 20_000;
const MESSAGE: Bytes = Bytes::from_static(b"a message");
/// What a reader grants that is slow.
const NARROW: u32 = 100;

/// Both ends of one direction of one stream.
type Direction = (SendStream<Bytes>, RecvStream);

/// A gateway whose requests share one connection to the instance.
async fn http2() -> Rig {
    let policy = |policy: &mut Policy| {
        (policy.protocol, policy.limits) = (Protocol::Http2, MessageLimits::edge());
        (policy.timeout, policy.idle_timeout) = (4 * PATIENCE, 4 * PATIENCE);
    };
    Rig::start(policy, |config| config.workers = 1).await
}

/// A server that answers each stream at once, and hands it over. Its windows are narrow.
async fn instance(rig: &Rig) -> (Target, mpsc::Receiver<Direction>) {
    let (found, streams) = mpsc::channel(100);
    let target = rig.server(move |conn| {
        let found = found.clone();
        async move {
            let mut settings = server::Builder::new();
            settings.initial_window_size(NARROW).data_frame_budget(usize::MAX);
            let mut connection = settings.handshake(conn.into_stream()).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let back = respond.send_response(Response::new(()), false).unwrap();
                found.send((back, request.into_body())).await.unwrap();
            }
        }
    });
    (target.await, streams)
}

/// A stream to the gateway, on a connection of its own, whose windows are narrow.
async fn stream(rig: &Rig) -> Direction {
    let socket = TcpStream::connect(rig.gateway).await.unwrap();
    let mut settings = client::Builder::new();
    settings.initial_window_size(NARROW).data_frame_budget(usize::MAX);
    let (sender, connection) = settings.handshake(socket).await.unwrap();
    rig.spawn(async move {
        let _ = connection.await;
    });
    let request = Request::post("http://shop.test/").body(()).unwrap();
    let (response, body) = sender.ready().await.unwrap().send_request(request, false).unwrap();
    let response = timeout(PATIENCE, response).await.expect("a head").unwrap();
    (body, response.into_body())
}

/// Sends a message in a frame of its own.
async fn send(stream: &mut SendStream<Bytes>) {
    stream.reserve_capacity(MESSAGE.len());
    poll_fn(|context| {
        while stream.capacity() < MESSAGE.len() {
            ready!(stream.poll_capacity(context)).expect("it is open").expect("it goes on");
        }
        Poll::Ready(())
    })
    .await;
    stream.send_data(MESSAGE, false).expect("it goes on");
}

/// Sends messages until nothing more goes; returns how many went.
async fn fill(stream: &mut SendStream<Bytes>) -> usize {
    let mut sent = 0;
    while timeout(STUCK, send(stream)).await.is_ok() {
        sent += 1;
    }
    sent
}

async fn send_more(stream: &mut SendStream<Bytes>, count: usize) {
    for _ in 0..count {
        send(stream).await;
    }
}

fn end(stream: &mut SendStream<Bytes>) {
    stream.send_data(Bytes::new(), true).expect("it goes on");
}

/// Both readers begin to read, and get so many messages; of these so many have still to be sent.
async fn finish(client: &mut Direction, instance: &mut Direction, all: usize, left: (usize, usize)) {
    let ((up, down), (back, asked)) = (client, instance);
    let ask = async {
        send_more(up, left.0).await;
        end(up);
    };
    let answer = async {
        tokio::join!(send_more(back, left.1), is_whole(asked, all));
        // Not before: an answer that is whole ends the request.
        end(back);
    };
    tokio::join!(ask, answer, is_whole(down, all));
}

/// Reads a whole body of so many messages.
async fn is_whole(body: &mut RecvStream, messages: usize) {
    let mut data = Vec::new();
    while let Some(piece) = timeout(PATIENCE, body.data()).await.expect("something comes") {
        let piece = piece.expect("it goes on");
        body.flow_control().release_capacity(piece.len()).unwrap();
        data.extend_from_slice(&piece);
    }
    assert!(data == MESSAGE.repeat(messages), "{} bytes", data.len());
}

#[tokio::test]
async fn both_ways_to_readers_that_wait() {
    let rig = http2().await;
    let (target, mut streams) = instance(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut client = stream(&rig).await;
    let mut instance = streams.recv().await.unwrap();
    let sent = tokio::join!(fill(&mut client.0), fill(&mut instance.0));
    assert!(sent.0 < MESSAGES && sent.1 < MESSAGES, "{sent:?}: they wait");
    finish(&mut client, &mut instance, MESSAGES, (MESSAGES - sent.0, MESSAGES - sent.1)).await;
}

/// Messages for a client that does not read them fill all that there is; the streams of others on the same connection go on, both ways.
async fn check_neighbours(rig: &Rig, streams: &mut mpsc::Receiver<Direction>, deaf: &mut SendStream<Bytes>) {
    let mut neighbours = Vec::new();
    for _ in 0..8 {
        neighbours.push((stream(rig).await, streams.recv().await.unwrap()));
    }
    assert!(fill(deaf).await > 5000);
    for (client, instance) in &mut neighbours {
        finish(client, instance, 1, (1, 1)).await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_its_stream_and_its_neighbours() {
    let rig = http2().await;
    let (target, mut streams) = instance(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let _open = stream(&rig).await;
    let (mut deaf, _asked) = streams.recv().await.unwrap();
    check_neighbours(&rig, &mut streams, &mut deaf).await;
}

#[tokio::test]
async fn a_client_of_http_1_1_that_does_not_read_and_its_neighbours() {
    let rig = http2().await;
    let (target, mut streams) = instance(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = Conn::new(socket.connect(rig.gateway).await.unwrap());
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let (mut deaf, _asked) = streams.recv().await.unwrap();
    check_neighbours(&rig, &mut streams, &mut deaf).await;
}

/// A client fills the windows of some streams with bodies in frames of one byte, for an instance that does not take them.
async fn check_memory(rig: &Rig, target: Target) {
    const STREAMS: u32 = 6;
    const WINDOW: usize = 65_535;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut client = Frames::connect(rig).await;
    pong(&mut client).await;
    let before = peak_kib();
    for stream in (0..STREAMS).map(|number| 2 * number + 1) {
        assert!(client.send(&get(stream, 0, &[])).await);
        assert!(client.send(&frame(DATA, 0, stream, b"x").repeat(WINDOW)).await);
    }
    pong(&mut client).await;
    let grown = peak_kib() - before;
    assert!(grown < 24 << 10, "{grown} KiB for {STREAMS} windows");
}

/// Waits until the mesh has read all that was sent.
async fn pong(client: &mut Frames) {
    assert!(client.send(&frame(PING, 0, 0, &[7; 8])).await);
    while client.next().await.expect("the connection goes on").0 != PING {}
}

#[tokio::test]
async fn frames_of_one_byte_take_little_memory_while_an_instance_takes_none() {
    let rig = http2().await;
    let (target, _streams) = instance(&rig).await;
    check_memory(&rig, target).await;
}

#[tokio::test]
async fn frames_of_one_byte_take_little_memory_before_there_is_a_connection() {
    let mut rig = http2().await;
    rig.policy.connect_timeout = 4 * PATIENCE;
    let full = Full::new().await;
    check_memory(&rig, full.target()).await;
}
