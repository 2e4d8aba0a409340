//! Handshakes: bounded in time and in number. One that fails costs its connection and nothing else.

use std::{
    cell::Cell,
    pin::pin,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use model::Reason;
use rustls::HandshakeKind;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{Door, Names, Secure};
use crate::{
    client::{self, Client},
    problem::Fault,
    refused::{self, Refused},
    signal::Signal,
    socket::Socket,
    worker::Worker,
};

/// How many handshakes a worker has under way; further connections wait in the backlog.
const AT_ONCE_MAX: usize = 256;
/// How long a handshake may take while others wait in the backlog, so that slow clients do not keep the others out.
const HURRY: Duration = Duration::from_secs(1);

/// The handshakes that a worker has under way.
#[derive(Default)]
pub(crate) struct Handshakes {
    under_way: Cell<usize>,
    ended: Signal,
}

struct Place<'a>(&'a Handshakes);

impl Handshakes {
    fn is_full(&self) -> bool {
        self.under_way.get() >= AT_ONCE_MAX
    }

    /// Waits until another one may begin.
    pub(crate) async fn room(&self) {
        while self.is_full() {
            self.ended.wait().await;
        }
    }

    fn begin(&self) -> Place<'_> {
        self.under_way.set(self.under_way.get() + 1);
        Place(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
        self.0.ended.fire();
    }
}

/// How a connection began.
enum Entered {
    Securely(Box<Secure>),
    /// The client speaks in the clear.
    InTheClear(TcpStream),
    /// It sent something that is no handshake, or one that cannot succeed.
    Failed,
    /// It went away without a word.
    Gone,
}

/// Serves a client that has yet to shake hands, until its connection ends.
pub(crate) async fn enter(worker: Rc<Worker>, door: Arc<Door>, mut client: Client) {
    // An answer would take a handshake first, and who comes in too great numbers gets none.
    if let Err(fault) = client.enter(&worker) {
        return refused::write_down(&worker, client.entry, client.peer, fault.reason, Refused::default());
    }
    // Another worker may have accepted it, without knowing how many there are here.
    worker.handshakes.room().await;
    let limit = client::limits(&worker, client.entry).0.head_timeout;
    let Client { socket: Socket::Tcp(stream), .. } = client else { return };
    // Apart, so that its memory is given back before the first request.
    let entered = Box::pin(bounded(&worker, limit, shake_hands(&door, stream))).await;
    match entered.unwrap_or(Entered::Failed) {
        Entered::Securely(stream) => {
            client::attend(worker, Client { socket: Socket::Tls(stream), ..client }).await;
        }
        Entered::InTheClear(stream) => {
            door.counts.in_the_clear.fetch_add(1, Relaxed);
            let fault = Fault::new(Reason::BadRequest, "a request in the clear to a port that speaks TLS: use https");
            client::refuse(&worker, Client { socket: Socket::Tcp(stream), ..client }, fault).await;
        }
        Entered::Failed => {
            door.counts.failed.fetch_add(1, Relaxed);
        }
        Entered::Gone => {}
    }
}

/// Gives up at the time limit, or earlier if others wait.
async fn bounded(worker: &Worker, limit: Duration, handshake: impl Future<Output = Entered>) -> Option<Entered> {
    let _place = worker.handshakes.begin();
    let mut handshake = pin!(handshake);
    let limit = Instant::now() + limit;
    loop {
        let step = limit.min(Instant::now() + HURRY);
        match timeout_at(step, handshake.as_mut()).await {
            Ok(entered) => return Some(entered),
            Err(_) if step == limit || worker.handshakes.is_full() => return None,
            Err(_) => {}
        }
    }
}

async fn shake_hands(door: &Door, stream: TcpStream) -> Entered {
    let mut first = [0];
    if !matches!(stream.peek(&mut first).await, Ok(1..)) {
        return Entered::Gone;
    }
    // A record of TLS begins with its type, a number below 32; a request with the name of its method.
    if first[0].is_ascii_alphabetic() {
        return Entered::InTheClear(stream);
    }
    let shown = door.shown();
    let Ok(stream) = shown.acceptor().accept(stream).await else { return Entered::Failed };
    let session = stream.get_ref().1;
    door.counts.handshakes.fetch_add(1, Relaxed);
    if session.handshake_kind() == Some(HandshakeKind::Resumed) {
        door.counts.resumed.fetch_add(1, Relaxed);
    }
    let certificate = shown.certificate.as_ref();
    let names = certificate.and_then(|certificate| Some(Names::new(session.server_name()?, certificate.clone())));
    Entered::Securely(Box::new(Secure::new(stream, names)))
}
