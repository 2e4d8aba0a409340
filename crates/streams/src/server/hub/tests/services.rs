//! Services inside the process: the interface that they have.

use std::sync::{Arc, Mutex};

use super::rig::{PLAIN, Rig};
use crate::server::{Batch, Config, Identity, Interest, Message, Origin, Outgoing, Service};

/// Answers what is asked at `$ECHO.>`, and counts what it is told.
struct Echo {
    heard: Arc<Mutex<Vec<String>>>,
}

impl Service for Echo {
    fn start(&mut self, out: &mut Outgoing) {
        out.subscribe(b"$ECHO.>");
        out.subscribe(b"orders.*");
    }

    fn message(&mut self, message: &Message<'_>, from: Option<&Origin>, out: &mut Outgoing) {
        let subject = String::from_utf8_lossy(message.subject);
        let name = from.map_or("nobody", |from| &from.identity.name);
        self.heard.lock().unwrap().push(format!("{subject} from {name}"));
        match message.subject {
            b"$ECHO.MORE" => out.subscribe(message.payload),
            b"$ECHO.LESS" => out.unsubscribe(message.payload),
            b"$ECHO.NO" => return out.deny(),
            _ => {}
        }
        if let Some(reply) = message.reply {
            out.messages.push(&Message { subject: reply, reply: None, ..*message });
        }
    }

    fn settle(&mut self, interest: &Interest<'_>, _: &mut Outgoing) {
        let mut heard = self.heard.lock().unwrap();
        for filter in interest.changed {
            let exists = |queue| interest.exists(b"orders.x", queue);
            let filter = String::from_utf8_lossy(filter);
            heard.push(format!("{filter}: {} {}", exists(None), exists(Some(&b"q"[..]))));
        }
        heard.push("settled".into());
    }
}

fn rig() -> (Rig, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::default());
    let rig = Rig::with_services(Config::default(), vec![Box::new(Echo { heard: heard.clone() })]);
    heard.lock().unwrap().clear();
    (rig, heard)
}

#[test]
fn a_service_answers_and_knows_who_asks() {
    let (mut rig, heard) = rig();
    let key = rig.known(Identity { name: "shop".into(), ..Identity::default() });
    rig.say(
        key,
        b"SUB r 1\r\nHPUB $ECHO.a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPUB $ECHO.b r 2\r\nho\r\nPUB orders.x 0\r\n\r\n",
    );
    assert_eq!(rig.hear(key), "HMSG r 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\nMSG r 1 2\r\nho\r\n");
    let expected = ["$ECHO.a from shop", "$ECHO.b from shop", "orders.x from shop", "r: true false", "settled"];
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[test]
fn a_service_refuses_messages_as_permissions_do() {
    let (mut rig, _) = rig();
    let (one, other) = (rig.client(&format!("{PLAIN}SUB r 1\r\n")), rig.client(PLAIN));
    rig.say(one, b"PUB $ECHO.NO r 2\r\nhi\r\n");
    assert_eq!(rig.hear(one), "-ERR 'Permissions Violation for Publish to \"$ECHO.NO\"'\r\n");
    rig.say(one, b"PUB $ECHO.a r 2\r\nhi\r\n");
    assert_eq!((rig.hear(one).as_str(), rig.hear(other).as_str()), ("MSG r 1 2\r\nhi\r\n", ""));
}

/// It counts as somebody who answers, even if it does so later.
#[test]
fn a_service_comes_and_goes_with_its_subscriptions() {
    let (mut rig, heard) = rig();
    let key = rig.client(&format!("{PLAIN}SUB r 1\r\n"));
    let nobody = "HMSG r 1 35 35\r\nNATS/1.0 503\r\nNats-Subject: new\r\n\r\n\r\n";
    for (says, hears) in [
        ("PUB new r 0\r\n\r\n", nobody),
        ("PUB $ECHO.MORE 3\r\nnew\r\n", ""),
        ("PUB new r 0\r\n\r\n", "MSG r 1 0\r\n\r\n"),
        ("PUB $ECHO.LESS 3\r\nnew\r\n", ""),
        ("PUB new r 0\r\n\r\n", nobody),
        ("PUB $ECHO.LESS 3\r\nnew\r\n", ""),
    ] {
        rig.say(key, says.as_bytes());
        assert_eq!(rig.hear(key), hears, "{says:?}");
    }
    assert!(!heard.lock().unwrap().is_empty());
}

#[test]
fn what_is_published_from_outside_reaches_clients_and_services() {
    let (mut rig, heard) = rig();
    let key = rig.client(&format!("{PLAIN}SUB orders.> 1\r\nSUB r 2\r\n"));
    heard.lock().unwrap().clear();
    let mut batch = Batch::default();
    batch.push(&Message { subject: b"orders.a", reply: Some(b"r"), headers: b"", payload: b"hi" });
    batch.push(&Message { subject: b"orders.b.c", reply: None, headers: b"", payload: b"" });
    rig.hub.publish_batch(&batch, rig.now);
    assert_eq!(rig.hear(key), "MSG orders.a 1 r 2\r\nhi\r\nMSG orders.b.c 1 0\r\n\r\nMSG r 2 2\r\nhi\r\n");
    batch.clear();
    batch.push_to(b"r", &Message { subject: b"orders.d", reply: None, headers: b"", payload: b"" });
    rig.hub.publish_batch(&batch, rig.now);
    assert_eq!(rig.hear(key), "MSG orders.d 2 0\r\n\r\n", "the subscribers of r get it");
    assert_eq!(*heard.lock().unwrap(), ["orders.a from nobody", "settled"]);
}

#[test]
fn a_service_hears_who_listens() {
    let (mut rig, heard) = rig();
    let expect = |expected: &[&str]| assert_eq!(heard.lock().unwrap().drain(..).collect::<Vec<_>>(), expected);
    let key = rig.client(&format!("{PLAIN}SUB other 1\r\nSUB orders.x q 2\r\nSUB orders.* 3\r\n"));
    expect(&["other: true true", "orders.x: true true", "orders.*: true true", "settled"]);
    rig.say(key, b"UNSUB 2\r\n");
    expect(&["orders.x: true false", "settled"]);
    rig.hub.close(key);
    let mut left = heard.lock().unwrap().clone();
    left.sort();
    assert_eq!(left, ["orders.*: true false", "other: true false", "settled"], "the service itself listens");
}
