//! Tells a stranger why it is refused, and remembers what it wanted.

use std::{rc::Rc, sync::Arc};

use model::{Problem, spec::Protocol, status::Failure};
use tokio::time::timeout;

use crate::{
    buffer::Scratch,
    client::{self, Client},
    problem::{self, Fault},
    table::Connection,
    worker::Worker,
};

/// Answers a caller's first request with the refusal, then closes; a connection that carries bytes is reset.
pub(crate) async fn refuse(worker: Rc<Worker>, mut client: Client, connection: Option<Arc<Connection>>, fault: Fault) {
    if connection.as_ref().is_some_and(|connection| connection.policy.protocol == Protocol::Tcp) {
        remember(&worker, connection.as_deref(), "a connection".into(), &fault);
        return client.socket.reset_on_close();
    }
    let mut scratch = worker.take_scratch();
    let answered = timeout(worker.limits.head_timeout, answer(&worker, &mut client, &mut scratch, connection, fault));
    let is_answered = answered.await.unwrap_or(false);
    worker.keep_scratch(scratch);
    if is_answered {
        client::linger(&worker, &mut client.socket).await;
    }
}

/// Whether there was a request and the answer to it is out.
async fn answer(
    worker: &Worker,
    client: &mut Client,
    scratch: &mut Scratch,
    connection: Option<Arc<Connection>>,
    fault: Fault,
) -> bool {
    let (request, to_head) = match client::read_head(worker, client, scratch).await {
        Ok(true) => {
            let (head, request) = (scratch.input.data(), &scratch.request);
            let method = request.method(head);
            (format!("{} {}", String::from_utf8_lossy(method), request.path(head)), method == b"HEAD")
        }
        Ok(false) => return false,
        Err(_) => ("a malformed request".into(), false),
    };
    remember(worker, connection.as_deref(), request, &fault);
    let label = connection.map(|connection| connection.label.to_string());
    let problem = Problem { detail: fault.detail, connection: label, ..Problem::of(fault.reason) };
    scratch.answer.clear();
    problem::write(&problem, fault.reason, to_head, Some("close"), &mut scratch.answer);
    let (_, mut writer) = client.socket.split();
    writer.write_all([&scratch.answer]).await.is_ok()
}

fn remember(worker: &Worker, connection: Option<&Connection>, request: String, fault: &Fault) {
    let Some(connection) = connection else { return };
    worker.failures.record(Failure {
        at: worker.clock.now(),
        connection: connection.label.to_string(),
        service: connection.callee.clone(),
        request,
        reason: fault.reason,
        detail: fault.detail.clone(),
        instances: Vec::new(),
    });
}
