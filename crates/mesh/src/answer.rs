//! The answer to a request that no instance answers.

use model::{InstanceId, Problem, Reason, ServiceName, status::Failure};
use wire::http1::{RequestHead, Version};

use crate::{
    buffer::Scratch,
    call::Facts,
    client::{Client, LINGER, Next},
    connection,
    listener::Entry,
    problem::{self, Fault},
    worker::Worker,
};

/// What is remembered of a request's method and path.
const LINE_CHARS_MAX: usize = 120;

/// Answers with a problem and remembers it. The connection ends where the place of the next request is in doubt.
pub(crate) async fn answer(
    worker: &Worker,
    client: &mut Client,
    scratch: &mut Scratch,
    facts: Option<&Facts>,
    whose: Option<&Whose<'_>>,
    fault: Fault,
) -> Next {
    let ends = matches!(fault.reason, Reason::ShuttingDown | Reason::NotDeclared | Reason::BadRequest);
    let plain = |facts: &Facts| facts.keep_alive && facts.framing.is_empty() && facts.upgrade.is_none();
    let keep = !ends && facts.is_some_and(plain);
    let option = match facts.map(|facts| facts.version) {
        _ if !keep => Some("close"),
        Some(Version::Http10) => Some("keep-alive"),
        _ => None,
    };
    let problem = describe(worker, &fault, whose);
    scratch.answer.clear();
    problem::write(&problem, &fault, facts.is_some_and(|facts| facts.to_head), option, &mut scratch.answer);
    if let Some(whose) = whose {
        whose.remember(worker, &fault, || request_line(&scratch.request, scratch.input.held()));
    }
    let (_, mut writer) = client.socket.split();
    let written = tokio::time::timeout(LINGER, writer.write_all([&scratch.answer])).await;
    match written {
        Ok(Ok(())) if keep => Next::Keep,
        Ok(Ok(())) => Next::Linger,
        _ => Next::Close,
    }
}

pub(crate) fn describe(worker: &Worker, fault: &Fault, whose: Option<&Whose<'_>>) -> Problem {
    Problem {
        detail: fault.detail.clone(),
        connection: whose.map(|whose| whose.label(worker)),
        instances: whose.map(|whose| whose.tried.to_vec()).unwrap_or_default(),
        ..whose.map_or_else(|| Problem::of(fault.reason), |whose| Problem::about(fault.reason, whose.callee()))
    }
}

/// Method and path for a person to read: a long one is cut.
pub(crate) fn request_line(request: &RequestHead, head: &[u8]) -> String {
    let line = format!("{} {}", String::from_utf8_lossy(request.method(head)), request.path(head));
    match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{}\u{2026}", &line[..end]),
        None => line,
    }
}

/// Whose request it is that is answered by us.
pub(crate) struct Whose<'a> {
    pub(crate) connection: &'a connection::Local,
    pub(crate) entry: Entry,
    /// The instances that failed it.
    pub(crate) tried: &'a [InstanceId],
    /// It was refused before it was on its way.
    pub(crate) refused: bool,
}

impl Whose<'_> {
    /// The service that it is for.
    pub(crate) fn callee(&self) -> &ServiceName {
        &self.connection.shared.callee
    }

    /// Which slot calls whom: `orders/1 -> users`.
    pub(crate) fn label(&self, worker: &Worker) -> String {
        let view = worker.view();
        let caller = match self.entry {
            Entry::Address(address) => view.table.addresses.get(&address).map(|address| &address.caller),
            Entry::Gateway => None,
        };
        let shared = &self.connection.shared;
        caller.map_or_else(|| shared.name.to_string(), |caller| format!("{caller} -> {}", shared.callee))
    }

    /// Remembers the failure for whoever asks why; of refusals, of which there may be many, only some.
    pub(crate) fn remember(&self, worker: &Worker, fault: &Fault, request: impl FnOnce() -> String) {
        let (at, service) = (worker.now(), self.callee());
        let is_such = |kept: &Failure| kept.reason == Some(fault.reason);
        if self.refused && !worker.failures.is_news(service, at, is_such) {
            return;
        }
        worker.failures.record(Failure {
            at,
            connection: self.label(worker),
            service: service.clone(),
            request: request(),
            reason: Some(fault.reason),
            status: None,
            detail: fault.detail.clone(),
            instances: self.tried.to_vec(),
        });
    }
}
