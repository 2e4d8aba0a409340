//! Plain TCP: bytes both ways between a caller and one instance. Each connection is one request of the figures.
//!
//! Nothing is read of what passes, and silence is no fault: instead of `idle_timeout`, TCP's own keep-alive finds peers
//! that have vanished.

use std::{rc::Rc, sync::atomic::Ordering::Relaxed, time::Duration};

use model::{
    Reason,
    spec::{Protocol, Side},
};
use wire::http1::{RequestHead, RequestLine};

use crate::{
    attempt::{self, Failed},
    buffer::Scratch,
    call::{Call, Ended},
    client::{Client, Next},
    connection,
    exchange::{self, Requester},
    figures::Outcome,
    instance::Lease,
    listener::Entry,
    problem::Fault,
    record,
    refused::{self, Refused},
    socket::Socket,
    split::Lot,
    tunnel::{self, Terms},
    worker::Worker,
};

/// A connection whose callee speaks plain TCP, and the release that its caller's calls stay on.
pub(crate) type Declared = (Rc<connection::Local>, Option<Side>);

/// That of an address.
pub(crate) fn connection(worker: &Worker, entry: Entry) -> Option<Declared> {
    let Entry::Address(address) = entry else { return None };
    let view = worker.view();
    let address = view.table.addresses.get(&address)?;
    let connection = &view.connections[address.connection];
    (connection.policy().protocol == Protocol::Tcp).then(|| (connection.clone(), address.side))
}

/// Connects the caller to an instance until both are done. Where that fails, the caller's connection is reset.
pub(crate) async fn serve(worker: Rc<Worker>, mut client: Client, (connection, side): Declared) {
    let line = RequestLine { upgrade: false, ..RequestLine::AS_IT_CAME };
    let mut call = match Call::new(&worker, client.entry, connection.clone(), line, (0, Lot::new(side, None)), None, 0)
    {
        Ok(call) => call,
        Err(fault) => {
            client.socket.reset_on_close();
            refused::whose(Some(&connection), client.entry)
                .into_iter()
                .for_each(|whose| whose.remember(&worker, &fault, || "TCP".into()));
            let refused = Refused { connection: Some(connection), ..Refused::default() };
            return refused::write_down(&worker, client.entry, client.peer, fault.reason, refused);
        }
    };
    let mut scratch = worker.take_scratch();
    let mut request = Tcp { socket: &mut client.socket, scratch: &mut scratch };
    let outcome = match exchange::attempts(&worker, &mut request, &mut call).await {
        Ok(_) => Outcome::Status(call.status.get()),
        Err(Ended::Gone) => Outcome::Cancelled,
        Err(Ended::Broken(fault) | Ended::Fault(fault)) => failed(&worker, &call, &mut client.socket, fault),
    };
    worker.keep_scratch(scratch);
    record::write_down(&worker, client.peer, &call, outcome, &RequestHead::default(), b"");
}

fn failed(worker: &Worker, call: &Call, client: &mut Socket, fault: Fault) -> Outcome {
    client.reset_on_close();
    call.whose().remember(worker, &fault, || "TCP".into());
    Outcome::Failed(fault.reason)
}

struct Tcp<'a> {
    socket: &'a mut Socket,
    scratch: &'a mut Scratch,
}

impl Requester for Tcp<'_> {
    /// A caller that has nothing more to say may still listen.
    async fn gone(&mut self) {
        let (mut reader, _) = self.socket.split();
        let input = &mut self.scratch.input;
        while !input.space().is_empty() {
            match reader.read(input.space()).await {
                Ok(0) => break,
                Ok(count) => input.filled(count),
                Err(_) => return,
            }
        }
        std::future::pending::<()>().await;
    }

    /// Nothing has gone where an attempt failed: there was no connection.
    fn put_back(&mut self, _: &Call) {}

    async fn attempt(&mut self, worker: &Rc<Worker>, call: &Call, lease: &Lease, _: bool) -> Result<Next, Failed> {
        let local = lease.local();
        let began = worker.now();
        let mut upstream = attempt::connect(lease, call).await?;
        if !local.serving.get() {
            return Err(Failed::Left);
        }
        let now = worker.now();
        local.observe(now.since(began), now);
        // As good as an answer: what comes now is between the two.
        call.status.set(200);
        call.permit.answered();
        call.begins(worker, local, now);
        let Scratch { input, reply, .. } = &mut *self.scratch;
        let terms = Terms { call, websocket: false, cut: &local.cut, silence: Duration::MAX };
        match tunnel::run(self.socket, &mut upstream.socket, input, reply, &terms).await {
            tunnel::Ended::ByPeers => Ok(Next::Close),
            tunnel::Ended::Failed(peer, reason) => Err(Failed::Over(peer.ended(Fault::new(reason, "")))),
            tunnel::Ended::CutOff { .. } => {
                local.shared.cut_off.fetch_add(1, Relaxed);
                Err(Failed::Over(Ended::Broken(Fault::new(Reason::DrainTimeout, ""))))
            }
        }
    }
}
