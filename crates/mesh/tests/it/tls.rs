//! TLS at the gateway: handshakes, and what goes through the session.

use std::time::Duration;

use model::{Reason, figures::TlsFigures, spec::Protocol};
use rustls::version::{TLS12, TLS13};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use crate::{http2_client, rig::*, streams, tls_client::*};

#[tokio::test]
async fn requests_of_both_versions_one_after_the_other() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    for (versions, protocols, chosen) in [
        (&[&TLS13][..], &[][..], None),
        (&[&TLS12], &[], None),
        (BOTH, &["http/1.1"], Some("http/1.1")),
        (BOTH, &["spdy/3", "http/1.1"], Some("http/1.1")),
    ] {
        let stream = connect(&rig, &files.client(versions, protocols)).await;
        let (_, session) = stream.get_ref();
        assert_eq!(session.alpn_protocol().map(|name| str::from_utf8(name).unwrap()), chosen);
        let mut conn = Conn::new(stream);
        assert_eq!(conn.get("/a").await, (200, "GET /a HTTP/1.1|".into()));
        conn.send("POST /b HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
        for _ in 0..100 {
            conn.send(&format!("2710\r\n{}\r\n", "x".repeat(10_000))).await;
        }
        conn.send("0\r\n\r\n").await;
        assert_eq!(conn.response().await.2.len(), "POST /b HTTP/1.1|".len() + 1_000_000);
        // Two at once.
        conn.send("GET /c HTTP/1.1\r\nhost: a\r\n\r\nGET /d HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!((conn.response().await.2, conn.response().await.2).1, b"GET /d HTTP/1.1|");
    }
    assert!(try_connect(&rig, &files.client(BOTH, &["spdy/3"])).await.is_err(), "no protocol in common (RFC 7301 3.2)");
    until(&rig, TlsFigures { handshakes: 4, failed: 1, ..TlsFigures::default() }).await;
}

#[tokio::test]
async fn http_2_is_preferred() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    let stream = connect(&rig, &files.client(BOTH, &["http/1.1", "h2"])).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut sender = http2_client::handshake(&rig, stream).await;
    let body = "x".repeat(1_000_000);
    for _ in 0..3 {
        let (status, _, echoed) =
            http2_client::send(&mut sender, http2_client::request("POST", "/b", body.clone())).await;
        assert_eq!((status, echoed.len()), (200, "POST /b HTTP/1.1|".len() + body.len()));
    }
    let url = format!("https://localhost:{}/c", rig.gateway.port());
    let certificate = files.path("a.crt");
    let args = ["-sS", "--cacert", certificate.to_str().unwrap(), "-w", " %{http_version}", &url];
    assert_eq!(run("curl", &args, "").await, (true, "GET /c HTTP/1.1| 2".into()));
}

#[tokio::test]
async fn the_service_is_told_the_scheme() {
    let files = Files::new();
    for (tls, scheme) in [(Some(files.config()), "https"), (None, "http")] {
        let rig = Rig::secure(tls.clone(), |_| {}).await;
        let head = |mut conn: Conn| async move {
            let (head, _) = conn.request().await.unwrap();
            let length = head.len();
            conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{head}")).await;
        };
        rig.serves(head).await;
        let mut conn = match tls {
            Some(_) => Conn::new(connect(&rig, &files.client(BOTH, &[])).await),
            None => rig.client().await,
        };
        let (_, head) = conn.get("/").await;
        assert!(head.contains(&format!("x-forwarded-proto: {scheme}\r\n")), "{head}");
    }
}

#[tokio::test]
async fn sessions_are_resumed_by_any_worker() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    for (version, handshakes) in [(&TLS13, 12), (&TLS12, 24)] {
        let config = files.client(&[version], &[]);
        for _ in 0..12 {
            let mut conn = Conn::new(connect(&rig, &config).await);
            assert_eq!(conn.get("/").await.0, 200);
        }
        let resumed = if handshakes == 12 { 11 } else { 22 };
        until(&rig, TlsFigures { handshakes, resumed, ..TlsFigures::default() }).await;
    }
}

