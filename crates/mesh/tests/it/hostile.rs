//! HTTP/2 clients that mean harm: the stream or the connection ends, the others are served.

use model::{
    ByteSize,
    spec::{AccessLog, Http2Limits},
};
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::{
    access_log,
    frames::*,
    http2_client::{connect, request, send},
    rig::*,
};

const PROTOCOL_ERROR: u32 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;

async fn rig() -> Rig {
    limited(|_| {}).await
}

/// A rig with these limits of HTTP/2.
async fn limited(limits: impl FnOnce(&mut Http2Limits)) -> Rig {
    let rig = Rig::with(|policy| limits(&mut policy.limits.http2)).await;
    rig.serves(named("ok")).await;
    rig
}

async fn others_are_served(rig: &Rig) {
    let mut sender = connect(rig, rig.gateway).await;
    assert_eq!(send(&mut sender, request("GET", "/", "")).await.2, b"ok");
}

#[tokio::test]
async fn a_malformed_request_ends_its_stream_or_its_connection() {
    use Said::{GoAway, Reset, Status};
    let pseudo = |path: &'static str| [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", path)];
    let with = |fields: &[(&'static str, &'static str)]| [&pseudo("/")[..], fields].concat();
    let table = [
        (with(&[("X-Upper", "a")]), GoAway(PROTOCOL_ERROR)),
        (with(&[("connection", "close")]), Reset(PROTOCOL_ERROR)),
        (with(&[("keep-alive", "5")]), Reset(PROTOCOL_ERROR)),
        (with(&[("proxy-connection", "close")]), Reset(PROTOCOL_ERROR)),
        (with(&[("upgrade", "websocket")]), Reset(PROTOCOL_ERROR)),
        (with(&[("transfer-encoding", "chunked")]), Reset(PROTOCOL_ERROR)),
        (with(&[("te", "gzip")]), Reset(PROTOCOL_ERROR)),
        (with(&[("te", "trailers")]), Status(200)),
        (with(&[("a b", "c")]), GoAway(PROTOCOL_ERROR)),
        (with(&[("", "c")]), GoAway(PROTOCOL_ERROR)),
        (with(&[("x", "a\r\nhost: b")]), GoAway(PROTOCOL_ERROR)),
        (with(&[("x", "a\nb")]), GoAway(PROTOCOL_ERROR)),
        (with(&[("x", "a\0b")]), GoAway(PROTOCOL_ERROR)),
        (with(&[("x", " a")]), Status(400)),
        (with(&[("host", "b")]), Status(400)),
        (with(&[("host", "A")]), Status(200)),
        (with(&[("x_forwarded_for", "1.1.1.1")]), Status(400)),
        (with(&[(":path", "/b")]), Reset(PROTOCOL_ERROR)),
        (with(&[(":unknown", "b")]), GoAway(PROTOCOL_ERROR)),
        ([&[("x", "y")], &pseudo("/")[..]].concat(), Reset(PROTOCOL_ERROR)),
        (pseudo("/")[..3].to_vec(), Reset(PROTOCOL_ERROR)),
        (pseudo("/")[1..].to_vec(), Reset(PROTOCOL_ERROR)),
        (vec![(":method", "GET"), (":scheme", "http"), (":path", "/")], Status(400)),
        (vec![(":method", "G T"), (":scheme", "http"), (":authority", "a"), (":path", "/")], GoAway(PROTOCOL_ERROR)),
        (vec![(":method", "GET"), (":scheme", "http"), (":authority", "u@a"), (":path", "/")], Status(400)),
        (vec![(":method", "GET"), (":scheme", "http"), (":authority", "a/b"), (":path", "/")], Reset(PROTOCOL_ERROR)),
        (pseudo("/a b").to_vec(), Reset(PROTOCOL_ERROR)),
        (pseudo("/a\r\nb: c").to_vec(), Reset(PROTOCOL_ERROR)),
        (pseudo("a").to_vec(), Reset(PROTOCOL_ERROR)),
        (pseudo("").to_vec(), Reset(PROTOCOL_ERROR)),
        (pseudo("/%00").to_vec(), Status(400)),
        (pseudo("/../a").to_vec(), Status(400)),
        (with(&[("content-length", "5")]), Reset(PROTOCOL_ERROR)),
        (with(&[("content-length", "x")]), Reset(PROTOCOL_ERROR)),
        (with(&[("content-length", "0"), ("content-length", "0")]), Status(400)),
    ];
    let rig = rig().await;
    let mut client = Frames::connect(&rig).await;
    let mut stream = 1;
    for (fields, expected) in table {
        client.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&fields))).await;
        assert_eq!(client.said(stream).await, expected, "{fields:?}");
        if expected == GoAway(PROTOCOL_ERROR) {
            (client, stream) = (Frames::connect(&rig).await, 1);
            continue;
        }
        client.send(&get(stream + 2, END_STREAM, &[])).await;
        assert_eq!(client.said(stream + 2).await, Status(200), "after {fields:?}");
        stream += 4;
    }
}

