//! `isles nats-server` as others start it: configuration files, signals, TLS.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use tests::{binary::isles, process::signal};

/// A server with the configuration file `a.conf` of a folder.
struct Server {
    process: Child,
    log: BufReader<ChildStderr>,
    address: String,
}

impl Server {
    fn start(folder: &Path, config: &str) -> Self {
        fs::write(folder.join("a.conf"), config).expect("the folder is writable");
        let mut command = Command::new(isles());
        command
            .args(["nats-server", "-p", "-1", "-c", "a.conf", "-P", "pid"])
            .current_dir(folder)
            .stderr(Stdio::piped());
        let mut process = command.spawn().expect("the server starts");
        let log = BufReader::new(process.stderr.take().expect("a pipe"));
        let mut server = Self { process, log, address: String::new() };
        let line = server.logged("Listening for client connections on ");
        server.address = line.rsplit(' ').next().expect("an address").to_owned();
        server.logged("Server is ready");
        server
    }

    /// Waits for a line of the log.
    fn logged(&mut self, part: &str) -> String {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).expect("it can be read") > 0, "no {part:?} in:\n{said}");
            if line.contains(part) {
                return line.trim_end().to_owned();
            }
            said.push_str(&line);
        }
    }

    fn signal(&self, which: Signal) {
        signal(self.process.id(), which);
    }

    fn ends_well(&mut self) {
        assert!(self.process.wait().expect("it can be waited for").success());
    }

    /// A client that has said this and waited until it was done; or what it heard before the end.
    fn client(&self, says: &str) -> Result<BufReader<TcpStream>, String> {
        let stream = TcpStream::connect(&self.address).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        let mut client = BufReader::new(stream);
        client.get_mut().write_all(format!("{says}\r\nPING\r\n").as_bytes()).expect("it reads");
        let mut heard = String::new();
        while client.read_line(&mut heard).is_ok_and(|bytes| bytes > 0) {
            if heard.ends_with("PONG\r\n") {
                return Ok(client);
            }
        }
        Err(heard)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn connect(user: &str, password: &str) -> String {
    format!("CONNECT {{\"verbose\":false,\"protocol\":1,\"user\":\"{user}\",\"pass\":\"{password}\"}}")
}

/// Everything up to the end.
fn rest(client: &mut BufReader<TcpStream>) -> String {
    let mut heard = String::new();
    client.read_to_string(&mut heard).expect("it ends without a reset");
    heard
}

const USERS: &str = "authorization { users: [\n  { user: ada, password: one, permissions: { subscribe: \"a.>\" } }\n\
                     { user: bob, password: two } ] }\n";

#[test]
fn a_configuration_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), USERS);
    let mut ada = server.client(&format!("{}\r\nSUB a.b 1", connect("ada", "one"))).unwrap();
    let mut bob = server.client(&connect("bob", "two")).unwrap();
    assert!(server.client(&connect("bob", "one")).is_err());

    fs::write(folder.path().join("a.conf"), USERS.replace("a.>", "b.>").replace("two", "three")).unwrap();
    server.signal(Signal::HUP);
    server.logged("Reloaded the configuration");
    assert!(rest(&mut bob).ends_with("-ERR 'Authorization Violation'\r\n"));
    ada.get_mut().write_all(b"PING\r\n").unwrap();
    let mut heard = String::new();
    while !heard.ends_with("PONG\r\n") {
        assert!(ada.read_line(&mut heard).unwrap() > 0, "{heard}");
    }
    assert!(heard.contains("-ERR 'Permissions Violation for Subscription to \"a.b\"'\r\n"), "{heard}");
    assert!(server.client(&connect("bob", "three")).is_ok());

    for (config, cause) in [
        ("\nwhat: 1", "The configuration stays as it was: a.conf:2: `what`: there is no such key; hint: "),
        ("server_name: other", "The configuration stays as it was: `server_name` cannot change while the server runs"),
    ] {
        fs::write(folder.path().join("a.conf"), config).unwrap();
        server.signal(Signal::HUP);
        server.logged(cause);
        assert!(server.client(&connect("bob", "three")).is_ok());
    }
    server.signal(Signal::TERM);
    server.ends_well();
    assert!(!folder.path().join("pid").exists());
}

#[test]
fn lame_duck_mode_asks_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), "lame_duck_grace_period: 100ms, lame_duck_duration: 300ms");
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    assert_eq!(pid, server.process.id().to_string());
    let mut clients = [(); 3].map(|()| server.client("CONNECT {\"verbose\":false,\"protocol\":1}").unwrap());
    server.signal(Signal::USR2);
    for client in &mut clients {
        let heard = rest(client);
        assert!(heard.starts_with("INFO {") && heard.contains("\"ldm\":true"), "{heard}");
    }
    server.ends_well();
}

#[test]
fn an_end_is_not_kept_waiting_by_lame_duck_mode() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), "");
    let _client = server.client("CONNECT {\"verbose\":false}").unwrap();
    server.signal(Signal::USR2);
    server.logged("Entering lame duck mode");
    assert!(server.client("").is_err());
    server.signal(Signal::TERM);
    server.ends_well();
}

#[test]
fn wrong_files_are_refused_by_line() {
    let folder = tempfile::tempdir().unwrap();
    for (config, says) in [
        ("port: 1\nmqtt {}", "error: a.conf:2: `mqtt`: that is not supported\nhint: connect with NATS; leave it out\n"),
        ("tls { cert_file: a, key_file: b }", "error: TLS: cannot read a: No such file or directory"),
        ("$x", "error: a.conf:1: `$x` has no value"),
    ] {
        fs::write(folder.path().join("a.conf"), config).unwrap();
        let mut command = Command::new(isles());
        let output = command.args(["nats-server", "-t", "-c", "a.conf"]).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(says) && !output.status.success(), "{said}");
    }
}

/// A certificate for localhost that vouches for itself, and its key.
fn certify(folder: &Path) {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    command.args([
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        "k.pem",
        "-out",
        "c.pem",
    ]);
    let output = command.current_dir(folder).output().expect("openssl can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What the server says to OpenSSL, which trusts the certificate that is in the file now.
fn openssl(server: &Server, folder: &Path) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-verify_return_error", "-verify_hostname", "localhost", "-CAfile", "c.pem"]);
    command.args(["-connect", &server.address]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.stderr(Stdio::null()).spawn().expect("openssl can be started");
    let mut info = String::new();
    BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut info).expect("it can be read");
    let _ = process.kill();
    let _ = process.wait();
    info
}

#[test]
fn a_new_certificate_is_shown_after_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let config = "tls { cert_file: c.pem, key_file: k.pem, handshake_first: true }";
    let mut server = Server::start(folder.path(), config);
    assert!(openssl(&server, folder.path()).starts_with("INFO {"));
    certify(folder.path());
    assert_eq!(openssl(&server, folder.path()), "", "the old one is not trusted");
    server.signal(Signal::HUP);
    server.logged("Reloaded the configuration");
    assert!(openssl(&server, folder.path()).contains("\"tls_required\":true"));
    fs::write(folder.path().join("c.pem"), "").unwrap();
    server.signal(Signal::HUP);
    server.logged("c.pem holds no certificate in PEM");
    server.signal(Signal::INT);
    server.ends_well();
}

#[test]
fn its_log_is_no_json() {
    for line in [["--json", "nats-server", "-t"], ["nats-server", "-t", "--json"]] {
        let output = Command::new(isles()).args(line).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{line:?} {output:?}");
    }
}
