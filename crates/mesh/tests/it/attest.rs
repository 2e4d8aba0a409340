//! Only the instance that an address belongs to is served at it.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::MetadataExt,
    },
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use model::{InstanceId, Reason, Slot, figures::Outcomes, spec::Protocol};
use ports::{
    identity::{Identities, Owner, PeerSocket},
    traffic::{Caller, Traffic},
};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::Notify,
    time::timeout,
};

use crate::{frames::*, rig::*};

const GET: &str = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n";

/// Knows sockets by their inodes and processes by their ids, and remembers what it was asked.
#[derive(Default)]
pub(crate) struct Known {
    inodes: Mutex<BTreeSet<u64>>,
    processes: Mutex<BTreeSet<u32>>,
    asked: Mutex<Vec<(Slot, PeerSocket)>>,
    processes_asked: Mutex<Vec<String>>,
    unsettled: AtomicBool,
    settled: Notify,
}

#[async_trait]
impl Identities for Known {
    fn of_socket(&self, slot: &Slot, socket: PeerSocket) -> Owner {
        self.asked.lock().unwrap().push((slot.clone(), socket));
        match self.inodes.lock().unwrap().contains(&socket.inode) {
            true => Owner::Instance(InstanceId { slot: slot.clone(), run: 1 }),
            false if self.unsettled.load(Ordering::SeqCst) => Owner::Unsettled,
            false => Owner::Instance(id("orders", 2)),
        }
    }

    fn of_process(&self, slot: &Slot, socket: BorrowedFd<'_>) -> Owner {
        self.processes_asked.lock().unwrap().push(slot.to_string());
        let pid = rustix::net::sockopt::socket_peercred(socket).unwrap().pid.as_raw_pid();
        match self.processes.lock().unwrap().contains(&pid.unsigned_abs()) {
            true => Owner::Instance(InstanceId { slot: slot.clone(), run: 1 }),
            false if self.unsettled.load(Ordering::SeqCst) => Owner::Unsettled,
            false => Owner::Unknown,
        }
    }

    async fn settled(&self, _: &Slot) {
        self.settled.notified().await;
        self.unsettled.store(false, Ordering::SeqCst);
    }
}

impl Known {
    pub(crate) fn add_process(&self, pid: u32) {
        self.processes.lock().unwrap().insert(pid);
    }

    /// The slots that it was asked about, for a process each.
    pub(crate) fn processes_asked(&self) -> Vec<String> {
        self.processes_asked.lock().unwrap().clone()
    }

    /// An instance is being started.
    pub(crate) fn begin(&self) {
        self.unsettled.store(true, Ordering::SeqCst);
    }

    /// It has been.
    pub(crate) fn settle(&self) {
        self.settled.notify_one();
    }

    fn add(&self, socket: impl AsFd) -> u64 {
        let inode = rustix::fs::fstat(socket).unwrap().st_ino;
        self.inodes.lock().unwrap().insert(inode);
        inode
    }
}

async fn rig(policy: impl FnOnce(&mut model::spec::Policy)) -> (Rig, Arc<Known>) {
    let known = Arc::new(Known::default());
    let rig = Rig::attested(known.clone(), policy).await;
    rig.serves(named("users")).await;
    (rig, known)
}

/// A caller's socket, known before it is connected.
async fn connect(socket: TcpSocket, known: &Known, to: SocketAddr) -> Conn {
    known.add(&socket);
    Conn::new(socket.connect(to).await.unwrap())
}

#[tokio::test]
async fn the_instance_is_served_and_asked_about_once() {
    let (rig, known) = rig(|_| {}).await;
    let socket = TcpSocket::new_v4().unwrap();
    let inode = known.add(&socket);
    let mut caller = connect(socket, &known, rig.connections).await;
    for _ in 0..3 {
        assert_eq!(caller.get("/").await, (200, "users".into()));
    }
    let asked = known.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!((asked[0].0.to_string(), asked[0].1.inode), ("orders/1".into(), inode));
    if let (Some(cgroup), Some(own)) = (asked[0].1.cgroup, own_cgroup()) {
        assert_eq!(cgroup, own, "the group of the process that made the socket");
    }
}

