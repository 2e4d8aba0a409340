//! Who may connect, and how a connection goes on and ends.

use std::{sync::Arc, time::Duration};

use super::rig::{PLAIN, Rig};
use crate::server::{Auth, Config, Identity, User, hub::Closing};

fn with_auth() -> Config {
    let identity = Arc::new(Identity { name: "ada".into(), ..Identity::default() });
    let users = vec![User { password: "secret".into(), identity }];
    Config { auth: Auth { users, token: Some("token".into()) }, ..Config::default() }
}

#[test]
fn the_first_words_are_info() {
    let mut rig = Rig::new(Config { server_name: "here".into(), ..with_auth() });
    let (_, info) = rig.stranger();
    let json: serde_json::Value = serde_json::from_str(info.strip_prefix("INFO ").unwrap()).unwrap();
    for (field, expected) in [
        ("server_name", serde_json::json!("here")),
        ("version", "2.12.0".into()),
        ("git_commit", concat!("isles-", env!("CARGO_PKG_VERSION")).into()),
        ("proto", 1.into()),
        ("host", "127.0.0.1".into()),
        ("port", 4222.into()),
        ("headers", true.into()),
        ("max_payload", 1_048_576.into()),
        ("jetstream", false.into()),
        ("client_id", 1.into()),
        ("auth_required", true.into()),
        ("ldm", serde_json::Value::Null),
    ] {
        assert_eq!(json[field], expected, "{field}");
    }
    assert_eq!(json["server_id"].as_str().map(str::len), Some(56));
    assert!(info.ends_with("}\r\n"));
}

#[test]
fn who_may_connect() {
    let refused = ("-ERR 'Authorization Violation'\r\n", Some(Closing::Refused));
    for (says, (hears, closing)) in [
        ("CONNECT {\"user\":\"ada\",\"pass\":\"secret\"}\r\nPING\r\n", ("+OK\r\nPONG\r\n", None)),
        ("CONNECT {\"auth_token\":\"token\"}\r\n", ("+OK\r\n", None)),
        ("CONNECT {\"user\":\"ada\",\"pass\":\"Secret\"}\r\nPING\r\n", refused),
        ("CONNECT {\"user\":\"ada\",\"pass\":\"secret2\"}\r\n", refused),
        ("CONNECT {\"user\":\"bob\",\"pass\":\"secret\"}\r\n", refused),
        ("CONNECT {\"auth_token\":\"\"}\r\n", refused),
        ("CONNECT {}\r\n", refused),
        ("PING\r\n", refused),
        ("SUB > 1\r\n", refused),
        ("GET / HTTP/1.1\r\n", refused),
    ] {
        let mut rig = Rig::new(with_auth());
        let key = rig.client(says);
        assert_eq!((rig.hear(key).as_str(), rig.closing(key)), (hears, closing), "{says:?}");
    }
}

/// A connection whose identity is certain keeps it, whatever it says.
#[test]
fn who_is_known_need_not_say_who_it_is() {
    let mut rig = Rig::new(with_auth());
    let key =
        rig.hub.open(None, Some(Arc::new(Identity { name: "orders".into(), ..Identity::default() })), false, rig.now);
    assert!(!rig.hear(key).contains("auth_required"));
    rig.say(key, b"CONNECT {\"user\":\"bob\",\"pass\":\"wrong\"}\r\n");
    assert_eq!(rig.hear(key), "+OK\r\n");
    assert!(rig.hub.report_clients(false).any(|client| client.user == "orders"));
}

#[test]
fn who_says_nothing_in_time_goes() {
    let mut rig = Rig::new(with_auth());
    let (key, _) = rig.stranger();
    rig.pass(key, Duration::from_millis(1999));
    assert_eq!((rig.hear(key).as_str(), rig.closing(key)), ("", None));
    rig.pass(key, Duration::from_millis(1));
    assert_eq!(
        (rig.hear(key).as_str(), rig.closing(key)),
        ("-ERR 'Authentication Timeout'\r\n", Some(Closing::Refused))
    );
}

#[test]
fn the_silent_are_asked_and_the_dead_are_left() {
    let mut rig = Rig::new(Config::default());
    let key = rig.client(PLAIN);
    for (says, minutes, hears) in [
        ("", 1, ""),
        ("", 1, "PING\r\n"),
        ("PONG\r\n", 1, ""),
        ("", 1, "PING\r\n"),
        ("", 2, "PING\r\n"),
        ("PONG\r\n", 2, "PING\r\n"),
        ("", 2, "PING\r\n"),
        ("", 2, "-ERR 'Stale Connection'\r\n"),
    ] {
        if !says.is_empty() {
            rig.say(key, says.as_bytes());
        }
        rig.pass(key, Duration::from_secs(60 * minutes));
        assert_eq!(rig.hear(key), hears);
    }
    assert_eq!(rig.closing(key), Some(Closing::Refused));
}

#[test]
fn the_end_is_announced_and_what_waits_is_kept() {
    let mut rig = Rig::new(Config::default());
    let new = rig.client("CONNECT {\"verbose\":false,\"protocol\":1}\r\nSUB a 1\r\n");
    let old = rig.client("CONNECT {\"verbose\":false}\r\nSUB a 1\r\n");
    rig.hub.announce_end();
    let info = rig.hear(new);
    assert!(info.starts_with("INFO ") && info.contains("\"ldm\":true"), "{info}");
    assert_eq!((rig.hear(old).as_str(), rig.closing(new)), ("", None));
    rig.say(old, b"PUB a 0\r\n\r\n");
    for key in [old, new] {
        rig.hub.end(key);
        assert_eq!((rig.hear(key).as_str(), rig.closing(key)), ("MSG a 1 0\r\n\r\n", Some(Closing::Shutdown)));
    }
}
