//! What clients notice while two releases serve.

use std::collections::BTreeMap;

use model::api::{RolloutPhase, RolloutStatus};
use tests::{http::Connection, sandbox::Sandbox};

use crate::rollout::{deploy, one, version};

const STEPS: &str = "strategy = \"canary\"\njudge = false\nkeep = \"0s\"\nsticky = { cookie = \"sid\" }\n\
                     steps = [{ weight = 50, wait = \"manual\" }, { weight = 80, wait = \"manual\" }]\n";
/// The fields that ask for a WebSocket.
pub(crate) const WEBSOCKET: &str = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The version that each of these clients meets, each asked some times on connections of its own.
fn met(sandbox: &Sandbox) -> BTreeMap<u32, String> {
    let ask = |client: u32| {
        let mut connection = Connection::tcp(sandbox.gateway).expect("it listens");
        let answer = connection.request("GET", "/env", &format!("cookie: a=b; sid=client-{client}\r\n"), b"");
        answer.expect("it answers").json()["V"].as_str().expect("it is in the environment").to_owned()
    };
    let always = |client: u32| {
        let first = ask(client);
        assert!((0..4).all(|_| ask(client) == first), "client {client} is moved to and fro");
        (client, first)
    };
    (0..40).map(always).collect()
}

#[test]
fn a_client_stays_with_the_release_that_its_cookie_has_met() {
    let sandbox = one(STEPS, "");
    sandbox.up();
    sandbox.write("a/version", "two");
    deploy(&sandbox);
    let weighs = |weight: f64| move |status: &RolloutStatus| status.paused && status.weight_percent == Some(weight);
    sandbox.rollout_when("the first step", weighs(50.0));
    let first = met(&sandbox);
    assert!(["one", "two"].iter().all(|release| first.values().any(|met| met == release)), "{first:?}");
    let answer = sandbox.api("POST", "/v1/rollout/resume", "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    sandbox.rollout_when("the second step", weighs(80.0));
    let second = met(&sandbox);
    assert!(first.iter().all(|(client, release)| release == "one" || second[client] == "two"), "{first:?} {second:?}");
    assert!(second.values().filter(|met| *met == "two").count() > first.values().filter(|met| *met == "two").count());
}

#[test]
fn a_websocket_ends_with_a_close_frame_in_a_rollout() {
    let sandbox = one("", "drain_timeout = \"1s\"\n");
    sandbox.up();
    let mut sockets: Vec<_> = (0..4).map(|_| Connection::tcp(sandbox.gateway).expect("it listens")).collect();
    for socket in &mut sockets {
        assert_eq!(socket.request("GET", "/websocket", WEBSOCKET, b"").expect("it answers").status, 101);
    }
    sandbox.write("a/version", "two");
    deploy(&sandbox);
    for socket in &mut sockets {
        assert_eq!(socket.read(4).expect("a frame"), [0x88, 2, 0x03, 0xE9], "close frame, 1001");
        assert!(socket.read(1).is_err(), "and the end");
    }
    let status = sandbox.rollout_when("the end of the rollout", |status| status.ended_at.is_some());
    assert_eq!((status.phase, version(&sandbox).as_str()), (RolloutPhase::Promoted, "two"));
}
