//! Who gets which message.

use super::rig::{PLAIN, Rig};
use crate::server::{Config, Identity, hub::Closing};
use logic::subject::{Permissions, Rules};

/// One client says something, and hears this.
fn check(says: &str, hears: &str, closing: Option<Closing>) {
    let mut rig = Rig::new(Config { payload_bytes_max: 100, ..Config::default() });
    let key = rig.client(says);
    assert_eq!((rig.hear(key).as_str(), rig.closing(key)), (hears, closing), "{says:?}");
}

#[test]
fn a_client_alone() {
    let plain = |says: &str| format!("{PLAIN}{says}");
    for (says, hears) in [
        ("PING\r\n", "PONG\r\n"),
        (
            "CONNECT {}\r\nSUB a 1\r\nPUB a 1\r\nx\r\nUNSUB 1\r\nPING\r\n",
            "+OK\r\n+OK\r\n+OK\r\nMSG a 1 1\r\nx\r\n+OK\r\nPONG\r\n",
        ),
        ("CONNECT {\"user\":null,\"verbose\":null,\"other\":[]}\r\n", "+OK\r\n"),
        ("SUB a..b 1\r\nSUB > q..r 2\r\n", "-ERR 'Invalid Subject'\r\n-ERR 'Invalid Subject'\r\n"),
        ("PUB a.* 0\r\n\r\n", "-ERR 'Invalid Publish Subject'\r\n"),
        (&plain("SUB a.> 1\r\nPUB a.* 0\r\n\r\nPUB a..b 0\r\n\r\n"), "MSG a.* 1 0\r\n\r\n"),
        (&plain("SUB a 1\r\nSUB b 1\r\nPUB a 0\r\n\r\nPUB b 0\r\n\r\n"), "MSG a 1 0\r\n\r\n"),
        (&plain("SUB a 1\r\nUNSUB 1 1\r\nPUB a 0\r\n\r\nPUB a 0\r\n\r\n"), "MSG a 1 0\r\n\r\n"),
        (
            &plain("SUB a 1\r\nPUB a 0\r\n\r\nUNSUB 1 2\r\nPUB a 0\r\n\r\nPUB a 0\r\n\r\n"),
            "MSG a 1 0\r\n\r\nMSG a 1 0\r\n\r\n",
        ),
        (&plain("SUB a 1\r\nPUB a 0\r\n\r\nUNSUB 1 1\r\nPUB a 0\r\n\r\n"), "MSG a 1 0\r\n\r\n"),
        (&plain("SUB a 1\r\nSUB a 2\r\nUNSUB 1\r\nUNSUB 9\r\nPUB a r 0\r\n\r\n"), "MSG a 2 r 0\r\n\r\n"),
        (
            &plain("SUB a 1\r\nHPUB a 16 17\r\nNATS/1.0\r\nA:b\r\n\r\nx\r\n").replace("16 17", "17 18"),
            "HMSG a 1 17 18\r\nNATS/1.0\r\nA:b\r\n\r\nx\r\n",
        ),
        (
            &plain("SUB r.* 1\r\nPUB nobody r.1 0\r\n\r\nPUB nobody 0\r\n\r\n"),
            "HMSG r.1 1 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n",
        ),
        ("CONNECT {\"verbose\":false}\r\nCONNECT {}\r\nPING\r\n", "PONG\r\n"),
        (
            &plain("SUB r 1\r\nUNSUB 1 1\r\nPUB a r 0\r\n\r\nPUB r 0\r\n\r\n"),
            "HMSG r 1 33 33\r\nNATS/1.0 503\r\nNats-Subject: a\r\n\r\n\r\nMSG r 1 0\r\n\r\n",
        ),
        ("CONNECT {\"echo\":false,\"verbose\":false}\r\nSUB a 1\r\nSUB a q 2\r\nPUB a 0\r\n\r\n", ""),
    ] {
        check(says, hears, None);
    }
}

#[test]
fn what_ends_a_connection() {
    for (says, hears) in [
        ("FOO\r\nPING\r\n", "-ERR 'Unknown Protocol Operation'\r\n"),
        ("PUB a 1\r\nxPING\r\n", "-ERR 'Unknown Protocol Operation'\r\n"),
        ("PUB a\r\nPING\r\n", "-ERR 'Parser Error'\r\n"),
        ("CONNECT {\r\nPING\r\n", "-ERR 'Parser Error'\r\n"),
        ("CONNECT {\"verbose\":1}\r\n", "-ERR 'Parser Error'\r\n"),
        ("CONNECT []\r\n", "-ERR 'Parser Error'\r\n"),
        ("PUB a 101\r\n", "-ERR 'Maximum Payload Violation'\r\n"),
        (&format!("SUB {} 1\r\n", "a".repeat(4096)), "-ERR 'maximum control line exceeded'\r\n"),
        ("HPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\nPING\r\n", "-ERR 'message headers not supported'\r\n"),
        ("CONNECT {\"no_responders\":true}\r\n", "-ERR 'no responders requires headers support'\r\n"),
    ] {
        check(says, hears, Some(Closing::Refused));
    }
}

