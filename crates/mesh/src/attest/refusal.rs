//! Tells a caller why it is refused, counts it, and remembers what it wanted.

use std::rc::Rc;

use model::{Problem, spec::Protocol, status::Failure};
use tokio::time::timeout;

use crate::{
    buffer::Scratch,
    client::{self, Client},
    connection::Local,
    http2,
    listener::Entry,
    problem::{self, Fault},
    refused::{self, Refused},
    request_head::{self, Read},
    worker::Worker,
};

/// How many callers a worker tells at a time; further ones are closed without a word.
const AT_ONCE_MAX: usize = 64;

/// The refusals that a worker has under way.
#[derive(Default)]
pub(crate) struct Refusals(Rc<()>);

/// The connection whose address a caller used.
struct Wanted {
    connection: Rc<Local>,
    /// Whose it is, and who is called: `orders/1 -> users`.
    label: String,
}

impl Wanted {
    fn of(worker: &Worker, entry: Entry) -> Option<Self> {
        let Entry::Address(address) = entry else { return None };
        let view = worker.view();
        let declared = view.table.addresses.get(&address)?;
        let connection = view.connections[declared.connection].clone();
        Some(Self { label: format!("{} -> {}", declared.caller, connection.shared.callee), connection })
    }
}

/// Answers a caller's first request with the refusal, then closes. A connection that carries bytes is reset, and so is one more than
/// are answered at a time.
pub(crate) fn refuse(worker: &Rc<Worker>, client: Client, fault: Fault) {
    let wanted = Wanted::of(worker, client.entry);
    let is_bytes = |wanted: &Wanted| wanted.connection.policy().protocol == Protocol::Tcp;
    let place = worker.refusals.0.clone();
    if wanted.as_ref().is_some_and(is_bytes) || Rc::strong_count(&place) > AT_ONCE_MAX + 1 {
        remember(worker, &client, wanted.as_ref(), "a connection", &fault, Refused::default());
        return client.socket.reset_on_close();
    }
    worker.spawn(explain(worker.clone(), client, wanted, fault, place));
}

async fn explain(worker: Rc<Worker>, mut client: Client, wanted: Option<Wanted>, fault: Fault, _place: Rc<()>) {
    let limit = client::limits(&worker, client.entry).0.head_timeout;
    let mut scratch = worker.take_scratch();
    let answered = timeout(limit, answer(&worker, &mut client, &mut scratch, wanted.as_ref(), fault)).await;
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
    wanted: Option<&Wanted>,
    fault: Fault,
) -> bool {
    let (_, heads) = client::limits(worker, client.entry);
    match request_head::read_head(client, scratch, &heads, true).await {
        Ok(Read::Head) => scratch.input.hold(scratch.request.length()),
        Ok(Read::Preface) => {
            let frames = http2::farewell(&format!("{}: {}", fault.reason, fault.detail));
            let refused = Refused { method: "PRI", path: "*", sent: frames.len(), ..Refused::default() };
            remember(worker, client, wanted, "a connection of HTTP/2", &fault, refused);
            let (_, mut writer) = client.socket.split();
            return writer.write_all([&frames]).await.is_ok();
        }
        Ok(Read::End) => return false,
        Err(_) => {}
    }
    let connection = wanted.map(|wanted| wanted.label.clone());
    let problem = Problem { detail: fault.detail.clone(), connection, ..Problem::of(fault.reason) };
    let to_head = Refused::of(scratch).method == "HEAD";
    scratch.answer.clear();
    problem::write(&problem, &fault, to_head, Some("close"), &mut scratch.answer);
    let refused = Refused { sent: scratch.answer.len(), ..Refused::of(scratch) };
    let request = match refused.method {
        "" => "a malformed request".to_owned(),
        method => format!("{method} {}", refused.path),
    };
    remember(worker, client, wanted, &request, &fault, refused);
    let (_, mut writer) = client.socket.split();
    writer.write_all([&scratch.answer]).await.is_ok()
}

fn remember(
    worker: &Worker,
    client: &Client,
    wanted: Option<&Wanted>,
    request: &str,
    fault: &Fault,
    refused: Refused<'_>,
) {
    let connection = wanted.map(|wanted| wanted.connection.clone());
    let refused = Refused { connection, ..refused };
    refused::write_down(worker, client.entry, client.peer, fault.reason, refused);
    let Some(wanted) = wanted else { return };
    worker.failures.record_again(Failure {
        at: worker.now(),
        connection: wanted.label.clone(),
        service: wanted.connection.shared.callee.clone(),
        request: request.into(),
        reason: Some(fault.reason),
        status: None,
        detail: fault.detail.clone(),
        instances: Vec::new(),
    });
}
