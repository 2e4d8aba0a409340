//! TLS, with an authority of our own.

use std::{fs, path::Path, path::PathBuf};

use model::streams::StreamConfig;
use nats_server::Server;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use streams::{ConnectError, External};

struct World {
    server: Server,
    folder: tempfile::TempDir,
}

impl World {
    /// A server for `localhost` that speaks TLS only, and asks for a user.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let issuer = authority(&path("ca.pem"));
        authority(&path("other.pem"));
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".into()]).unwrap().signed_by(&key, &issuer).unwrap();
        fs::write(path("cert.pem"), certificate.pem()).unwrap();
        fs::write(path("key.pem"), key.serialize_pem()).unwrap();
        fs::write(path("empty.pem"), "nothing\n").unwrap();
        let tls = format!("tls {{ cert_file: {:?}, key_file: {:?} }}", path("cert.pem"), path("key.pem"));
        let rest = "host: 127.0.0.1\njetstream: enabled\nauthorization { user: ada, password: secret }";
        fs::write(path("nats.conf"), format!("{rest}\n{tls}\n")).unwrap();
        let server = nats_server::run_program(Path::new("nats-server"), &path("nats.conf").display().to_string());
        Self { server, folder }
    }

    async fn connect(&self, user: &str, host: &str, ca: Option<&str>) -> Result<External, ConnectError> {
        let url = format!("tls://{user}@{host}:{}", self.server.client_port());
        let ca: Option<PathBuf> = ca.map(|name| self.folder.path().join(name));
        External::connect(&url.parse().unwrap(), ca).await
    }
}

/// Writes the certificate of a new authority.
fn authority(file: &Path) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(file, params.self_signed(&key).unwrap().pem()).unwrap();
    Issuer::new(params, key)
}

#[tokio::test]
async fn a_debian_nats_server_is_trusted_by_its_authority() {
    let world = World::start();
    let external = world.connect("ada:secret", "localhost", Some("ca.pem")).await.unwrap();
    let config = StreamConfig { name: "s".into(), subjects: vec!["s".into()], ..StreamConfig::default() };
    external.topics().ensure(config).await.unwrap();
    assert_eq!(external.topics().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn another_debian_nats_server_is_not() {
    let world = World::start();
    let place = |host: &str| format!("{host}:{}", world.server.client_port());
    let file = |name: &str| world.folder.path().join(name).display().to_string();
    let tls = |host: &str| {
        format!("the NATS server at {} cannot be spoken to with TLS: invalid peer certificate", place(host))
    };
    let ca = |name: &str, why: &str| format!("`ca` of `[streams]` cannot be used: {}: {why}", file(name));
    for (user, host, with, expected) in [
        ("ada:secret", "localhost", Some("other.pem"), tls("localhost")),
        ("ada:secret", "localhost", None, tls("localhost")),
        ("ada:secret", "127.0.0.1", Some("ca.pem"), tls("127.0.0.1")),
        ("ada:secret", "localhost", Some("empty.pem"), ca("empty.pem", "there is no certificate in it")),
        ("ada:secret", "localhost", Some("none.pem"), ca("none.pem", "No such file")),
        (
            "ada:wrong",
            "localhost",
            Some("ca.pem"),
            format!("the NATS server at {} does not let Isles in", place("localhost")),
        ),
    ] {
        let error = world.connect(user, host, with).await.err().expect("it is refused");
        assert!(error.to_string().starts_with(&expected), "{error}\n{expected}");
        let hint = error.hint();
        let about = if matches!(error, ConnectError::Login(_)) { "password" } else { "certificate" };
        assert!(hint.contains(about), "{hint}");
    }
}

/// A server without TLS is not spoken to in the clear where TLS was asked for.
#[tokio::test]
async fn tls_to_a_debian_nats_server_is_never_left_out() {
    let server = nats_server::run_program(Path::new("nats-server"), "");
    let url = format!("tls://127.0.0.1:{}", server.client_port()).parse().unwrap();
    let error = External::connect(&url, None).await.err().expect("it is refused");
    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
}