#[test]
fn a_client_without_headers_gets_the_payload_alone() {
    let mut rig = Rig::new(Config::default());
    let [old, new] = ["CONNECT {\"verbose\":false}\r\nSUB a 1\r\n", PLAIN].map(|says| rig.client(says));
    rig.say(new, b"HPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
    assert_eq!(rig.hear(old), "MSG a 1 r 2\r\nhi\r\n");
}

#[test]
fn one_of_each_queue_group_gets_a_message() {
    let mut rig = Rig::new(Config::default());
    let workers = ["a.b", "a.*", "a.>"].map(|filter| rig.client(&format!("{PLAIN}SUB {filter} q 1\r\n")));
    let [other, all] = ["SUB a.b r 1\r\n", "SUB a.b 1\r\n"].map(|says| rig.client(&format!("{PLAIN}{says}")));
    let publisher = rig.client(PLAIN);
    rig.say(publisher, "PUB a.b 0\r\n\r\n".repeat(600).as_bytes());
    let mut counts = |key| rig.hear(key).matches("MSG a.b 1 0").count();
    assert_eq!([other, all].map(&mut counts), [600, 600]);
    let shares = workers.map(counts);
    assert_eq!(shares.iter().sum::<usize>(), 600);
    assert!(shares.iter().all(|share| (130..270).contains(share)), "{shares:?}");
}

/// Of a queue group the members that cannot take the message are passed over.
#[test]
fn a_group_passes_over_whoever_publishes_without_echo() {
    let mut rig = Rig::new(Config::default());
    let silent = rig.client("CONNECT {\"verbose\":false,\"echo\":false}\r\nSUB a q 1\r\n");
    let other = rig.client(&format!("{PLAIN}SUB a q 2\r\n"));
    rig.say(silent, "PUB a 0\r\n\r\n".repeat(50).as_bytes());
    assert_eq!((rig.hear(silent).as_str(), rig.hear(other)), ("", "MSG a 2 0\r\n\r\n".repeat(50)));
}

/// A large payload is kept once for all its receivers; what they get does not differ from a copy.
#[test]
fn a_large_message_reaches_all_as_it_is() {
    let mut rig = Rig::new(Config::default());
    let [one, two] = [1, 2].map(|sid| rig.client(&format!("{PLAIN}SUB a {sid}\r\n")));
    let publisher = rig.client(PLAIN);
    let payload = "0123456789".repeat(20_000);
    let say = format!("HPUB a r 12 200012\r\nNATS/1.0\r\n\r\n{payload}\r\n");
    for piece in say.repeat(2).as_bytes().chunks(7000) {
        rig.say(publisher, piece);
    }
    for (key, sid) in [(one, 1), (two, 2)] {
        let expected = format!("HMSG a {sid} r 12 200012\r\nNATS/1.0\r\n\r\n{payload}\r\n").repeat(2);
        assert!(rig.hear(key) == expected, "subscription {sid}");
    }
}

#[test]
fn permissions_are_kept() {
    let mut rig = Rig::new(Config::default());
    let permissions = Permissions {
        publish: Rules::new(Some(&["orders.*"]), &["orders.secret"]),
        subscribe: Rules::new(Some(&["stock.>"]), &["stock.secret"]),
        ..Permissions::default()
    };
    let limited = rig.known(Identity { name: "shop".into(), permissions, ..Identity::default() });
    let free = rig.client(&format!("{PLAIN}SUB orders.* 1\r\n"));
    for (says, hears) in [
        ("PUB orders.placed 0\r\n\r\n", ""),
        ("PUB other 0\r\n\r\n", "-ERR 'Permissions Violation for Publish to \"other\"'\r\n"),
        ("PUB orders.secret 0\r\n\r\n", "-ERR 'Permissions Violation for Publish to \"orders.secret\"'\r\n"),
        ("PUB orders.placed 0\r\n\r\n", ""),
        ("SUB > 1\r\n", "-ERR 'Permissions Violation for Subscription to \">\"'\r\n"),
        (
            "SUB stock.secret q 1\r\n",
            "-ERR 'Permissions Violation for Subscription to \"stock.secret\" using queue \"q\"'\r\n",
        ),
        ("SUB stock.> 1\r\n", ""),
    ] {
        rig.say(limited, says.as_bytes());
        assert_eq!(rig.hear(limited), hears, "{says:?}");
    }
    assert_eq!(rig.hear(free), "MSG orders.placed 1 0\r\n\r\n".repeat(2));
    rig.say(free, b"PUB stock.secret 0\r\n\r\nPUB stock.low 0\r\n\r\n");
    assert_eq!(rig.hear(limited), "MSG stock.low 1 0\r\n\r\n");
    assert_eq!(rig.closing(limited), None);
}

#[test]
fn who_leaves_leaves_nothing_behind() {
    let mut rig = Rig::new(Config::default());
    let [one, two] = [PLAIN; 2].map(|says| rig.client(says));
    rig.say(one, b"SUB a 1\r\nSUB a.> q 2\r\nPUB a 0\r\n\r\n");
    rig.say(two, b"PUB a r 0\r\n\r\n");
    assert_eq!(rig.hub.report().subscriptions, 2);
    rig.leave(one);
    assert_eq!((rig.hub.report().subscriptions, rig.hub.report().nodes, rig.hub.clients()), (0, 1, 1));
    let again = rig.client(PLAIN);
    assert_eq!(again, one, "its key is used again");
    rig.say(two, b"SUB r 1\r\nPUB a r 0\r\n\r\n");
    assert_eq!(rig.hear(two), "HMSG r 1 33 33\r\nNATS/1.0 503\r\nNats-Subject: a\r\n\r\n\r\n");
    assert_eq!(rig.hear(again), "");
}