/// The id of this process's cgroup2 group, where it can be seen.
fn own_cgroup() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split(' ').nth(4)?;
    Some(std::fs::metadata(std::path::Path::new(mount).join(path)).ok()?.ino())
}

#[tokio::test]
async fn a_stranger_is_told_why_and_remembered() {
    let (rig, _known) = rig(|_| {}).await;
    for request in [GET, "nonsense\r\n\r\n"] {
        let mut stranger = rig.caller().await;
        let problem = stranger.problem(request).await;
        assert_eq!((problem.reason.as_str(), problem.status), ("not-attested", 403));
        assert_eq!(problem.connection.as_deref(), Some("orders/1 -> users"));
        assert_eq!(problem.detail, "the address is that of orders/1, and the caller is orders/2#2");
        assert!(stranger.ends().await);
    }
    let mut silent = rig.caller().await;
    silent.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let (status, head, body) = silent.response_to("HEAD").await;
    assert_eq!((status, head.contains("x-isles-reason: not-attested\r\n"), body.len()), (403, true, 0));
    let failures = rig.mesh.failures(&"users".parse().unwrap());
    let requests: Vec<_> = failures.iter().map(|failure| failure.request.as_str()).collect();
    assert_eq!(requests, ["HEAD /"], "the last one stands for all that were alike");
    let connections = rig.mesh.connections();
    let figures = connections.iter().find(|figures| figures.connection == "orders -> users").unwrap();
    assert_eq!(
        (figures.requests, figures.outcomes, &figures.reasons),
        (3, Outcomes { refused: 3, ..Outcomes::default() }, &[(Reason::NotAttested, 3)].into()),
        "the caller that the connection is of has not failed"
    );
    assert_eq!(rig.mesh.notices(), Vec::<String>::new());
}

#[tokio::test]
async fn a_stranger_that_speaks_http2_is_told_why() {
    const REFUSED_STREAM: u32 = 7;
    let (rig, _known) = rig(|_| {}).await;
    let mut stranger = Frames::connect_to(rig.connections).await;
    stranger.send(&get(1, END_STREAM, &[])).await;
    assert_eq!(stranger.next().await, Some((SETTINGS, 0, Vec::new())));
    let (kind, stream, payload) = stranger.next().await.unwrap();
    assert_eq!((kind, stream, code(&payload[..4]), code(&payload[4..8])), (GOAWAY, 0, 0, REFUSED_STREAM));
    let said = std::str::from_utf8(&payload[8..]).unwrap();
    assert_eq!(said, "not-attested: the address is that of orders/1, and the caller is orders/2#2");
    assert_eq!(stranger.next().await, None);
    let failures = rig.mesh.failures(&"users".parse().unwrap());
    assert_eq!((failures.len(), failures[0].request.as_str()), (1, "a connection of HTTP/2"));
}

/// However many strangers keep silent, each worker waits for a few; the others are closed at once.
#[tokio::test]
async fn strangers_that_say_nothing_are_few() {
    const WAITED_FOR_MAX: usize = 2 * 64;
    const CLOSED_MIN: usize = 50;
    let (rig, _known) = rig(|policy| policy.limits.head_timeout = Duration::from_secs(3600)).await;
    let mut silent = Vec::new();
    for _ in 0..WAITED_FOR_MAX + CLOSED_MIN {
        // One that is closed at once may be so before it knows that it was accepted.
        silent.extend(TcpStream::connect(rig.connections).await.map(Conn::new));
    }
    let closed = || {
        let connections = rig.mesh.connections();
        let figures = connections.iter().find(|figures| figures.connection == "orders -> users").unwrap();
        figures.reasons.get(&Reason::NotAttested).copied().unwrap_or_default()
    };
    let until_closed = async {
        while closed() < CLOSED_MIN as u64 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, until_closed).await.unwrap();
    let mut answered = 0;
    for stranger in &mut silent {
        answered += usize::from(stranger.try_get("/").await == Some(403));
    }
    assert!((WAITED_FOR_MAX / 2..=WAITED_FOR_MAX).contains(&answered), "{answered}");
    drop(silent);
    let until_told = async {
        loop {
            let stranger = TcpStream::connect(rig.connections).await.map(Conn::new);
            if let Ok(mut stranger) = stranger
                && stranger.try_get("/").await == Some(403)
            {
                break;
            }
        }
    };
    timeout(PATIENCE, until_told).await.unwrap();
}