#[tokio::test]
async fn real_clients() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    let (trusted, port) = (files.path("a.crt").display().to_string(), rig.gateway.port());
    let (url, address) = (format!("https://127.0.0.1:{port}/a"), format!("127.0.0.1:{port}"));
    let asks = "GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    for (program, args, accepted, part) in [
        ("curl", &["-sSv", "--cacert", &trusted, &url, &url][..], true, "GET /a HTTP/1.1|GET /a HTTP/1.1|"),
        ("curl", &["-sSv", "--cacert", &trusted, "--tls-max", "1.2", &url], true, "GET /a HTTP/1.1|"),
        ("curl", &["-sS", &url], false, "self-signed"),
        ("curl", &["-sS", "-k", "--tls-max", "1.1", "--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0", &url], false, ""),
        (
            "openssl",
            &["s_client", "-connect", &address, "-CAfile", &trusted, "-verify_return_error", "-ign_eof"],
            true,
            "GET /a HTTP/1.1|",
        ),
        (
            "openssl",
            &["s_client", "-connect", &address, "-alpn", "http/1.1", "-ign_eof"],
            true,
            "ALPN protocol: http/1.1",
        ),
        ("openssl", &["s_client", "-connect", &address, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], false, "alert"),
        (
            "openssl",
            &["s_client", "-connect", &address, "-tls1_2", "-cipher", "AES128-SHA"],
            false,
            "alert handshake failure",
        ),
    ] {
        let input = if accepted { asks } else { "" };
        let (success, text) = run(program, args, input).await;
        assert_eq!(success, accepted, "{program} {args:?}: {text}");
        assert!(text.contains(part), "{program} {args:?}: {text}");
    }
}

#[tokio::test]
async fn a_request_in_the_clear_is_told_so() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    for request in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "G"] {
        let mut conn = rig.client().await;
        let problem = conn.problem(request).await;
        assert_eq!(problem.reason, Reason::BadRequest.code());
        assert!(problem.detail.contains("https"), "{problem:?}");
        assert!(conn.ends().await);
    }
    until(&rig, TlsFigures { in_the_clear: 3, ..TlsFigures::default() }).await;
}

#[tokio::test]
async fn what_is_no_handshake_ends_and_is_counted() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    let record = |length: u16, content: &[u8]| [&[22, 3, 1][..], &length.to_be_bytes(), content].concat();
    let mut failed = 0;
    for bytes in [
        b"\x00\x00\x00\x00\x00".to_vec(),
        b"\x17\x03\x03\x00\x01x".to_vec(),
        b"\x80\x2e\x01\x00\x02".to_vec(),
        record(16_000, &[1; 16_000]),
        record(0xffff, &[1; 100]),
        // A greeting of 16 MB.
        [record(16_384, &[&[1, 0xff, 0xff, 0xff][..], &[0; 16_380]].concat()), record(16_384, &[0; 16_384]).repeat(8)]
            .concat(),
    ] {
        let mut conn = rig.client().await;
        conn.send_bytes(&bytes).await;
        while conn.more().await {}
        failed += 1;
        until(&rig, TlsFigures { failed, ..TlsFigures::default() }).await;
    }
    drop(rig.client().await);
    let mut conn = Conn::new(connect(&rig, &files.client(BOTH, &[])).await);
    assert_eq!(conn.get("/").await.0, 200);
    until(&rig, TlsFigures { failed, handshakes: 1, ..TlsFigures::default() }).await;
}

#[tokio::test]
async fn a_slow_handshake_ends() {
    let files = Files::new();
    let rig = Rig::secure(files.config(), |policy| policy.limits.head_timeout = Duration::from_millis(50)).await;
    rig.serves(echo).await;
    for bytes in [&b""[..], b"\x16", b"\x16\x03\x01\x10\x00"] {
        let mut conn = rig.client().await;
        conn.send_bytes(bytes).await;
        assert!(conn.ends().await);
    }
    until(&rig, TlsFigures { failed: 3, ..TlsFigures::default() }).await;
}

#[tokio::test]
async fn a_record_in_drips_is_no_request() {
    let files = Files::new();
    let rig = Rig::secure(files.config(), |policy| policy.limits.client_idle = Duration::from_millis(200)).await;
    rig.serves(echo).await;
    let (mut socket, _session) = connect(&rig, &files.client(BOTH, &[])).await.into_inner();
    let drips = async {
        socket.write_all(&[23, 3, 3, 0x40, 0]).await?;
        while socket.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::io::Result::Ok(())
    };
    timeout(PATIENCE, drips).await.expect("it ends long before the record").unwrap();
}

#[tokio::test]
async fn slow_handshakes_do_not_keep_others_out() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(rig.client().await);
    }
    let mut conn = Conn::new(connect(&rig, &files.client(BOTH, &[])).await);
    assert_eq!(conn.get("/").await.0, 200);
    assert!(silent[0].ends().await);
}

