//! The answer to a request that no instance answers.

use model::{Problem, Reason, status::Failure};
use wire::http1::{RequestHead, Version};

use crate::{
    buffer::Scratch,
    call::{Call, Facts},
    client::{Client, LINGER, Next},
    problem::{self, Fault},
    worker::Worker,
};

/// Answers with a problem and remembers it. The connection ends where the place of the next request is in doubt.
pub(crate) async fn answer(
    worker: &Worker,
    client: &mut Client,
    scratch: &mut Scratch,
    facts: Option<&Facts>,
    call: Option<&Call>,
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
    let problem = describe(worker, &fault, call);
    scratch.answer.clear();
    problem::write(&problem, &fault, facts.is_some_and(|facts| facts.to_head), option, &mut scratch.answer);
    if let Some(call) = call {
        worker.failures.record(failure(worker, call, &scratch.request, scratch.input.held(), fault));
    }
    let (_, mut writer) = client.socket.split();
    if let Some(call) = call {
        call.count_sent(scratch.answer.len());
    }
    let written = tokio::time::timeout(LINGER, writer.write_all([&scratch.answer])).await;
    match written {
        Ok(Ok(())) if keep => Next::Keep,
        Ok(Ok(())) => Next::Linger,
        _ => Next::Close,
    }
}

pub(crate) fn describe(worker: &Worker, fault: &Fault, call: Option<&Call>) -> Problem {
    Problem {
        detail: fault.detail.clone(),
        connection: call.map(|call| call.label(worker)),
        instances: call.map(|call| call.tried.clone()).unwrap_or_default(),
        ..Problem::of(fault.reason)
    }
}

pub(crate) fn failure(worker: &Worker, call: &Call, request: &RequestHead, head: &[u8], fault: Fault) -> Failure {
    let method = String::from_utf8_lossy(request.method(head));
    Failure {
        at: worker.now(),
        connection: call.label(worker),
        service: call.connection.shared.callee.clone(),
        request: format!("{method} {}", request.path(head)),
        reason: fault.reason,
        detail: fault.detail,
        instances: call.tried.clone(),
    }
}