#[tokio::test]
async fn a_body_of_another_length_ends_its_stream_only() {
    let rig = rig().await;
    let mut client = Frames::connect(&rig).await;
    let pseudo = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")];
    for (stream, data) in [(1, "abc"), (5, "abcdefg"), (9, "")] {
        let fields = [&pseudo[..], &[("content-length", "5")]].concat();
        client.send(&frame(HEADERS, END_HEADERS, stream, &block(&fields))).await;
        client.send(&frame(DATA, END_STREAM, stream, data.as_bytes())).await;
        assert_eq!(client.said(stream).await, Said::Reset(PROTOCOL_ERROR), "{data:?}");
        client.send(&get(stream + 2, END_STREAM, &[])).await;
        assert_eq!(client.said(stream + 2).await, Said::Status(200));
    }
}

/// Sends until the server ends the connection; returns the code of its GOAWAY, if it could say one.
async fn until_it_ends(rig: &Rig, attack: impl Fn(u32) -> Vec<u8> + Send + 'static) -> Option<u32> {
    let client = Frames::connect(rig).await;
    let (mut reader, mut writer) = (client.reader, client.writer);
    let mut sending = tokio::task::JoinSet::new();
    sending.spawn(async move {
        for round in 0..200_000 {
            let bytes = attack(round);
            let sent = timeout(PATIENCE, writer.write_all(&bytes)).await;
            if sent.expect("the server reads or closes").is_err() {
                return;
            }
        }
        panic!("the server takes all of it");
    });
    let mut said = None;
    while let Some((kind, _, payload)) = next(&mut reader).await {
        if kind == GOAWAY {
            said = Some(code(&payload[4..8]));
        }
    }
    sending.join_next().await.unwrap().unwrap();
    said
}

fn odd(round: u32) -> u32 {
    round * 2 + 1
}