#[tokio::test]
async fn a_request_cut_short_is_not_taken_for_a_whole_one() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    let config = files.client(BOTH, &[]);
    for says_goodbye in [true, false] {
        let mut stream = connect(&rig, &config).await;
        stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
        if says_goodbye {
            stream.shutdown().await.unwrap();
        } else {
            stream.get_mut().0.shutdown().await.unwrap();
        }
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(rest, b"");
    }
    let mut conn = Conn::new(connect(&rig, &config).await);
    assert_eq!(conn.get("/").await.0, 200);
}

/// What a client reads after its request, and whether the end was declared.
async fn read_all(stream: &mut TlsStream<TcpStream>, request: &[u8]) -> (String, bool) {
    stream.write_all(request).await.unwrap();
    let mut text = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut text)).await.unwrap();
    (String::from_utf8_lossy(&text).into_owned(), end.is_ok())
}

#[tokio::test]
async fn the_end_is_declared_where_all_was_said_and_only_there() {
    let files = Files::new();
    let rig = Rig::secure(files.config(), |policy| policy.limits.client_idle = Duration::from_millis(100)).await;
    let script = |mut conn: Conn| async move {
        let (head, _) = conn.request().await.unwrap();
        match head.starts_with("GET /broken ") {
            true => conn.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await,
            false => conn.send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nwhole").await,
        }
    };
    rig.serves(script).await;
    let config = files.client(BOTH, &[]);
    for (request, end, declared) in [
        ("GET / HTTP/1.0\r\nhost: a\r\n\r\n", "\r\n\r\nwhole", true),
        ("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "\r\nwhole\r\n0\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", "\r\nwhole\r\n0\r\n\r\n", true),
        ("GET /broken HTTP/1.0\r\nhost: a\r\n\r\n", "", false),
        ("GET /broken HTTP/1.1\r\nhost: a\r\n\r\n", "", false),
        ("nonsense\r\n\r\n", "}", true),
        ("", "", true),
    ] {
        let (text, was_declared) = read_all(&mut connect(&rig, &config).await, request.as_bytes()).await;
        assert!(text.ends_with(end) && was_declared == declared, "{request:?}: {was_declared} {text:?}");
    }
}

#[tokio::test]
async fn a_websocket_flows_both_ways_at_once() {
    let files = Files::new();
    let rig = Rig::secure(files.config(), |_| {}).await;
    let script = |mut conn: Conn| async move {
        conn.request().await.unwrap();
        conn.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await;
        for _ in 0..64 {
            conn.send(&"y".repeat(65_536)).await;
        }
        let all = conn.exactly(64 * 65_536).await;
        conn.send(&format!("{}", all.len())).await;
    };
    rig.serves(script).await;
    let stream = connect(&rig, &files.client(BOTH, &[])).await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    writer.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await.unwrap();
    rig.spawn(async move {
        writer.write_all(&vec![b'x'; 64 * 65_536]).await.unwrap();
        writer.flush().await.unwrap();
        // Held, so that the stream does not end before the answer.
        std::future::pending::<()>().await;
    });
    let mut text = Vec::new();
    timeout(PATIENCE, reader.read_to_end(&mut text)).await.unwrap().unwrap();
    assert!(text.ends_with(b"yyy4194304") && text.len() > 64 * 65_536);
}

const UPLOAD: &[u8] = b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n";

#[tokio::test]
async fn a_client_that_leaves_while_the_instance_reads_nothing() {
    let files = Files::new();
    for protocol in [Protocol::Http, Protocol::Http2] {
        let rig = streams::deaf(protocol, Some(files.config())).await;
        let mut client = connect(&rig, &files.client(BOTH, &["http/1.1"])).await;
        client.write_all(UPLOAD).await.unwrap();
        streams::fill(&mut client).await;
        rig.until_in_flight(&id("users", 1), 1).await;
        reset(client.into_inner().0);
        streams::is_cancelled(&rig).await;
    }
}

#[tokio::test]
async fn a_client_that_closes_its_side_while_the_instance_takes_nothing_more() {
    let files = Files::new();
    let rig = streams::deaf(Protocol::Http2, Some(files.config())).await;
    let mut client = connect(&rig, &files.client(BOTH, &["http/1.1"])).await;
    client.write_all(UPLOAD).await.unwrap();
    client.write_all(&[b'x'; streams::TOO_MUCH]).await.unwrap();
    rig.until_in_flight(&id("users", 1), 1).await;
    client.shutdown().await.unwrap();
    streams::is_cancelled(&rig).await;
}
