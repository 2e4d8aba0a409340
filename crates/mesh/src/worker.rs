//! Workers: one thread, one single-threaded runtime, one view of the routing state each.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    net::Ipv4Addr,
    rc::Rc,
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use model::{InstanceId, Timestamp};
use ports::clock::Clock;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc, oneshot},
    task::{AbortHandle, LocalSet},
    time::Instant,
};

use crate::{
    access_log::AccessLog,
    attest::{Attestation, Attestor},
    buffer::Scratch,
    call_sockets::Change,
    connection,
    crew::{Crew, Inbox},
    failures::Failures,
    guests::Guests,
    http2::Hands,
    instance::{Instance, Local},
    listener::{self, Listener},
    signal::Signal,
    table::Table,
    tls::{Door, Handshakes},
};

/// How many commands may wait for a worker.
const COMMANDS_MAX: usize = 64;
/// How many scratches a worker keeps for later.
const SCRATCHES_MAX: usize = 256;

/// How much memory is taken at a time for bytes that are shared. What holds some of it holds all of it, so it is little.
const SHARED_BYTES: usize = 4 * 1024;

/// What a worker is told. Each is acknowledged when it is in force.
pub(crate) enum Command {
    Apply(Arc<Table>, oneshot::Sender<()>),
    /// Cuts off the requests in flight to an instance.
    Cut(InstanceId, oneshot::Sender<()>),
    Listen(Listener, oneshot::Sender<io::Result<()>>),
    CallSockets(Arc<Change>, oneshot::Sender<()>),
}

/// A running worker; it ends when this is dropped.
pub(crate) type Handle = mpsc::Sender<Command>;

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) failures: Arc<Failures>,
    pub(crate) guests: Arc<Guests>,
    pub(crate) access_log: Option<AccessLog>,
    pub(crate) attestation: Option<Attestation>,
    /// The gateway's TLS, if it speaks it.
    pub(crate) door: Option<Arc<Door>>,
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
    pub(crate) guests: Arc<Guests>,
    pub(crate) access_log: Option<AccessLog>,
    /// `None` where callers are not attested.
    pub(crate) attestor: Option<Attestor>,
    pub(crate) door: Option<Arc<Door>>,
    pub(crate) handshakes: Handshakes,
    pub(crate) crew: Arc<Crew>,
    pub(crate) hands: Hands,
    /// Fired when the routing state changed.
    pub(crate) changed: Signal,
    view: RefCell<Rc<View>>,
    locals: RefCell<HashMap<InstanceId, Rc<Local>>>,
    /// What accepts from the callers' Unix sockets.
    call_sockets: RefCell<HashMap<Ipv4Addr, AbortHandle>>,
    #[allow(clippy::vec_box, reason = "a scratch stays where it is while it changes hands: it is large")]
    scratches: RefCell<Vec<Box<Scratch>>>,
    /// Room for the next bytes that are shared.
    shared: RefCell<BytesMut>,
    random: Cell<Option<fastrand::Rng>>,
}

/// The routing state with this worker's part of each instance.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) table: Arc<Table>,
    /// The endpoints of each service of the table, by its place.
    pub(crate) endpoints: Vec<Vec<Rc<Local>>>,
    /// The connections of the table.
    pub(crate) connections: Vec<Rc<connection::Local>>,
}

/// Starts a worker.
///
/// # Errors
/// When the host gives no thread or no poller.
pub(crate) fn start(number: usize, shared: Shared, inbox: Inbox) -> io::Result<Handle> {
    let (handle, commands) = mpsc::channel(COMMANDS_MAX);
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let attestor = shared.attestation.as_ref().map(Attestation::attestor).transpose()?;
    let run = move || run(&runtime, shared, attestor, number, commands, inbox);
    std::thread::Builder::new().name(format!("mesh-{number}")).spawn(run)?;
    Ok(handle)
}