#[tokio::test]
async fn cve_2023_44487_rapid_resets() {
    let rig = rig().await;
    let cancel = 8_u32.to_be_bytes();
    let said = until_it_ends(&rig, move |round| {
        [get(odd(round), END_STREAM, &[]), frame(RST_STREAM, 0, odd(round), &cancel)].concat()
    })
    .await;
    assert!(said.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{said:?}");
    rig.until_in_flight(&id("users", 1), 0).await;
    others_are_served(&rig).await;
}

#[tokio::test]
async fn rustsec_2024_0003_cve_2025_8671_resets_that_we_are_made_to_send() {
    let rig = rig().await;
    let said = until_it_ends(&rig, |round| {
        let short = frame(DATA, END_STREAM, odd(round), b"abc");
        [get(odd(round), 0, &[("content-length", "5")]), short].concat()
    })
    .await;
    assert!(said.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{said:?}");
    rig.until_in_flight(&id("users", 1), 0).await;
    others_are_served(&rig).await;
}

#[tokio::test]
async fn rustsec_2024_0332_continuations_without_end() {
    let rig = rig().await;
    let said = until_it_ends(&rig, |round| match round {
        0 => frame(HEADERS, END_STREAM, 1, &block(&[(":method", "GET")])),
        _ => frame(CONTINUATION, 0, 1, &block(&[("x", "y")])),
    })
    .await;
    assert!(said.is_none_or(|code| [PROTOCOL_ERROR, ENHANCE_YOUR_CALM].contains(&code)), "{said:?}");
    others_are_served(&rig).await;
}

#[tokio::test]
async fn rustsec_2026_0258_empty_data_without_end() {
    let rig = rig().await;
    let said = until_it_ends(&rig, |round| match round {
        0 => get(1, 0, &[]),
        _ => frame(DATA, 0, 1, &[]),
    })
    .await;
    assert!(said.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{said:?}");
    rig.until_in_flight(&id("users", 1), 0).await;
    others_are_served(&rig).await;
}

#[tokio::test]
async fn frames_that_ask_for_nothing() {
    let (zeros, one, priority) = ([0; 8], 1_u32.to_be_bytes(), [0, 0, 0, 3, 7]);
    for (name, attack) in [
        ("PING", frame(PING, 0, 0, &zeros)),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("PRIORITY", frame(PRIORITY, 0, 1, &priority)),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &one)),
        ("unknown", frame(99, 0, 0, &[])),
    ] {
        // Many at once, so that a second is not over before there are enough.
        let (rig, attack) = (rig().await, attack.repeat(100));
        let said = until_it_ends(&rig, move |_| attack.clone()).await;
        assert!(said.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{name}: {said:?}");
        let line = &access_log::lines(&rig, 1).await[0];
        assert_eq!((&line["reason"], &line["method"]), (&"too-many-frames".into(), &"PRI".into()), "{name}");
        others_are_served(&rig).await;
    }
}

/// A client that stops in time hears why.
#[tokio::test]
async fn the_limit_of_frames_is_that_of_the_policy() {
    for (frames, expected) in [(19, Said::Status(200)), (20, Said::GoAway(ENHANCE_YOUR_CALM))] {
        let rig = limited(|limits| limits.control_frames = 20).await;
        let mut client = Frames::connect(&rig).await;
        // One more SETTINGS was sent when it connected.
        let pings = frame(PING, 0, 0, &[0; 8]).repeat(frames);
        client.send(&[pings, get(1, END_STREAM, &[])].concat()).await;
        assert_eq!(client.said(1).await, expected, "{frames}");
    }
}

/// Those that end a body are none of them.
#[tokio::test]
async fn the_limit_of_empty_frames_is_that_of_the_policy() {
    for (frames, expected) in [(5, Said::Status(200)), (6, Said::GoAway(ENHANCE_YOUR_CALM))] {
        let rig = limited(|limits| limits.empty_frames = 5).await;
        let mut client = Frames::connect(&rig).await;
        let [empty, last] = [0, END_STREAM].map(|flags| frame(DATA, flags, 1, &[]));
        client.send(&[get(1, 0, &[]), empty.repeat(frames), last].concat()).await;
        assert_eq!(client.said(1).await, expected, "{frames}");
        if expected != Said::Status(200) {
            assert_eq!(access_log::lines(&rig, 1).await[0]["reason"], "too-many-frames");
        }
    }
}

#[tokio::test]
async fn what_is_allowed_is_announced() {
    let rig = Rig::with(|policy| {
        let limits = &mut policy.limits.http2;
        (limits.streams, limits.window, limits.connection_window) = (3, ByteSize(70_000), ByteSize(200_000));
    })
    .await;
    rig.apply(&[("users", true, &[])]).await;
    let mut client = Frames::connect(&rig).await;
    let (mut settings, mut window) = (Vec::new(), 65_535);
    while settings.is_empty() || window == 65_535 {
        match client.next().await.unwrap() {
            (SETTINGS, 0, payload) if !payload.is_empty() => settings = payload,
            (WINDOW_UPDATE, 0, payload) => window += code(&payload),
            _ => {}
        }
    }
    let setting = |id: u16| settings.chunks(6).find(|it| it[..2] == id.to_be_bytes()).map(|it| code(&it[2..]));
    let (streams, first_window) = (setting(3), setting(4));
    assert_eq!((streams, first_window, window), (Some(3), Some(70_000), 200_000));
}

#[tokio::test]
async fn a_stream_too_many_is_refused() {
    const REFUSED_STREAM: u32 = 7;
    let rig = Rig::with(|policy| policy.limits.http2.streams = 2).await;
    rig.serves(|mut conn| async move { while conn.request().await.is_some() {} }).await;
    let mut client = Frames::connect(&rig).await;
    client.send(&[1, 3, 5].map(|stream| get(stream, END_STREAM, &[])).concat()).await;
    assert_eq!(client.said(5).await, Said::Reset(REFUSED_STREAM));
    rig.until_in_flight(&id("users", 1), 2).await;
}

/// Those that nobody has looked at yet.
#[tokio::test]
async fn the_limit_of_resets_is_that_of_the_policy() {
    for (resets, expected) in [(5, Said::Status(200)), (6, Said::GoAway(ENHANCE_YOUR_CALM))] {
        let rig = limited(|limits| limits.resets = 5).await;
        let mut client = Frames::connect(&rig).await;
        let reset =
            |round| [get(odd(round), END_STREAM, &[]), frame(RST_STREAM, 0, odd(round), &[0, 0, 0, 8])].concat();
        let last = odd(resets);
        client.send(&[(0..resets).flat_map(reset).collect(), get(last, END_STREAM, &[])].concat()).await;
        assert_eq!(client.said(last).await, expected, "{resets}");
    }
}

/// A body of another length than was said is the client's fault, and the reset ours.
#[tokio::test]
async fn the_limit_of_resets_that_we_are_made_to_send_is_that_of_the_policy() {
    for (resets, expected) in [(5, Said::Status(200)), (6, Said::GoAway(ENHANCE_YOUR_CALM))] {
        let rig = limited(|limits| limits.local_resets = 5).await;
        let mut client = Frames::connect(&rig).await;
        let short = |round| {
            [get(odd(round), 0, &[("content-length", "5")]), frame(DATA, END_STREAM, odd(round), b"abc")].concat()
        };
        let last = odd(resets);
        client.send(&[(0..resets).flat_map(short).collect(), get(last, END_STREAM, &[])].concat()).await;
        assert_eq!(client.said(last).await, expected, "{resets}");
    }
}

/// The answer to a request that its client has reset goes nowhere, and nothing of it is left for the next one.
#[tokio::test]
async fn cve_2026_26311_nothing_is_done_for_a_stream_after_its_reset() {
    const CANCEL: [u8; 4] = 8_u32.to_be_bytes();
    let rig = Rig::with(|policy| policy.access_log = AccessLog::Sampled(1000)).await;
    rig.serves(|mut conn| async move {
        while let Some((head, _)) = conn.request().await {
            if head.contains("x-wait") {
                // Until the mesh has let go of it.
                let _ = conn.more().await;
            }
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    let mut client = Frames::connect(&rig).await;
    for stream in [1, 5, 9] {
        client.send(&get(stream, END_STREAM, &[("x-wait", "1")])).await;
        rig.until_in_flight(&id("users", 1), 1).await;
        client.send(&frame(RST_STREAM, 0, stream, &CANCEL)).await;
        rig.until_in_flight(&id("users", 1), 0).await;
        client.send(&get(stream + 2, END_STREAM, &[])).await;
        assert_eq!(client.said(stream + 2).await, Said::Status(200));
    }
    let mut statuses: Vec<_> = access_log::lines(&rig, 6).await.iter().map(|line| line["status"].as_u64()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [0, 0, 0, 200, 200, 200].map(Some), "each is written down once");
}

/// Nothing of a body is taken, and so no window grows, while its request is held.
#[tokio::test]
async fn what_goes_beyond_a_window_ends_its_stream_or_the_connection() {
    const FLOW_CONTROL_ERROR: u32 = 3;
    let rig = Rig::with(|policy| {
        let limits = &mut policy.limits.http2;
        (limits.window, limits.connection_window) = (ByteSize(65_535), ByteSize(100_000));
    })
    .await;
    rig.apply(&[("users", false, &[])]).await;
    let body = |stream, pieces: usize| frame(DATA, 0, stream, &[b'x'; 16_000]).repeat(pieces);
    let one_stream = [get(1, 0, &[]), body(1, 4), frame(DATA, 0, 1, &[b'x'; 1_536])].concat();
    let two_streams = [get(1, 0, &[]), get(3, 0, &[]), body(1, 4), body(3, 3)].concat();
    for (sent, expected) in
        [(one_stream, Said::Reset(FLOW_CONTROL_ERROR)), (two_streams, Said::GoAway(FLOW_CONTROL_ERROR))]
    {
        let mut client = Frames::connect(&rig).await;
        while client.next().await.unwrap().0 != WINDOW_UPDATE {}
        client.send(&sent).await;
        assert_eq!(client.said(1).await, expected);
    }
}

#[tokio::test]
async fn a_window_that_overflows_ends_the_connection() {
    let rig = rig().await;
    let mut client = Frames::connect(&rig).await;
    client.send(&frame(WINDOW_UPDATE, 0, 0, &0x7FFF_FFFF_u32.to_be_bytes())).await;
    assert!(matches!(client.said(0).await, Said::GoAway(3)), "FLOW_CONTROL_ERROR");
    others_are_served(&rig).await;
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused() {
    let rig = rig().await;
    let mut client = Frames::connect(&rig).await;
    let value = "v".repeat(1000);
    let large: Vec<_> = (0..40).map(|number| format!("x-{number}")).collect();
    let large: Vec<_> = large.iter().map(|name| (name.as_str(), value.as_str())).collect();
    let many: Vec<_> = (0..200).map(|number| format!("x-{number}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "v")).collect();
    for (stream, fields) in [(1, large), (5, many)] {
        let head = get(stream, END_STREAM, &fields);
        let payload = &head[9..];
        client.send(&frame(HEADERS, END_STREAM, stream, &payload[..1000])).await;
        for (index, part) in payload[1000..].chunks(16_000).enumerate() {
            let last = 1000 + index * 16_000 + part.len() == payload.len();
            client.send(&frame(CONTINUATION, if last { END_HEADERS } else { 0 }, stream, part)).await;
        }
        assert_eq!(client.said(stream).await, Said::OtherStatus, "431");
        client.send(&get(stream + 2, END_STREAM, &[])).await;
        assert_eq!(client.said(stream + 2).await, Said::Status(200));
    }
}

#[tokio::test]
async fn bytes_that_are_no_frames_end_the_connection() {
    let rig = rig().await;
    let garbage: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        &[0xFF; 64],
        &frame(DATA, 0, 0, b"x"),
        &frame(HEADERS, END_HEADERS, 2, &block(&[(":method", "GET")])),
        &frame(PING, 0, 0, b"short"),
    ];
    for bytes in garbage {
        let mut client = Frames::connect(&rig).await;
        client.send(bytes).await;
        client.send(&[0xFF; 32]).await;
        assert!(matches!(client.said(1).await, Said::GoAway(_) | Said::End), "{bytes:?}");
    }
    let mut client = rig.client().await;
    client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    let _ = client.exactly(9).await;
    others_are_served(&rig).await;
}
