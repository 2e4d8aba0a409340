//! Tells a stranger why it is refused, counts it, and remembers what it wanted.

use std::rc::Rc;

use model::{Problem, spec::Protocol, status::Failure};
use ports::traffic::Caller;
use tokio::time::timeout;

use crate::{
    buffer::Scratch,
    client::{self, Client, Read},
    connection::Local,
    figures::{Outcome, Record},
    problem::{self, Fault},
    worker::Worker,
};

/// The connection whose address a stranger used.
pub(super) struct Wanted {
    connection: Rc<Local>,
    /// Whose it is, and who is called: `orders/1 -> users`.
    label: String,
}

impl Wanted {
    pub(super) fn new(caller: &Caller, connection: Rc<Local>) -> Self {
        Self { label: format!("{caller} -> {}", connection.shared.callee), connection }
    }
}

/// Answers a caller's first request with the refusal, then closes; a connection that carries bytes is reset.
pub(super) async fn refuse(worker: Rc<Worker>, mut client: Client, wanted: Option<Wanted>, fault: Fault) {
    let is_bytes = |wanted: &Wanted| wanted.connection.policy().protocol == Protocol::Tcp;
    if let Some(wanted) = wanted.as_ref().filter(|wanted| is_bytes(wanted)) {
        remember(&worker, wanted, "a connection".into(), &fault, 0);
        return client.socket.reset_on_close();
    }
    let limit = client::limits(&worker, client.entry).0.head_timeout;
    let mut scratch = worker.take_scratch();
    let answered = timeout(limit, answer(&worker, &mut client, &mut scratch, wanted, fault)).await;
    worker.keep_scratch(scratch);
    if answered.unwrap_or(false) {
        client::linger(&worker, &mut client.socket).await;
    }
}

/// Whether there was a request and the answer to it is out.
async fn answer(
    worker: &Worker,
    client: &mut Client,
    scratch: &mut Scratch,
    wanted: Option<Wanted>,
    fault: Fault,
) -> bool {
    let (_, heads) = client::limits(worker, client.entry);
    let (request, to_head) = match client::read_head(client, scratch, &heads, true).await {
        Ok(Read::Head) => {
            let (head, request) = (scratch.input.data(), &scratch.request);
            let method = request.method(head);
            (format!("{} {}", String::from_utf8_lossy(method), request.path(head)), method == b"HEAD")
        }
        Ok(Read::Preface) => {
            // The end of the connection has to do as an answer.
            if let Some(wanted) = &wanted {
                remember(worker, wanted, "a connection of HTTP/2".into(), &fault, 0);
            }
            return false;
        }
        Ok(Read::End) => return false,
        Err(_) => ("a malformed request".into(), false),
    };
    let connection = wanted.as_ref().map(|wanted| wanted.label.clone());
    let problem = Problem { detail: fault.detail.clone(), connection, ..Problem::of(fault.reason) };
    scratch.answer.clear();
    problem::write(&problem, &fault, to_head, Some("close"), &mut scratch.answer);
    if let Some(wanted) = &wanted {
        remember(worker, wanted, request, &fault, scratch.answer.len() as u64);
    }
    let (_, mut writer) = client.socket.split();
    writer.write_all([&scratch.answer]).await.is_ok()
}

fn remember(worker: &Worker, wanted: &Wanted, request: String, fault: &Fault, sent: u64) {
    let outcome = Outcome::Failed(fault.reason);
    wanted.connection.record(&Record { outcome, micros: 0, received: 0, sent, retries: 0, hedged: false });
    worker.failures.record(Failure {
        at: worker.now(),
        connection: wanted.label.clone(),
        service: wanted.connection.shared.callee.clone(),
        request,
        reason: fault.reason,
        detail: fault.detail.clone(),
        instances: Vec::new(),
    });
}
