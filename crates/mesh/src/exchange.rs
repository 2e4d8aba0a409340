//! One request and its response: the connection, the attempts, the answer, the record.

use std::rc::Rc;

use logic::outcome as health;
use model::{Reason, spec::Protocol};
use wire::http1;

use crate::{
    answer::{answer, request_line},
    attempt::{self, Failed},
    buffer::Scratch,
    call::{Call, Ended, Facts},
    client::{Client, Next},
    figures::Outcome,
    find, hedge, hold, http2,
    instance::Lease,
    problem::Fault,
    record,
    refused::{self, Refusal, Refused},
    upload,
    worker::Worker,
};

/// A request as its client speaks it.
pub(crate) trait Requester {
    /// Ends when the client has gone.
    async fn gone(&mut self);

    /// Puts back what an attempt has taken of the request, as far as it is still here.
    fn put_back(&mut self, call: &Call);

    /// Tries once: sends the request to the leased instance and the response to the client. With `reuse` a connection that
    /// was idle may be used.
    async fn attempt(&mut self, worker: &Rc<Worker>, call: &Call, lease: &Lease, reuse: bool) -> Result<Next, Failed>;
}

/// A request of HTTP/1.1.
struct Http1<'a> {
    client: &'a mut Client,
    scratch: &'a mut Scratch,
    facts: &'a Facts,
}

impl Requester for Http1<'_> {
    async fn gone(&mut self) {
        let (mut reader, _) = self.client.socket.split();
        upload::watch(&mut reader, &mut self.scratch.input).await;
    }

    fn put_back(&mut self, call: &Call) {
        let head = self.scratch.request.length();
        self.scratch.input.hold_only(head);
        call.received.rewind(head);
    }

    async fn attempt(&mut self, worker: &Rc<Worker>, call: &Call, lease: &Lease, reuse: bool) -> Result<Next, Failed> {
        let Scratch { input, request, outgoing, .. } = &mut *self.scratch;
        outgoing.clear();
        http1::write_request(input.held(), request, call.line, outgoing);
        if call.connection.policy().protocol == Protocol::Http2 {
            let attempt =
                http2::from_http1(worker, &mut self.client.socket, self.scratch, self.facts, call, lease, reuse);
            return Box::pin(attempt).await;
        }
        match call.hedge_delay(self.facts) {
            // Apart, as few ask for it.
            Some(delay) if reuse => {
                Box::pin(hedge::run(worker, self.client, self.scratch, self.facts, call, lease, delay)).await
            }
            _ => attempt::run(worker, self.client, self.scratch, self.facts, call, lease, reuse).await,
        }
    }
}

/// Serves the request whose head stands at the front of the input.
pub(crate) async fn run(worker: &Rc<Worker>, client: &mut Client, scratch: &mut Scratch) -> Next {
    let mut facts = Facts::of(&scratch.request, scratch.input.data());
    facts.keep_alive &= !client.has_retired(worker);
    scratch.input.hold(scratch.request.length());
    let head = scratch.input.held();
    let mut found = match facts.grpc {
        true => Err(Fault::new(Reason::Http2Required, "").into()),
        false => find::check_host(worker, client.peer, client.socket.names(), &scratch.request, head)
            .map_err(Refusal::from)
            .and_then(|()| find::find(worker, client.entry, client.peer, &scratch.request, head)),
    };
    let call = match found {
        // It is large, and stays where it is.
        Ok(ref mut call) => call,
        Err(Refusal { fault, connection }) => {
            let (reason, refused) = (fault.reason, refused::whose(connection.as_deref(), client.entry));
            let next = answer(worker, client, scratch, Some(&facts), refused.as_ref(), fault).await;
            let refused = Refused { connection, sent: scratch.answer.len(), ..Refused::of(scratch) };
            refused::write_down(worker, client.entry, client.peer, reason, refused);
            scratch.input.release();
            return next;
        }
    };
    let mut request = Http1 { client, scratch, facts: &facts };
    let (outcome, next) = match attempts(worker, &mut request, call).await {
        Ok(next) => (call.outcome(), next),
        Err(Ended::Gone) => (Outcome::Cancelled, Next::Break),
        Err(Ended::Broken(fault)) => {
            call.whose().remember(worker, &fault, || request_line(&scratch.request, scratch.input.held()));
            (Outcome::Failed(fault.reason), Next::Break)
        }
        Err(Ended::Fault(fault)) => {
            let reason = fault.reason;
            let next = answer(worker, client, scratch, Some(&facts), Some(&call.whose()), fault).await;
            call.count_sent(scratch.answer.len());
            (Outcome::Failed(reason), next)
        }
    };
    record::write_down(worker, client.peer, call, outcome, &scratch.request, scratch.input.held());
    scratch.input.release();
    next
}

/// Refuses what is no request; the connection ends.
pub(crate) async fn refuse(worker: &Worker, client: &mut Client, scratch: &mut Scratch, fault: Fault) -> Next {
    let reason = fault.reason;
    let next = answer(worker, client, scratch, None, None, fault).await;
    refused::write_down(
        worker,
        client.entry,
        client.peer,
        reason,
        Refused { sent: scratch.answer.len(), ..Refused::default() },
    );
    next
}

/// Tries one instance after the other, as the policy allows.
pub(crate) async fn attempts(
    worker: &Rc<Worker>,
    request: &mut impl Requester,
    call: &mut Call,
) -> Result<Next, Ended> {
    let mut last = Fault::new(Reason::NoUpstream, "");
    let (mut again, mut reuse) = (None, true);
    loop {
        let lease = match again.take() {
            Some(lease) => lease,
            None => match hold::acquire(worker, request, call).await? {
                Some(lease) => lease,
                None => {
                    call.uncount_retry();
                    return Err(Ended::Fault(last));
                }
            },
        };
        let failed = match request.attempt(worker, call, &lease, reuse).await {
            Ok(next) => {
                let local = call.answered.take().unwrap_or_else(|| lease.local().clone());
                call.judge(worker, &local, call.health());
                call.answered.replace(Some(local));
                return Ok(next);
            }
            Err(failed) => failed,
        };
        match failed {
            Failed::Left => reuse = true,
            Failed::Stale => {
                call.count_retry();
                (again, reuse) = (Some(lease), false);
            }
            Failed::Full => {
                hold::room(worker, request, call, &lease).await?;
                again = Some(lease);
            }
            Failed::Again(fault, second) => {
                if call.blames_callee(fault.reason) {
                    call.failed_by(worker, lease.local());
                }
                call.tried.push(lease.local().shared.id.clone());
                call.tried.extend(second);
                // The instances asked count, whether one after the other or two at once.
                if call.tried.len() > call.connection.policy().retries as usize || !call.may_retry(worker) {
                    return Err(Ended::Fault(fault));
                }
                call.count_retry();
                (last, reuse) = (fault, true);
            }
            Failed::Over(ended) => {
                let local = call.answered.borrow().clone().unwrap_or_else(|| lease.local().clone());
                call.tried.push(local.shared.id.clone());
                if let Some(reason) = ended.reason().filter(|reason| call.blames_callee(*reason)) {
                    // Who fails at once must not look fast. Of lost time the average knows.
                    if call.had_its_time(reason) {
                        call.judge(worker, &local, health::Outcome::Failure);
                    } else {
                        call.failed_by(worker, &local);
                    }
                }
                return Err(ended);
            }
        }
        request.put_back(call);
    }
}
