//! A service inside the process, as JetStream will be one: asked by a client that others wrote, answering at once or later from
//! another thread.

use std::{sync::mpsc, thread};

use streams::server::{Batch, Config, Message, Origin, Outgoing, Service};
use tokio::runtime::Handle as Runtime;

use crate::rig::Server;

/// Answers `$JS.API.INFO` at once, and gives the rest to a thread.
struct Api {
    later: mpsc::SyncSender<(String, Vec<u8>)>,
}

impl Service for Api {
    fn start(&mut self, out: &mut Outgoing) {
        out.subscribe(b"$JS.API.>");
    }

    fn message(&mut self, message: &Message<'_>, _: Option<&Origin>, out: &mut Outgoing) {
        let Some(reply) = message.reply else { return };
        if message.subject == b"$JS.API.INFO" {
            let headers = b"NATS/1.0\r\nA: b\r\n\r\n";
            out.messages.push(&Message { subject: reply, reply: None, headers, payload: b"{}" });
        } else {
            let reply = String::from_utf8(reply.to_vec()).unwrap();
            self.later.send((reply, message.payload.to_vec())).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_answers_at_once_or_later() {
    let (later, asked) = mpsc::sync_channel(16);
    let server = Server::with_services(Config::default(), vec![Box::new(Api { later })]);
    let (handle, runtime) = (server.handle.clone(), Runtime::current());
    let answering = thread::spawn(move || {
        for (reply, payload) in asked {
            let mut batch = Batch::default();
            let payload = payload.to_ascii_uppercase();
            batch.push(&Message { subject: reply.as_bytes(), reply: None, headers: b"", payload: &payload });
            runtime.block_on(handle.publish(batch)).unwrap();
        }
    });
    let client = server.client().await;
    let info = client.request("$JS.API.INFO", "".into()).await.unwrap();
    assert_eq!((&info.payload[..], info.headers.unwrap().get("A").unwrap().as_str()), (&b"{}"[..], "b"));
    for word in ["one", "two"] {
        let answer = client.request("$JS.API.SHOUT", word.into()).await.unwrap();
        assert_eq!(answer.payload, word.to_uppercase());
    }
    let nobody = client.request("$JS.ACK.x", "".into()).await.unwrap_err();
    assert_eq!(nobody.kind(), async_nats::RequestErrorKind::NoResponders);
    server.handle.stop().await;
    // With the server its services have gone, and with them the channel.
    answering.join().unwrap();
}
