//! Certificates: how they are replaced, which are refused, and the hosts that they are for.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use mesh::{MeshError, TlsConfig, TlsError};
use ports::traffic::{GatewayRouting, Traffic};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{http2_client, rig::*, tls_client::*};

#[tokio::test]
async fn a_certificate_is_replaced_under_load_without_a_failed_request() {
    let files = Arc::new(Files::new());
    let rig = Arc::new(secured(Some(files.config())).await);
    let stop = Arc::new(AtomicBool::new(false));
    let (done, mut requests) = tokio::sync::mpsc::channel(8);
    for number in 0..4 {
        let (rig, stop, done) = (rig.clone(), stop.clone(), done.clone());
        let trusts = |files: &Files| files.client(BOTH, &[]);
        let (files, mut config) = (files.clone(), trusts(&files));
        rig.clone().spawn(async move {
            let (mut count, mut kept) = (0, None);
            while !stop.load(SeqCst) {
                let mut conn = match (number % 2 == 0, kept.take()) {
                    (true, Some(conn)) => conn,
                    _ => match try_connect(&rig, &config).await {
                        Ok(stream) => Conn::new(stream),
                        // The certificate is another one than it trusts.
                        Err(_) => {
                            config = files.client(BOTH, &[]);
                            continue;
                        }
                    },
                };
                assert_eq!(conn.get("/").await.0, 200);
                (kept, count) = (Some(conn), count + 1);
            }
            done.send(count).await.unwrap();
        });
    }
    for _ in 0..20 {
        files.renew();
        rig.mesh.check_certificate().await;
        let mut conn = Conn::new(connect(&rig, &files.client(BOTH, &[])).await);
        assert_eq!(conn.get("/").await.0, 200);
    }
    stop.store(true, SeqCst);
    for _ in 0..4 {
        assert!(requests.recv().await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_broken_pair_changes_nothing_and_is_named() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    let config = files.client(BOTH, &[]);
    let good = fs::read(files.path("a.crt")).unwrap();
    assert_eq!(rig.mesh.tls_problem(), None);
    fs::write(files.path("a.crt"), "nothing").unwrap();
    rig.mesh.check_certificate().await;
    let problem = rig.mesh.tls_problem().unwrap();
    assert!(problem.contains("a.crt holds no certificate in PEM"), "{problem}");
    assert_eq!(Conn::new(connect(&rig, &config).await).get("/").await.0, 200);
    fs::write(files.path("a.crt"), good).unwrap();
    rig.mesh.check_certificate().await;
    assert_eq!(rig.mesh.tls_problem(), None);
}

#[tokio::test]
async fn the_mesh_does_not_start_without_a_usable_certificate() {
    let (files, others) = (Files::new(), Files::new());
    fs::copy(others.path("a.key"), files.path("a.key")).unwrap();
    let config = mesh::MeshConfig { workers: 1, tls: Some(files.config()), ..mesh::MeshConfig::default() };
    let error = mesh::Mesh::start(config, Arc::new(ports::clock::HostClock::start())).await.err().unwrap();
    assert!(matches!(&error, MeshError::Tls(TlsError::Mismatch { .. })), "{error}");
}

#[tokio::test]
async fn a_development_certificate_is_trusted_by_curl_and_rustls() {
    let folder = tempfile::tempdir().unwrap();
    let rig = secured(Some(TlsConfig::Development { folder: folder.path().join("tls") })).await;
    let trusted = folder.path().join("tls/localhost.crt");
    let mut conn = Conn::new(connect(&rig, &client(&trusted, BOTH, &[])).await);
    assert_eq!(conn.get("/").await.0, 200);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{}/a", rig.gateway.port());
        let (success, text) = run("curl", &["-4sS", "--cacert", trusted.to_str().unwrap(), &url], "").await;
        assert!(success && text == "GET /a HTTP/1.1|", "{text}");
    }
}

/// Status and reason that requests for these hosts get, one after the other, over HTTP/1.1 and over HTTP/2.
async fn answers_to(rig: &Rig, config: &Files, hosts: &[&str]) -> [Vec<(u16, String)>; 2] {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut conn = Conn::new(connect(rig, &config.client(BOTH, &["http/1.1"])).await);
    let mut sender = http2_client::handshake(rig, connect(rig, &config.client(BOTH, &["h2"])).await).await;
    for host in hosts {
        conn.send(&format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        let (status, head, _) = conn.response().await;
        let reason = head.lines().find_map(|line| line.strip_prefix("x-isles-reason: "));
        first.push((status, reason.unwrap_or_default().to_owned()));
        let mut get = http2_client::request("GET", "/", "");
        *get.uri_mut() = format!("https://{host}/").parse().unwrap();
        let (status, response, _) = http2_client::send(&mut sender, get).await;
        let reason = response.headers().get("x-isles-reason").map(|reason| reason.to_str().unwrap().to_owned());
        second.push((status, reason.unwrap_or_default()));
    }
    [first, second]
}

/// The client asked for `localhost`; the certificate is for `a`, `*.b.test` and `127.0.0.1` too.
#[tokio::test]
async fn a_host_that_the_connection_is_not_for_is_misdirected() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    let misdirected = || (421, "misdirected".to_owned());
    let (hosts, expected): (Vec<_>, Vec<_>) = [
        ("localhost", true),
        ("LOCALHOST:8443", true),
        ("a", true),
        ("other", false),
        ("x.b.test", true),
        ("x.y.b.test", false),
        ("127.0.0.1:1", true),
        ("127.0.0.2", false),
        ("[::1]", false),
        ("localhost", true),
    ]
    .map(|(host, fits)| (host, if fits { (200, String::new()) } else { misdirected() }))
    .into_iter()
    .unzip();
    assert_eq!(answers_to(&rig, &files, &hosts).await, [expected.clone(), expected]);
}

#[tokio::test]
async fn a_trusted_peer_speaks_for_many_hosts() {
    let files = Files::new();
    let rig = Rig::secure(Some(files.config()), |_| {}).await;
    let target = rig.server(echo).await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    let gateway = GatewayRouting::clone(routing.gateway.as_ref().unwrap());
    routing.gateway = Some(Arc::new(GatewayRouting { trusted: vec!["127.0.0.1".parse().unwrap()], ..gateway }));
    rig.mesh.apply(routing).await;
    let expected = vec![(200, String::new())];
    assert_eq!(answers_to(&rig, &files, &["other"]).await, [expected.clone(), expected]);
}

/// Nobody is asked for by name at an address, and our own certificate is for this machine alone.
#[tokio::test]
async fn without_a_name_and_with_a_development_certificate_any_host_will_do() {
    let files = Files::new();
    let rig = secured(Some(files.config())).await;
    let stream = TcpStream::connect(rig.gateway).await.unwrap();
    let address = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(files.client(BOTH, &[])).connect(address, stream).await.unwrap();
    let mut nameless = Conn::new(stream);
    let folder = tempfile::tempdir().unwrap();
    let ours = secured(Some(TlsConfig::Development { folder: folder.path().into() })).await;
    let config = client(&folder.path().join("localhost.crt"), BOTH, &[]);
    let mut development = Conn::new(connect(&ours, &config).await);
    for conn in [&mut nameless, &mut development] {
        conn.send("GET / HTTP/1.1\r\nhost: other\r\n\r\n").await;
        assert_eq!(conn.response().await.0, 200);
    }
}
