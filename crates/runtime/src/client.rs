//! The keeper's client: requests on its socket, replies matched by number, events as they come.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use ports::{
    keeper::{
        Exit, Keeper, KeeperError, ListenAddress, PLATFORM_FD, Refusal, Spawn, Spawned, Whom, packet,
        protocol::{Event, Message, Numbered, PACKET_BYTES_MAX, Reply, Request, VERSION},
    },
    tasks::{TaskKind, Tasks},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::{mpsc, oneshot},
};

use crate::{network, watch::watch};

/// What the keeper held when it was greeted.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The keeper's process id.
    pub pid: u32,
    /// How many platform processes there have been, this one included.
    pub generation: u32,
    /// The processes.
    pub processes: Vec<HeldProcess>,
    /// The listening sockets by name.
    pub sockets: BTreeMap<String, OwnedFd>,
}

/// A process that the keeper held.
#[derive(Debug)]
pub struct HeldProcess {
    /// Its key.
    pub key: String,
    /// Its process id.
    pub pid: u32,
    /// How it ended, if it has.
    pub exit: Option<Exit>,
    /// The cgroup folders that it joined.
    pub cgroups: Vec<PathBuf>,
    /// Values that its log must not show.
    pub secrets: Vec<String>,
    /// The read end of its output.
    pub output: OwnedFd,
}

/// Something that the keeper said by itself.
#[derive(Debug)]
pub enum KeeperEvent {
    /// A process ended.
    Exited(String, Exit),
    /// Somebody asked the keeper to end, by this signal.
    StopRequested(i32),
    /// The keeper is gone. Nothing follows.
    Gone,
}

/// The keeper's events, in order. Whoever reads them must not wait for a reply meanwhile.
pub type KeeperEvents = mpsc::Receiver<KeeperEvent>;

/// Why there is no connection to the keeper.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The socket failed; this is not a platform process that a keeper started.
    #[error("cannot talk to the keeper: {0}")]
    Io(#[from] io::Error),
    /// The keeper refused the greeting: another version.
    #[error("{}", .0.cause)]
    Refused(Refusal),
    /// The keeper said something else than a greeting asks for.
    #[error("the keeper answered what was not asked")]
    Unexpected,
}

/// Talks to the keeper.
pub struct KeeperClient {
    socket: AsyncFd<OwnedFd>,
    number: AtomicU64,
    waiting: Mutex<Option<Waiting>>,
}

type Answer = (Result<Reply, Refusal>, Option<OwnedFd>);
type Waiting = BTreeMap<u64, oneshot::Sender<Answer>>;

/// Greets the keeper on the descriptor that it gave this process, and gives what it holds. On a tokio runtime.
///
/// # Errors
/// When the descriptor is not a keeper's socket, or the keeper is of another version.
pub async fn connect(
    descriptor: RawFd,
    tasks: &Tasks,
) -> Result<(Arc<KeeperClient>, Inventory, KeeperEvents), ConnectError> {
    let socket = watch(take(descriptor)?, Interest::READABLE | Interest::WRITABLE)?;
    let client = KeeperClient { socket, number: AtomicU64::new(1), waiting: Mutex::new(Some(Waiting::new())) };
    let inventory = client.greet().await?;
    let client = Arc::new(client);
    let (sender, events) = mpsc::channel(1024);
    tasks.spawn(TaskKind::Loop("keeper client"), client.clone().receive_all(sender));
    Ok((client, inventory, events))
}

#[allow(unsafe_code)]
fn take(descriptor: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: it is only duplicated, here and now; if nothing is open there, that is an error.
    let given = unsafe { BorrowedFd::borrow_raw(descriptor) };
    rustix::io::fcntl_setfd(given, rustix::io::FdFlags::CLOEXEC)?;
    Ok(rustix::io::fcntl_dupfd_cloexec(given, PLATFORM_FD)?)
}

/// Nobody answers any more when this is dropped, be it that the keeper is gone or that the task was cancelled.
struct Reader(Arc<KeeperClient>);

impl Drop for Reader {
    fn drop(&mut self) {
        *self.0.waiting() = None;
    }
}

impl KeeperClient {
    /// Ends the talk: the keeper starts another platform process if it has asked this one to leave. For when nothing here
    /// takes the keeper's end for granted any more.
    pub fn leave(&self) {
        // Where that fails, this process ends soon, which tells the same.
        let _ = rustix::net::shutdown(self.socket.get_ref(), rustix::net::Shutdown::Both);
    }

    async fn greet(&self) -> Result<Inventory, ConnectError> {
        let hello = Numbered { number: 0, request: Request::Hello { version: VERSION } };
        self.send(&serde_json::to_vec(&hello).map_err(io::Error::other)?).await?;
        let (pid, generation, held) = match self.receive().await? {
            (Message::Reply { reply: Ok(Reply::Welcome { pid, processes, sockets, generation }), .. }, _) => {
                (pid, generation, processes + sockets)
            }
            (Message::Reply { reply: Err(refusal), .. }, _) => return Err(ConnectError::Refused(refusal)),
            _ => return Err(ConnectError::Unexpected),
        };
        let mut inventory = Inventory { pid, generation, ..Inventory::default() };
        for _ in 0..held {
            inventory.add(self.receive().await?)?;
        }
        Ok(inventory)
    }