#[tokio::test]
async fn callers_may_use_ipv6_sockets_or_bind_to_the_device() {
    let (rig, known) = rig(|_| {}).await;
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    let to = SocketAddr::from((mapped, rig.connections.port()));
    if let Ok(socket) = TcpSocket::new_v6() {
        assert_eq!(connect(socket, &known, to).await.get("/").await, (200, "users".into()));
    }
    let bound = TcpSocket::new_v4().unwrap();
    if bound.bind_device(Some(b"lo")).is_ok() {
        assert_eq!(connect(bound, &known, rig.connections).await.get("/").await, (200, "users".into()));
    }
    assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, rig.connections.port())).await.is_err());
}

/// A port of one's own that listens too must not be taken for the caller.
#[tokio::test]
async fn a_listener_on_the_callers_port_is_not_the_caller() {
    let (rig, known) = rig(|_| {}).await;
    let reusable = || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.set_reuseport(true).unwrap();
        socket
    };
    let listening = reusable();
    listening.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let own = listening.local_addr().unwrap();
    known.add(&listening);
    let calling = reusable();
    calling.bind(own).unwrap();
    let listener = listening.listen(1).unwrap();
    let mut stranger = Conn::new(calling.connect(rig.connections).await.unwrap());
    assert_eq!(stranger.problem(GET).await.reason, "not-attested");
    drop(listener);
}

#[tokio::test]
async fn an_instance_that_is_being_started_is_waited_for() {
    let (rig, known) = rig(|_| {}).await;
    known.begin();
    let socket = TcpSocket::new_v4().unwrap();
    let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
    let mut early = Conn::new(socket.connect(rig.connections).await.unwrap());
    early.send(GET).await;
    while known.asked.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    known.inodes.lock().unwrap().insert(inode);
    known.settle();
    assert_eq!(early.response().await.0, 200);
}

/// Whoever comes while it is not known who they are counts.
#[tokio::test]
async fn those_that_wait_for_an_instance_are_no_more_than_it_may_have() {
    let (rig, known) = rig(|policy| policy.limits.client_connections = 3).await;
    known.begin();
    let mut early = Vec::new();
    for count in 1..=3 {
        early.push(rig.caller().await);
        while known.asked.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    }
    for _ in 0..2 {
        let problem = rig.caller().await.problem(GET).await;
        assert_eq!((problem.reason.as_str(), problem.status), (Reason::TooManyConnections.code(), 503));
        assert_eq!(problem.detail, "3 from orders/1");
    }
    known.settle();
    drop(early);
}

#[tokio::test]
async fn an_address_that_is_declared_later_is_not_for_those_who_were_there_before() {
    let known = Arc::new(Known::default());
    let rig = Rig::attested(known.clone(), |_| {}).await;
    let target = rig.server(named("users")).await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    let declared = std::mem::take(&mut routing.connections);
    rig.mesh.apply(routing.clone()).await;
    let mut before = rig.caller().await;
    let mut also = rig.caller().await;
    assert_eq!(also.problem(GET).await.reason, "not-declared");
    routing.connections = declared;
    rig.mesh.apply(routing).await;
    assert_eq!(before.problem(GET).await.reason, "not-declared");
}

#[tokio::test]
async fn a_connection_of_bytes_is_reset() {
    let (rig, _known) = rig(|policy| policy.protocol = Protocol::Tcp).await;
    match TcpStream::connect(rig.connections).await {
        Ok(stranger) => assert!(Conn::new(stranger).ends().await),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    let failures = rig.mesh.failures(&"users".parse().unwrap());
    assert_eq!((failures.len(), failures[0].request.as_str()), (1, "a connection"));
}

#[tokio::test]
async fn the_operators_address_is_for_the_systems_own_user() {
    let (rig, known) = rig(|_| {}).await;
    let target = rig.server(named("users")).await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    for connection in Arc::make_mut(&mut routing.connections).values_mut() {
        connection.caller = Caller::Operator;
    }
    rig.mesh.apply(routing).await;
    assert_eq!(rig.caller().await.get("/").await, (200, "users".into()));
    assert!(known.asked.lock().unwrap().is_empty());
}
