//! Services inside the process: the interface that they have.

use std::sync::{Arc, Mutex};

use super::rig::{PLAIN, Rig};
use crate::server::{Batch, Config, Identity, Message, Origin, Outgoing, Service};

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
            _ => {}
        }
        if let Some(reply) = message.reply {
            out.messages.push(&Message { subject: reply, reply: None, ..*message });
        }
    }

    fn settle(&mut self, _: &mut Outgoing) {
        self.heard.lock().unwrap().push("settled".into());
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
    let expected = ["$ECHO.a from shop", "$ECHO.b from shop", "orders.x from shop", "settled"];
    assert_eq!(*heard.lock().unwrap(), expected);
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
    let mut batch = Batch::default();
    batch.push(&Message { subject: b"orders.a", reply: Some(b"r"), headers: b"", payload: b"hi" });
    batch.push(&Message { subject: b"orders.b.c", reply: None, headers: b"", payload: b"" });
    rig.hub.publish_batch(&batch, rig.now);
    assert_eq!(rig.hear(key), "MSG orders.a 1 r 2\r\nhi\r\nMSG orders.b.c 1 0\r\n\r\nMSG r 2 2\r\nhi\r\n");
    assert_eq!(*heard.lock().unwrap(), ["orders.a from nobody", "settled"]);
}