fn run(
    runtime: &Runtime,
    shared: Shared,
    attestor: Option<Attestor>,
    number: usize,
    commands: mpsc::Receiver<Command>,
    inbox: Inbox,
) {
    let now = shared.clock.now();
    let seed = now.0 ^ (number as u64) << 48;
    let worker = Rc::new(Worker {
        number,
        clock: shared.clock,
        recent: Cell::new(now),
        start: (now, Instant::now()),
        failures: shared.failures,
        guests: shared.guests,
        access_log: shared.access_log,
        attestor,
        door: shared.door,
        handshakes: Handshakes::default(),
        crew: shared.crew,
        hands: Hands::default(),
        changed: Signal::default(),
        view: RefCell::default(),
        locals: RefCell::default(),
        call_sockets: RefCell::default(),
        scratches: RefCell::default(),
        shared: RefCell::new(BytesMut::with_capacity(SHARED_BYTES)),
        random: Cell::new(Some(fastrand::Rng::with_seed(seed))),
    });
    LocalSet::new().block_on(runtime, async {
        worker.spawn(listener::take_over(worker.clone(), inbox));
        obey(worker, commands).await;
    });
}

async fn obey(worker: Rc<Worker>, mut commands: mpsc::Receiver<Command>) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Apply(table, done) => {
                worker.apply(table);
                let _ = done.send(());
            }
            Command::Cut(instance, done) => {
                worker.cut(&instance);
                let _ = done.send(());
            }
            Command::Listen(listener, done) => {
                let _ = done.send(listener::start(&worker, listener));
            }
            Command::CallSockets(change, done) => {
                worker.follow(&change);
                let _ = done.send(());
            }
        }
    }
}

impl Worker {
    /// The routing state in force.
    pub(crate) fn view(&self) -> Rc<View> {
        self.view.borrow().clone()
    }

    /// Runs a future on this worker until it ends or the worker does.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(future);
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

    pub(crate) fn random_bits(&self) -> u64 {
        self.draw(|random| random.u64(..))
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
        if scratches.len() < SCRATCHES_MAX {
            scratch.clear();
            scratches.push(scratch);
        }
    }

    /// From here on no request is sent to an instance that the table does not name, and no connection to it is kept.
    fn apply(&self, table: Arc<Table>) {
        let mut locals = self.locals.borrow_mut();
        for local in locals.values() {
            local.serving.set(false);
        }
        let mut local = |shared: &Arc<Instance>| {
            let known = locals.get(&shared.id).filter(|local| Arc::ptr_eq(&local.shared, shared)).cloned();
            let local = known.unwrap_or_else(|| Rc::new(Local::new(shared.clone(), self.clock.now())));
            local.serving.set(true);
            locals.insert(shared.id.clone(), local.clone());
            local
        };
        let endpoints = table.services.iter().map(|service| {
            let endpoints = service.iter().flat_map(|service| &service.endpoints);
            endpoints.map(&mut local).collect()
        });
        let endpoints: Vec<Vec<_>> = endpoints.collect();
        let connections = self.connections(&table, &endpoints);
        *self.view.borrow_mut() = Rc::new(View { table, endpoints, connections });
        for left in locals.values().filter(|local| !local.serving.get()) {
            left.pool.close();
            left.links.close();
        }
        locals.retain(|_, local| local.serving.get() || Rc::strong_count(local) > 1);
        drop(locals);
        self.changed.fire();
    }

    /// This worker's part of each connection of a table.
    fn connections(&self, table: &Table, endpoints: &[Vec<Rc<Local>>]) -> Vec<Rc<connection::Local>> {
        let view = self.view.borrow();
        let before: HashMap<&str, &Rc<connection::Local>> =
            view.connections.iter().map(|local| (&*local.shared.name, local)).collect();
        let connections = table.connections.iter().map(|shared| {
            let before = before.get(&*shared.name).map(|local| &***local);
            let endpoints = endpoints.get(shared.service).map_or(&[][..], Vec::as_slice);
            Rc::new(connection::Local::new(shared.clone(), endpoints, self.number, before))
        });
        connections.collect()
    }

    /// A worker that cannot poll a socket has no descriptors left; the others take its connections.
    fn follow(self: &Rc<Self>, change: &Change) {
        let mut sockets = self.call_sockets.borrow_mut();
        for address in &change.closed {
            let _ = sockets.remove(address).map(|accepting| accepting.abort());
        }
        for (address, socket) in &change.opened {
            if let Ok(accepting) = listener::start_calls(self, *address, socket) {
                sockets.insert(*address, accepting);
            }
        }
    }

    fn cut(&self, instance: &InstanceId) {
        let local = self.locals.borrow().get(instance).cloned();
        if let Some(local) = local {
            local.cut.fire();
        }
    }
}