    async fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.socket.async_io(Interest::WRITABLE, |socket| packet::send(socket, packet, None)).await
    }

    async fn receive(&self) -> io::Result<(Message, Option<OwnedFd>)> {
        let (packet, fd) = self.socket.async_io(Interest::READABLE, |socket| packet::receive(socket.as_fd())).await?;
        Ok((serde_json::from_slice(&packet)?, fd))
    }

    /// Runs on after the keeper has gone, for the end of a loop ends everything at once.
    async fn receive_all(self: Arc<Self>, events: mpsc::Sender<KeeperEvent>) {
        let reader = Reader(self.clone());
        while let Ok((message, fd)) = self.receive().await {
            let event = match message {
                Message::Reply { number, reply } => {
                    self.reply(number, (reply, fd));
                    continue;
                }
                Message::Event(Event::Exited { key, exit }) => KeeperEvent::Exited(key, exit),
                Message::Event(Event::StopRequested { signal }) => KeeperEvent::StopRequested(signal),
                Message::Event(Event::Process { .. } | Event::Socket { .. }) => continue,
            };
            let _ = events.send(event).await;
        }
        drop(reader);
        let _ = events.send(KeeperEvent::Gone).await;
        std::future::pending::<()>().await;
    }

    fn reply(&self, number: u64, answer: Answer) {
        let waiting = self.waiting().as_mut().and_then(|waiting| waiting.remove(&number));
        let _ = waiting.map(|sender| sender.send(answer));
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().expect("nothing panics under the lock")
    }

    fn packet(&self, request: Request) -> Result<(u64, Vec<u8>), KeeperError> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let packet = serde_json::to_vec(&Numbered { number, request }).map_err(|_| KeeperError::Gone)?;
        if packet.len() > PACKET_BYTES_MAX {
            return Err(KeeperError::TooLarge(packet.len()));
        }
        Ok((number, packet))
    }

    async fn request(&self, request: Request) -> Result<(Reply, Option<OwnedFd>), KeeperError> {
        let (number, packet) = self.packet(request)?;
        let (sender, answer) = oneshot::channel();
        self.waiting().as_mut().ok_or(KeeperError::Gone)?.insert(number, sender);
        if self.send(&packet).await.is_err() {
            let _ = self.waiting().as_mut().and_then(|waiting| waiting.remove(&number));
            return Err(KeeperError::Gone);
        }
        let (reply, fd) = answer.await.map_err(|_| KeeperError::Gone)?;
        Ok((reply.map_err(KeeperError::Refused)?, fd))
    }
}

impl Inventory {
    fn add(&mut self, message: (Message, Option<OwnedFd>)) -> Result<(), ConnectError> {
        match message {
            (Message::Event(Event::Process { key, pid, exit, cgroups, secrets }), Some(output)) => {
                self.processes.push(HeldProcess { key, pid, exit, cgroups, secrets, output });
            }
            (Message::Event(Event::Socket { name }), Some(fd)) => _ = self.sockets.insert(name, fd),
            _ => return Err(ConnectError::Unexpected),
        }
        Ok(())
    }
}

#[async_trait]
impl Keeper for KeeperClient {
    async fn ready(&self) -> Result<(), KeeperError> {
        self.request(Request::Ready).await.map(drop)
    }

    async fn spawn(&self, spawn: Spawn) -> Result<Spawned, KeeperError> {
        match self.request(Request::Spawn(spawn)).await? {
            (Reply::Spawned { pid }, Some(output)) => Ok(Spawned { pid, output }),
            _ => Err(KeeperError::Gone),
        }
    }

    async fn signal(&self, key: &str, signal: i32, whom: Whom) -> Result<(), KeeperError> {
        self.request(Request::Signal { key: key.into(), signal, whom }).await.map(drop)
    }

    async fn forget(&self, key: &str) -> Result<(), KeeperError> {
        self.request(Request::Forget { key: key.into() }).await.map(drop)
    }

    async fn log(&self, key: &str, path: PathBuf) -> Result<(), KeeperError> {
        self.request(Request::Log { key: key.into(), path }).await.map(drop)
    }

    async fn bind(&self, name: &str, address: ListenAddress) -> Result<OwnedFd, KeeperError> {
        let bound = self.request(Request::Bind { name: name.into(), address: address.clone() }).await;
        let (_, fd) = bound.map_err(|error| name_owner(error, &address))?;
        fd.ok_or(KeeperError::Gone)
    }

    async fn close(&self, name: &str) -> Result<(), KeeperError> {
        self.request(Request::Close { name: name.into() }).await.map(drop)
    }

    async fn stop(&self, code: u8) -> Result<(), KeeperError> {
        // The reply is not awaited: this is the last request, and whoever reads replies may have been stopped already.
        let (_, packet) = self.packet(Request::Stop { code })?;
        self.send(&packet).await.map_err(|_| KeeperError::Gone)
    }
}

/// Says which process has the port, where that can be read.
fn name_owner(error: KeeperError, address: &ListenAddress) -> KeeperError {
    match (error, address) {
        (KeeperError::Refused(mut refusal), ListenAddress::Tcp { address, .. })
            if refusal.errno == rustix::io::Errno::ADDRINUSE.raw_os_error() =>
        {
            if let Some((pid, name)) = network::port_owner(*address) {
                refusal.cause = format!("{address} is in use by `{name}`, process {pid}");
            }
            KeeperError::Refused(refusal)
        }
        (error, _) => error,
    }
}
