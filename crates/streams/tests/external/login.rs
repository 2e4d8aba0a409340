//! Users, passwords, and servers that are of no use.

use std::{fs, path::Path};

use nats_server::Server;
use streams::{ConnectError, External};

/// A server with such a configuration, and the folder that it lies in.
fn server(config: &str) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nats.conf");
    fs::write(&file, format!("host: 127.0.0.1\n{config}")).unwrap();
    (nats_server::run_program(Path::new("nats-server"), &file.display().to_string()), folder)
}

/// What comes of connecting, and the hint.
async fn connect(url: &str) -> Result<(), (String, &'static str)> {
    let done = External::connect(&url.parse().unwrap(), None).await;
    done.map(drop).map_err(|error: ConnectError| (error.to_string(), error.hint()))
}

#[tokio::test]
async fn who_the_debian_nats_server_lets_in() {
    let (server, _folder) = server("jetstream: enabled\nauthorization { user: ada, password: secret }");
    let place = format!("127.0.0.1:{}", server.client_port());
    connect(&format!("nats://ada:secret@{place}")).await.unwrap();
    for user in ["ada:wrong@", "bob:secret@", "token@", ""] {
        let (error, hint) = connect(&format!("nats://{user}{place}")).await.unwrap_err();
        let expected = "does not let Isles in: the user and the password are wrong, or it asks for some";
        assert_eq!(error, format!("the NATS server at {place} {expected}"), "{user}");
        assert!(hint.starts_with("write its user and password into `url`"), "{hint}");
    }
}

#[tokio::test]
async fn a_debian_nats_server_without_jetstream_is_of_no_use() {
    let (server, _folder) = server("");
    let place = format!("127.0.0.1:{}", server.client_port());
    let (error, hint) = connect(&format!("nats://{place}")).await.unwrap_err();
    let expected = "cannot be used: the server does not serve JetStream";
    assert_eq!(error, format!("the NATS server at {place} {expected}"));
    assert!(hint.contains("`nats-server --jetstream`"), "{hint}");
    let (error, hint) = connect("nats://127.0.0.1:1").await.unwrap_err();
    assert!(error.starts_with("the NATS server at 127.0.0.1:1 cannot be reached: "), "{error}");
    assert_eq!(hint, "start it, or correct `url` in `[streams]`");
}
