//! Workers: one thread, one single-threaded runtime, one view of the routing state each.

mod thread;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::Ipv4Addr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use model::Timestamp;
use ports::{clock::Clock, messages::Messages};
pub(crate) use thread::{Command, Handle, start};
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    access_log::AccessLog,
    attendant::Attendant,
    attest::{Attestation, Attestor, Refusals},
    awaited::Awaited,
    buffer::Scratch,
    crew::Crew,
    failures::Failures,
    guests::Guests,
    http2::Hands,
    refused::Entrances,
    signal::Signal,
    tls::{Door, Handshakes},
    view::{Locals, View},
};

/// How many scratches and attendants a worker keeps for later.
const SPARE_MAX: usize = 256;

/// How much memory is taken at a time for bytes that are shared. What holds some of it holds all of it, so it is little.
const SHARED_BYTES: usize = 4 * 1024;

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) failures: Arc<Failures>,
    pub(crate) awaited: Arc<Awaited>,
    pub(crate) guests: Arc<Guests>,
    /// The same of instances, by the address that each enters by.
    pub(crate) callers: Arc<Guests>,
    pub(crate) access_log: Option<AccessLog>,
    pub(crate) attestation: Option<Attestation>,
    /// The gateway's TLS, if it speaks it.
    pub(crate) door: Option<Arc<Door>>,
    pub(crate) messages: Option<Arc<dyn Messages>>,
    pub(crate) crew: Arc<Crew>,
}

/// The state of one worker: everything runs on its thread, so nothing is locked.
pub(crate) struct Worker {
    pub(crate) number: usize,
    pub(crate) clock: Arc<dyn Clock>,
    /// The time that was read last.
    recent: Cell<Timestamp>,
    /// One moment in both ways to say it.
    start: (Timestamp, Instant),
    pub(crate) failures: Arc<Failures>,
    pub(crate) awaited: Arc<Awaited>,
    pub(crate) entrances: Arc<Entrances>,
    pub(crate) guests: Arc<Guests>,
    pub(crate) callers: Arc<Guests>,
    pub(crate) refusals: Refusals,
    pub(crate) access_log: Option<AccessLog>,
    /// `None` where callers are not attested.
    pub(crate) attestor: Option<Attestor>,
    pub(crate) door: Option<Arc<Door>>,
    pub(crate) messages: Option<Arc<dyn Messages>>,
    pub(crate) handshakes: Handshakes,
    pub(crate) crew: Arc<Crew>,
    pub(crate) hands: Hands,
    /// Fired when the routing state changed.
    pub(crate) changed: Signal,
    view: RefCell<Rc<View>>,
    locals: RefCell<Locals>,
    /// What accepts from the listening sockets.
    listening: RefCell<Vec<JoinHandle<()>>>,
    retiring: Cell<bool>,
    /// What accepts from the callers' Unix sockets.
    call_sockets: RefCell<HashMap<Ipv4Addr, JoinHandle<()>>>,
    #[allow(clippy::vec_box, reason = "a scratch stays where it is while it changes hands: it is large")]
    scratches: RefCell<Vec<Box<Scratch>>>,
    attendants: RefCell<Vec<Attendant>>,
    /// Room for the next bytes that are shared.
    shared: RefCell<BytesMut>,
    random: Cell<Option<fastrand::Rng>>,
}

/// Counts the panic that ends what it is part of. The panic itself is told where the process tells its errors.
struct Witness(Arc<Entrances>);

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panicked();
        }
    }
}

impl Worker {
    fn new(number: usize, shared: Shared, attestor: Option<Attestor>, entrances: Arc<Entrances>) -> Self {
        let now = shared.clock.now();
        let seed = now.0 ^ (number as u64) << 48;
        Self {
            number,
            clock: shared.clock,
            recent: Cell::new(now),
            start: (now, Instant::now()),
            failures: shared.failures,
            awaited: shared.awaited,
            entrances,
            guests: shared.guests,
            callers: shared.callers,
            refusals: Refusals::default(),
            access_log: shared.access_log,
            attestor,
            door: shared.door,
            messages: shared.messages,
            handshakes: Handshakes::default(),
            crew: shared.crew,
            hands: Hands::default(),
            changed: Signal::default(),
            view: RefCell::default(),
            locals: RefCell::default(),
            listening: RefCell::default(),
            retiring: Cell::new(false),
            call_sockets: RefCell::default(),
            scratches: RefCell::default(),
            attendants: RefCell::default(),
            shared: RefCell::new(BytesMut::with_capacity(SHARED_BYTES)),
            random: Cell::new(Some(fastrand::Rng::with_seed(seed))),
        }
    }

    /// The routing state in force.
    pub(crate) fn view(&self) -> Rc<View> {
        self.view.borrow().clone()
    }

    /// Runs a future on this worker until it ends or the worker does. If it panics, it ends alone, and is counted.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.start(future);
    }

    fn start(&self, future: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
        let witness = Witness(self.entrances.clone());
        // The block keeps room for what it takes and for what it awaits; and it is compiled once.
        let future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(future);
        tokio::task::spawn_local(async move {
            let _witness = witness;
            future.await;
        })
    }

    /// Runs what accepts connections, until the worker retires.
    pub(crate) fn listen(&self, accepting: impl Future<Output = ()> + 'static) {
        self.listening.borrow_mut().push(self.start(accepting));
    }

    /// Whether every answer is the last one on its connection.
    pub(crate) fn is_retiring(&self) -> bool {
        self.retiring.get()
    }

    /// The scheme of the gateway's URIs.
    pub(crate) fn gateway_scheme(&self) -> &'static str {
        if self.door.is_some() { "https" } else { "http" }
    }

    /// Reads the clock.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        self.recent.set(now);
        now
    }

    /// The time that was read last: good enough where nothing was waited for since.
    pub(crate) fn recent(&self) -> Timestamp {
        self.recent.get()
    }

    /// A time as the timers want it.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        self.start.1 + at.since(self.start.0)
    }

    /// A random number below `limit`.
    pub(crate) fn random(&self, limit: usize) -> usize {
        self.draw(|random| random.usize(..limit))
    }

    /// A random number from 0 to 1.
    pub(crate) fn chance(&self) -> f64 {
        self.draw(fastrand::Rng::f64)
    }

    pub(crate) fn random_bits<const N: usize>(&self) -> [u64; N] {
        self.draw(|random| std::array::from_fn(|_| random.u64(..)))
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        let mut random = self.random.take().unwrap_or_default();
        let drawn = draw(&mut random);
        self.random.set(Some(random));
        drawn
    }

    /// A copy of some bytes that can be divided without further memory.
    pub(crate) fn share(&self, bytes: &[u8]) -> Bytes {
        let mut shared = self.shared.borrow_mut();
        shared.extend_from_slice(bytes);
        shared.split().freeze()
    }

    pub(crate) fn take_scratch(&self) -> Box<Scratch> {
        self.scratches.borrow_mut().pop().unwrap_or_default()
    }

    pub(crate) fn keep_scratch(&self, mut scratch: Box<Scratch>) {
        let mut scratches = self.scratches.borrow_mut();
        if scratches.len() < SPARE_MAX {
            scratch.clear();
            scratches.push(scratch);
        }
    }

    pub(crate) fn take_attendant(&self) -> Attendant {
        self.attendants.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps one that has served its client.
    pub(crate) fn keep_attendant(&self, attendant: Attendant) {
        let mut attendants = self.attendants.borrow_mut();
        if attendants.len() < SPARE_MAX {
            attendants.push(attendant);
        }
    }
}
