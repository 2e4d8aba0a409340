//! Clients of TLS that are not ours: rustls, curl, OpenSSL.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use mesh::TlsConfig;
use model::figures::TlsFigures;
use ports::traffic::Traffic;
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpStream, process::Command, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::rig::*;

pub(crate) const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A certificate of our own in a folder, and the key.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.renew();
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn config(&self) -> TlsConfig {
        TlsConfig::Files { certificate: self.path("a.crt"), key: self.path("a.key") }
    }

    pub(crate) fn renew(&self) {
        let key = KeyPair::generate().unwrap();
        let params =
            CertificateParams::new(["localhost", "127.0.0.1", "a", "shop.test", "*.b.test"].map(str::to_owned))
                .unwrap();
        fs::write(self.path("a.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(self.path("a.key"), key.serialize_pem()).unwrap();
    }

    pub(crate) fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Arc<ClientConfig> {
        client(&self.path("a.crt"), versions, protocols)
    }
}

/// A client that trusts the certificate in a file.
pub(crate) fn client(
    trusted: &Path,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

pub(crate) async fn secured(config: Option<TlsConfig>) -> Rig {
    let rig = Rig::secure(config, |_| {}).await;
    rig.serves(echo).await;
    rig
}

pub(crate) async fn try_connect(rig: &Rig, config: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(rig.gateway).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    timeout(PATIENCE, TlsConnector::from(config.clone()).connect(name, stream)).await.unwrap()
}

pub(crate) async fn connect(rig: &Rig, config: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
    try_connect(rig, config).await.unwrap()
}

/// What a client program says, and whether it is content.
pub(crate) async fn run(program: &str, args: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.success(), text)
}

/// Waits until the figures are as expected.
pub(crate) async fn until(rig: &Rig, expected: TlsFigures) {
    let reached = async {
        while rig.mesh.tls_figures() != Some(expected) {
            tokio::task::yield_now().await;
        }
    };
    let _ = timeout(PATIENCE, reached).await;
    assert_eq!(rig.mesh.tls_figures(), Some(expected));
}
