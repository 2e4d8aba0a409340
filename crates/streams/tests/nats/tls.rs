//! TLS: with the published client, and with whoever does not speak it.

use std::{fs, io::Read, io::Write, net::TcpStream, sync::Arc, time::Duration};

use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, crypto::aws_lc_rs::default_provider, pki_types::PrivateKeyDer,
    server::WebPkiClientVerifier,
};
use streams::server::{Config, Handshake, Tls};
use tempfile::TempDir;

use crate::rig::{PATIENCE, Raw, Server};

const PLAIN: &str = "CONNECT {\"verbose\":false}\r\n";

/// An authority, and what it certifies.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn certify(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new([name.into()]).unwrap().signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// The settings of a server that asks clients for a certificate of `clients`, if it is given.
    fn settings(&self, clients: Option<&Self>) -> ServerConfig {
        let (certificate, key) = self.certify("localhost");
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(default_provider());
        let verifier = clients.map_or_else(WebPkiClientVerifier::no_client_auth, |clients| {
            let mut roots = RootCertStore::empty();
            let pem = rustls::pki_types::pem::PemObject::from_pem_slice(clients.pem.as_bytes()).unwrap();
            roots.add(pem).unwrap();
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap()
        });
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        builder.with_client_cert_verifier(verifier).with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }

    /// How a client connects that trusts this authority; with a certificate of `own`, if it is given.
    fn client(&self, folder: &TempDir, own: Option<&Self>) -> ConnectOptions {
        let path = |name: &str| folder.path().join(name);
        fs::write(path("ca.pem"), &self.pem).unwrap();
        let options = ConnectOptions::new().add_root_certificates(path("ca.pem")).require_tls(true);
        let Some(own) = own else { return options };
        let (certificate, key) = own.certify("client");
        fs::write(path("c.pem"), certificate.pem()).unwrap();
        fs::write(path("k.pem"), key.serialize_pem()).unwrap();
        options.add_client_certificate(path("c.pem"), path("k.pem"))
    }
}

fn server(settings: ServerConfig, handshake: Handshake, is_optional: bool) -> Server {
    let timeout = Duration::from_millis(500);
    let tls = Tls { settings: Arc::new(settings), verify: false, timeout, handshake, is_optional };
    Server::start(Config { tls: Some(tls), ..Config::default() })
}

fn url(server: &Server) -> String {
    format!("tls://localhost:{}", server.address.port())
}

/// Messages of all sizes come back as they were.
async fn talk(client: &Client) {
    let mut all = client.subscribe("a").await.unwrap();
    for size in [0, 1, 20_000, 1_000_000, 1_000_000, 5] {
        let payload = vec![b'x'; size];
        client.publish("a", payload.clone().into()).await.unwrap();
        let message = tokio::time::timeout(PATIENCE, all.next()).await.unwrap().unwrap();
        assert!(message.payload == payload, "{size}");
    }
}

fn connections(server: &Server) -> u64 {
    crate::monitor::get(server, "/varz")["connections"].as_u64().unwrap()
}

/// Everything until the server closes, reset or not.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match stream.read_to_end(&mut heard) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("it was not closed: {error}"),
        _ => heard,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_speak_it_after_info_or_at_once() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let within = Handshake::FirstWithin(Duration::from_millis(100));
    for (handshake, first, fits) in [
        (Handshake::AfterInfo, false, true),
        (Handshake::First, true, true),
        (Handshake::First, false, false),
        (within, true, true),
        (within, false, true),
    ] {
        let server = server(authority.settings(None), handshake, false);
        let options = authority.client(&folder, None);
        let options = if first { options.tls_first() } else { options };
        let connected = options.connect(url(&server)).await;
        assert_eq!(connected.is_ok(), fits, "{handshake:?} {first}");
        if let Ok(client) = connected {
            assert!(client.server_info().tls_required);
            talk(&client).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_trusted_does_not_get_in() {
    let (authority, other, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let server = server(authority.settings(Some(&authority)), Handshake::AfterInfo, false);
    for (trusts, own, fits) in [
        (&authority, Some(&authority), true),
        (&authority, None, false),
        (&authority, Some(&other), false),
        (&other, Some(&authority), false),
    ] {
        let connected = trusts.client(&folder, own).connect(url(&server)).await;
        assert_eq!(connected.is_ok(), fits, "{:?}", connected.err());
    }
}

#[test]
fn who_speaks_in_the_clear_is_told_or_served() {
    let authority = Authority::new();
    let strict = server(authority.settings(None), Handshake::AfterInfo, false);
    let mut raw = Raw(TcpStream::connect(strict.address).unwrap());
    let info = raw.line();
    assert!(info.contains("\"tls_required\":true") && !info.contains("tls_available"), "{info}");
    raw.say(&format!("{PLAIN}PING\r\n"));
    assert_eq!(raw.rest(), "-ERR 'Secure Connection - TLS Required'\r\n");

    let lenient = server(authority.settings(None), Handshake::AfterInfo, true);
    let mut raw = Raw(TcpStream::connect(lenient.address).unwrap());
    let info = raw.line();
    assert!(info.contains("\"tls_available\":true") && !info.contains("tls_required"), "{info}");
    raw.say_and_wait(PLAIN);
}

/// Who does not come to an end with the handshake goes, and nobody waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_never_ends_is_ended() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    for handshake in [Handshake::AfterInfo, Handshake::First, Handshake::FirstWithin(Duration::from_millis(50))] {
        let server = server(authority.settings(None), handshake, false);
        let says: [&[u8]; 5] =
            [b"", b"\x16", b"\x16\x03\x01\x00\x05abc", b"\x16\x03\x01\xff\xff", b"\x16garbage garbage"];
        let silent: Vec<_> = says
            .iter()
            .map(|says| {
                let mut stream = TcpStream::connect(server.address).unwrap();
                stream.write_all(says).unwrap();
                stream
            })
            .collect();
        let options = authority.client(&folder, None);
        let options = if handshake == Handshake::First { options.tls_first() } else { options };
        let client = options.connect(url(&server)).await.unwrap();
        talk(&client).await;
        silent.into_iter().for_each(|stream| drop(rest(stream)));
        assert_eq!(connections(&server), 1);
    }
}

/// A client that goes in the middle of a handshake leaves nothing behind.
#[test]
fn who_goes_in_a_handshake_has_gone() {
    let server = server(Authority::new().settings(None), Handshake::AfterInfo, false);
    for says in [&b""[..], b"\x16\x03\x01"] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(says).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        rest(stream);
    }
    assert_eq!(connections(&server), 0);
}
