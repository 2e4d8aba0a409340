//! Files and what is read of them.

use std::{io, path::Path, time::Duration};

use logic::subject::{Permissions, Responses, Rules};
use proptest::prelude::*;

use super::*;
use crate::{engine::Limits, server::Handshake};

/// Reads a file `a.conf` beside which there are others.
fn read_with(text: &str, others: &[(&str, &str)]) -> Result<Settings, ConfError> {
    let read_file = |path: &Path| {
        let found = others.iter().find(|(name, _)| Path::new(name) == path);
        match path.to_str() {
            Some("a.conf") => Ok(text.to_owned()),
            _ => found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into()),
        }
    };
    let variable = |name: &str| (name == "SECRET").then(|| "from outside".to_owned());
    read(Path::new("a.conf"), &Source { read: &read_file, variable: &variable })
}

fn settings(text: &str) -> Settings {
    read_with(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn where_to_listen() {
    for (text, host, port) in [
        ("", "127.0.0.1", 4222),
        ("port: 1", "127.0.0.1", 1),
        ("port = -1 # any", "127.0.0.1", 0),
        ("listen: localhost:8888", "127.0.0.1", 8888),
        ("listen 0.0.0.0:1; // all", "0.0.0.0", 1),
        ("listen: \"[::1]:2\"", "::1", 2),
        ("listen: 3", "127.0.0.1", 3),
        ("net: 127.0.0.2, port: 4", "127.0.0.2", 4),
        ("HOST='127.0.0.3'\nPort\n5", "127.0.0.3", 5),
    ] {
        let settings = settings(text);
        assert_eq!((settings.host.to_string().as_str(), settings.port), (host, port), "{text}");
    }
    for (text, monitor) in [
        ("host: ::1, http_port: 1", Some(("::1", 1))),
        ("http: 127.0.0.2:2", Some(("127.0.0.2", 2))),
        ("monitor_port: -1\nnet: 127.0.0.4", Some(("127.0.0.4", 0))),
        ("", None),
    ] {
        let expected = monitor.map(|(host, port)| (host.parse().unwrap(), port));
        assert_eq!(settings(text).monitor, expected, "{text}");
    }
}

#[test]
fn limits_of_the_server() {
    let server = settings(
        "server_name: here\nmax_payload = 128KB\nmax_connections: 2k\nmax_subscriptions: 0\nmax_pending: 4MiB\n\
         max_control_line: 8192\nping_interval: \"30s\"\nping_max: 3\nwrite_deadline: 1m30s\n\
         lame_duck_duration: \"1m\"\nlame_duck_grace_period: 500ms",
    )
    .server;
    assert_eq!(
        (server.server_name.as_str(), server.payload_bytes_max, server.connections_max),
        ("here", 131_072, 2000)
    );
    assert_eq!(
        (server.subscriptions_max, server.pending_bytes_max, server.line_bytes_max),
        (usize::MAX, 4 << 20, 8192)
    );
    assert_eq!((server.ping_interval, server.pings_out_max), (Duration::from_secs(30), 3));
    assert_eq!((server.write_deadline, server.lame_duck), (Duration::from_secs(90), Duration::from_secs(60)));
    assert_eq!(server.lame_duck_grace, Duration::from_millis(500));
    assert_eq!(settings("max_connections: -1").server.connections_max, usize::MAX);
    let files = settings("log_file: /l\npid_file: '/p'");
    assert_eq!((files.log_file, files.pid_file), (Some("/l".into()), Some("/p".into())));
}

#[test]
fn tls() {
    let both = "cert_file: ./c.pem, key_file: \"k.pem\"";
    let expected = TlsFiles::new("./c.pem".into(), "k.pem".into());
    for (more, changed) in [
        ("", expected.clone()),
        ("verify: false", expected.clone()),
        ("ca_file: r.pem", TlsFiles { client_ca: Some("r.pem".into()), ..expected.clone() }),
        (
            "ca_file: r.pem, verify :  true",
            TlsFiles { client_ca: Some("r.pem".into()), verify: true, ..expected.clone() },
        ),
        ("timeout: 0.5", TlsFiles { timeout: Duration::from_millis(500), ..expected.clone() }),
        ("handshake_first: true", TlsFiles { handshake: Handshake::First, ..expected.clone() }),
        ("handshake_first: off", expected.clone()),
        (
            "handshake_first: 300ms",
            TlsFiles { handshake: Handshake::FirstWithin(Duration::from_millis(300)), ..expected.clone() },
        ),
        (
            "handshake_first: auto",
            TlsFiles { handshake: Handshake::FirstWithin(Duration::from_millis(50)), ..expected.clone() },
        ),
    ] {
        assert_eq!(settings(&format!("tls {{ {both}, {more} }}")).tls, Some(changed), "{more}");
    }
    let optional = settings(&format!("tls {{ {both} }}\nallow_non_tls: true")).tls;
    assert_eq!(optional, Some(TlsFiles { is_optional: true, ..expected }));
}

#[test]
fn streams() {
    let of = |text: &str| settings(text).jetstream;
    for text in ["jetstream {}", "jetstream: true", "jetstream: enabled", "jetstream: { enabled: true }"] {
        assert_eq!(of(text), Some(JetStream::default()), "{text}");
    }
    for text in ["", "jetstream: disabled", "jetstream: off", "jetstream: { enabled: false }"] {
        assert_eq!(of(text), None, "{text}");
    }
    let text = "jetstream: {\n strict: false,\n store_dir: /s\n max_mem_store:  64MiB,\n max_file_store: 10GiB\n sync: always, limits { max_request_batch: 100 } }";
    let limits = Limits {
        is_strict: false,
        memory_bytes_max: Some(64 << 20),
        file_bytes_max: Some(10 << 30),
        request_batch_max: Some(100),
    };
    assert_eq!(of(text), Some(JetStream { store: "/s".into(), limits }));
}

/// Users as `name:password`, and the token.
fn access(text: &str) -> (Vec<String>, Option<String>) {
    let auth = settings(text).server.auth;
    (auth.users.iter().map(|user| format!("{}:{}", user.identity.name, user.password)).collect(), auth.token)
}

#[test]
fn who_may_connect() {
    let one = |user: &str| (vec![user.to_owned()], None);
    assert_eq!(access("authorization {\n user: derek\n password: s3cr3t\n timeout: 1\n}"), one("derek:s3cr3t"));
    assert_eq!(access("authorization { token: \"t\" }"), (vec![], Some("t".into())));
    assert_eq!(access("me: ada\nauthorization { user: $me, pass: $SECRET }"), one("ada:from outside"));
    let users = "A = { publish: a }\nauthorization { users = [\n {user: a, password: 1, permissions: $A}\n {user: b, password: \"$x\"} ] }";
    assert_eq!(access(users).0, ["a:1", "b:$x"]);
    assert_eq!(settings("authorization { token: t, timeout: 0.5 }").server.auth_timeout, Duration::from_millis(500));
    let included = read_with("authorization {\n include 'users.conf'\n}", &[("users.conf", "user: c\npass: d")]);
    assert_eq!(included.unwrap().server.auth.users[0].identity.name, "c");
}

#[test]
fn rights() {
    let rights = |text: &str| {
        let text = format!("authorization {{ users: [ {{ user: a, password: b, permissions: {{ {text} }} }} ] }}");
        settings(&text).server.auth.users[0].identity.permissions.clone()
    };
    let publish = |rules: Rules| Permissions { publish: rules, ..Permissions::default() };
    assert_eq!(rights(""), Permissions::default());
    assert_eq!(rights("publish: a.*"), publish(Rules::new(Some(&["a.*"]), &[])));
    assert_eq!(rights("publish: [a, b]"), publish(Rules::new(Some(&["a", "b"]), &[])));
    assert_eq!(rights("pub: { allow: a.>, deny: [a.b, a.c] }"), publish(Rules::new(Some(&["a.>"]), &["a.b", "a.c"])));
    let both = rights("publish { deny: x }, subscribe = { allow: [\"_INBOX.>\"] }");
    assert_eq!((both.publish, both.subscribe), (Rules::new(None, &["x"]), Rules::new(Some(&["_INBOX.>"]), &[])));
    let answering = rights("allow_responses: true");
    assert_eq!((answering.publish, answering.responses), (Rules::new(Some(&[]), &[]), Some(Responses::default())));
    let more = rights("publish: a, allow_responses: { max: -1, expires: \"1m\" }");
    let responses = Responses { count_max: u32::MAX, lifetime: Duration::from_secs(60) };
    assert_eq!((more.publish, more.responses), (Rules::new(Some(&["a"]), &[]), Some(responses)));
    let text = "authorization { default_permissions: { subscribe: x }, users: [ { user: a, password: b } ] }";
    let default = settings(text).server.auth.users[0].identity.permissions.clone();
    assert_eq!(default.subscribe, Rules::new(Some(&["x"]), &[]));
}

/// Each text is refused like that.
fn check_refused(rows: &[(&str, &str)]) {
    for (text, cause) in rows {
        let others = [("other.conf", "\nx: 1"), ("self.conf", "include self.conf")];
        let error = read_with(text, &others).map(|_| ()).expect_err(text);
        assert_eq!(error.to_string(), *cause, "{text}");
        assert!(!error.hint.is_empty());
    }
}

#[test]
fn what_is_refused_and_where() {
    check_refused(&[
        ("\nwhat: 1", "a.conf:2: `what`: there is no such key"),
        ("cluster { name: x }", "a.conf:1: `cluster`: that is not supported"),
        ("operator: eyJ0", "a.conf:1: `operator`: that is not supported"),
        ("port: 1\nport: 2", "a.conf:2: `port` is given twice"),
        ("port: x", "a.conf:1: `port`: `x` is no port"),
        ("port: [1]", "a.conf:1: `port`: a list is no text"),
        ("listen: nowhere:1", "a.conf:1: `listen`: `nowhere:1` is no address"),
        ("host: example.org", "a.conf:1: `host`: `example.org` is no IP address"),
        ("max_payload: 1XB", "a.conf:1: `max_payload`: `1XB` is no size"),
        ("max_payload: 99999999999999999999", "a.conf:1: `max_payload`: `99999999999999999999` is no size"),
        ("ping_max: 5G", "a.conf:1: `ping_max`: `5G` is no number that fits"),
        ("ping_interval: soon", "a.conf:1: `ping_interval`: `soon` is no span of time"),
        ("ping_interval: -1", "a.conf:1: `ping_interval`: `-1` is no span of time"),
        ("tls {\n cert_file: a\n}", "a.conf:1: `tls`: there is no `key_file`"),
        ("tls { key_file: a }", "a.conf:1: `tls`: there is no `cert_file`"),
        ("tls { cert_file: a, key_file: b, verify: true }", "a.conf:1: `tls`: `verify` needs `ca_file`"),
        ("tls {\n cert_file: a\n pinned_certs: []\n}", "a.conf:3: `tls.pinned_certs`: there is no such key"),
        ("tls { verify: perhaps }", "a.conf:1: `tls.verify`: `perhaps` is no truth value"),
        ("allow_non_tls: true", "a.conf:1: `allow_non_tls`: there is no `tls` before it"),
        ("jetstream { domain: x }", "a.conf:1: `jetstream.domain`: there are no domains"),
        ("jetstream { sync_interval: 2m }", "a.conf:1: `jetstream.sync_interval`: every acknowledgement is on disk"),
        (
            "jetstream { limits: { max_ha_assets: 1 } }",
            "a.conf:1: `jetstream.limits.max_ha_assets`: there is no such key",
        ),
        (
            "jetstream { limits: { max_request_batch: 0 } }",
            "a.conf:1: `jetstream.limits.max_request_batch`: `0` is no number of things",
        ),
        ("authorization { user: a }", "a.conf:1: `authorization`: `user` and `password` belong together"),
        (
            "authorization { user: a, pass: b, token: c }",
            "a.conf:1: `authorization`: `user`, `users` and `token` exclude each other",
        ),
        ("authorization { users: [ { nkey: U } ] }", "a.conf:1: `authorization.users.nkey`: there are no nkeys"),
        (
            "authorization { users: [ { user: U } ] }",
            "a.conf:1: `authorization.users`: a user needs `user` and `password`",
        ),
        (
            "authorization { users: [ { user: a, pass: b }, { user: a, pass: c } ] }",
            "a.conf:1: `authorization`: there are two users `a`",
        ),
        ("authorization { token: $2a$11$x }", "a.conf:1: `authorization.token`: hashed passwords are not supported"),
        (
            "authorization { default_permissions: { publish: \"a b\" } }",
            "a.conf:1: `authorization.default_permissions.publish`: rights of queue groups are not supported",
        ),
        (
            "authorization { default_permissions: { publish: a..b } }",
            "a.conf:1: `authorization.default_permissions.publish`: `a..b` is no subject",
        ),
    ]);
}

#[test]
fn what_cannot_be_read_and_where() {
    check_refused(&[
        ("port: $nothing", "a.conf:1: the variable `$nothing` is not known"),
        ("include missing.conf", "a.conf:1: cannot read missing.conf: entity not found"),
        ("include other.conf", "other.conf:2: `x`: there is no such key"),
        ("include self.conf", "self.conf:1: too much lies in each other"),
        ("tls {\n cert_file: a", "a.conf:1: `{` is not closed"),
        ("a: [1, 2", "a.conf:1: `[` is not closed"),
        ("server_name: \"x", "a.conf:1: `\"` is not closed"),
        ("server_name: 'x\n'", "a.conf:1: `'` is not closed"),
        ("server_name: \"\\q\"", "a.conf:1: there is no such escape"),
        ("server_name: (x)", "a.conf:1: `server_name`: there are no blocks"),
        ("server_name:", "a.conf:1: `server_name` has no value"),
        ("tls { timeout }", "a.conf:1: `tls.timeout` has no value"),
        ("}", "a.conf:1: a key is expected, not `}`"),
        ("= 1", "a.conf:1: a key is expected, not `=`"),
    ]);
    let deep = "a {".repeat(100_000);
    assert!(read_with(&deep, &[]).is_err_and(|error| error.cause == "too much lies in each other"));
}

proptest! {
    /// Whatever stands in a file, its reader says something of it.
    #[test]
    fn nothing_panics(text in "([a-z_]{1,8}|[ \n:={}\\[\\](),;#\"'$\\\\]|//|include |tls|listen|[0-9]+[kmGB]*){0,40}") {
        let _ = read_with(&text, &[]);
    }
}
