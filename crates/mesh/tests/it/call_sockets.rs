//! The Unix sockets beside the addresses of instances.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use model::spec::Protocol;
use ports::{
    keeper::{Keeper, KeeperError, ListenAddress, Refusal, Spawn, Spawned, Whom},
    traffic::{Caller, Connection, Routing, Traffic},
};
use tokio::{io::AsyncWriteExt, net::UnixStream};

use crate::{attest::Known, rig::*, streams};

const GET: &str = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n";
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 7);

/// Holds Unix sockets, and does nothing else.
#[derive(Default)]
struct Holder(Mutex<BTreeMap<String, (UnixListener, PathBuf)>>);

impl Holder {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

#[async_trait]
impl Keeper for Holder {
    async fn bind(&self, name: &str, address: ListenAddress) -> Result<OwnedFd, KeeperError> {
        let ListenAddress::Unix { path } = address else { return Err(KeeperError::Gone) };
        let mut held = self.0.lock().unwrap();
        if !held.contains_key(name) {
            let refusal = |cause: std::io::Error| Refusal { step: "bind".into(), errno: 0, cause: cause.to_string() };
            let listener = UnixListener::bind(&path).map_err(|cause| KeeperError::Refused(refusal(cause)))?;
            held.insert(name.into(), (listener, path));
        }
        Ok(held[name].0.try_clone().unwrap().into())
    }

    async fn close(&self, name: &str) -> Result<(), KeeperError> {
        if let Some((_, path)) = self.0.lock().unwrap().remove(name) {
            std::fs::remove_file(path).unwrap();
        }
        Ok(())
    }

    async fn ready(&self) -> Result<(), KeeperError> {
        Err(KeeperError::Gone)
    }

    async fn spawn(&self, _: Spawn) -> Result<Spawned, KeeperError> {
        Err(KeeperError::Gone)
    }

    async fn signal(&self, _: &str, _: i32, _: Whom) -> Result<(), KeeperError> {
        Err(KeeperError::Gone)
    }

    async fn forget(&self, _: &str) -> Result<(), KeeperError> {
        Err(KeeperError::Gone)
    }

    async fn log(&self, _: &str, _: PathBuf) -> Result<(), KeeperError> {
        Err(KeeperError::Gone)
    }

    async fn stop(&self, _: u8) -> Result<(), KeeperError> {
        Err(KeeperError::Gone)
    }
}

/// A mesh that asks who calls, what it knows, and the socket of `orders/1` for `users`.
struct Called {
    rig: Rig,
    known: Arc<Known>,
    keeper: Arc<Holder>,
    routing: Routing,
    path: PathBuf,
}

impl Called {
    async fn new(policy: impl FnOnce(&mut model::spec::Policy), held: &[&str]) -> Self {
        let (known, keeper) = (Arc::new(Known::default()), Arc::new(Holder::default()));
        let rig = Rig::start(policy, |config| {
            config.identities = Some(known.clone());
            config.keeper = Some(keeper.clone());
            config.held = held.iter().map(ToString::to_string).collect();
        });
        let rig = rig.await;
        let target = rig.server(named("users")).await;
        let path = rig.folder.path().join("users.call");
        let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
        for connection in Arc::make_mut(&mut routing.connections).values_mut() {
            connection.socket = Some(path.clone());
        }
        Self { rig, known, keeper, routing, path }
    }

    async fn applied(policy: impl FnOnce(&mut model::spec::Policy)) -> Self {
        let this = Self::new(policy, &[]).await;
        this.rig.mesh.apply(this.routing.clone()).await;
        this
    }

    async fn connect(&self) -> Conn {
        Conn::new(UnixStream::connect(&self.path).await.unwrap())
    }

    fn change(&mut self, change: impl FnOnce(&mut BTreeMap<Ipv4Addr, Connection>)) {
        change(Arc::make_mut(&mut self.routing.connections));
    }
}

#[tokio::test]
async fn the_instance_is_served_and_asked_about_once() {
    let called = Called::applied(|_| {}).await;
    called.known.add_process(std::process::id());
    let mut caller = called.connect().await;
    for _ in 0..3 {
        assert_eq!(caller.get("/").await, (200, "users".into()));
    }
    assert_eq!(called.known.processes_asked(), ["orders/1"]);
    // As if it had used the address; a request is counted once its answer is out.
    let requests = || {
        let connections = called.rig.mesh.connections();
        let figures = connections.iter().find(|figures| figures.connection == "orders -> users").unwrap();
        (figures.requests, figures.outcomes.success)
    };
    let counted = async {
        while requests() != (3, 3) {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, counted).await.is_ok(), "{:?}", requests());
}

#[tokio::test]
async fn every_worker_takes_callers() {
    let called = Called::applied(|_| {}).await;
    called.known.add_process(std::process::id());
    let by_worker = || {
        let connections = called.rig.mesh.connections();
        let figures = connections.into_iter().find(|figures| figures.connection == "orders -> users");
        figures.unwrap().requests_by_worker
    };
    while by_worker().contains(&0) {
        let mut callers = Vec::new();
        for _ in 0..16 {
            callers.push(called.connect().await);
        }
        for caller in &mut callers {
            assert_eq!(caller.get("/").await.0, 200);
        }
    }
    assert_eq!(by_worker().len(), 2);
}

#[tokio::test]
async fn a_stranger_is_told_why_and_remembered() {
    let called = Called::applied(|_| {}).await;
    let mut stranger = called.connect().await;
    let problem = stranger.problem(GET).await;
    assert_eq!((problem.reason.as_str(), problem.status), ("not-attested", 403));
    assert_eq!(problem.connection.as_deref(), Some("orders/1 -> users"));
    let user = rustix::process::geteuid().as_raw();
    let expected =
        format!("the address is that of orders/1, and the caller is a process of user {user} that is none of its own");
    assert_eq!(problem.detail, expected);
    assert!(stranger.ends().await);
    let failures = called.rig.mesh.failures(&"users".parse().unwrap());
    assert_eq!((failures.len(), failures[0].request.as_str()), (1, "GET /a"));
}

#[tokio::test]
async fn the_operators_socket_is_for_the_systems_own_user() {
    let mut called = Called::new(|_| {}, &[]).await;
    called.change(|connections| connections.values_mut().for_each(|it| it.caller = Caller::Operator));
    called.rig.mesh.apply(called.routing.clone()).await;
    assert_eq!(called.connect().await.get("/").await, (200, "users".into()));
    assert_eq!(called.known.processes_asked(), Vec::<String>::new());
}

#[tokio::test]
async fn an_instance_that_is_being_started_is_waited_for() {
    let called = Called::applied(|_| {}).await;
    called.known.begin();
    let mut early = called.connect().await;
    early.send(GET).await;
    while called.known.processes_asked().is_empty() {
        tokio::task::yield_now().await;
    }
    called.known.add_process(std::process::id());
    called.known.settle();
    assert_eq!(early.response().await.0, 200);
}

#[tokio::test]
async fn sockets_come_and_go_with_their_connections() {
    let mut called = Called::new(|_| {}, &["gateway", "call 127.9.9.9"]).await;
    called.known.add_process(std::process::id());
    let stale = called.rig.folder.path().join("stale.call");
    called.keeper.bind("call 127.9.9.9", ListenAddress::Unix { path: stale.clone() }).await.unwrap();
    called.rig.mesh.apply(called.routing.clone()).await;
    assert_eq!((called.keeper.names(), stale.exists()), (vec![format!("call {CONNECTION}")], false));

    let mut before = called.connect().await;
    assert_eq!(before.get("/").await.0, 200);
    let other = called.rig.folder.path().join("other.call");
    let declared = called.routing.connections[&CONNECTION].clone();
    called.change(|connections| {
        connections.insert(OTHER, Connection { socket: Some(other.clone()), ..declared });
    });
    called.rig.mesh.apply(called.routing.clone()).await;
    assert_eq!(Conn::new(UnixStream::connect(&other).await.unwrap()).get("/").await.0, 200);
    assert_eq!(before.get("/").await.0, 200, "what did not change is not touched");

    called.change(|connections| _ = connections.remove(&CONNECTION));
    called.rig.mesh.apply(called.routing.clone()).await;
    assert_eq!((called.keeper.names(), called.path.exists()), (vec![format!("call {OTHER}")], false));
    assert_eq!(before.problem(GET).await.reason, "not-declared");
    called.rig.mesh.apply(Routing::default()).await;
    assert_eq!(called.keeper.names(), Vec::<String>::new());
}

#[tokio::test]
async fn what_cannot_be_made_is_said_until_it_can() {
    let mut called = Called::new(|_| {}, &[]).await;
    called.known.add_process(std::process::id());
    std::fs::write(&called.path, "").unwrap();
    called.rig.mesh.apply(called.routing.clone()).await;
    let notices = called.rig.mesh.notices();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].starts_with("there is no Unix socket for orders/1 -> users ("), "{notices:?}");
    std::fs::remove_file(&called.path).unwrap();
    called.routing.connections = Arc::new((*called.routing.connections).clone());
    called.rig.mesh.apply(called.routing.clone()).await;
    assert_eq!((called.rig.mesh.notices(), called.connect().await.get("/").await.0), (Vec::new(), 200));
}

#[tokio::test]
async fn bytes_go_over_it_too() {
    let called = Called::applied(|policy| policy.protocol = Protocol::Tcp).await;
    let mut stranger = called.connect().await;
    assert!(stranger.ends().await);
    called.known.add_process(std::process::id());
    assert_eq!(called.connect().await.get("/").await, (200, "users".into()));
}

#[tokio::test]
async fn a_caller_that_leaves_while_the_instance_reads_nothing() {
    let mut called = Called::new(|_| {}, &[]).await;
    let deaf = |mut conn: Conn| async move {
        conn.request_head().await;
        std::future::pending::<()>().await;
    };
    let target = called.rig.server(deaf).await;
    called.routing.services = called.rig.routing(&[("users", true, &[(1, target)])]).services;
    called.rig.mesh.apply(called.routing.clone()).await;
    called.known.add_process(std::process::id());
    let mut caller = UnixStream::connect(&called.path).await.unwrap();
    caller.write_all(b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n").await.unwrap();
    streams::fill(&mut caller).await;
    called.rig.until_in_flight(&id("users", 1), 1).await;
    drop(caller);
    streams::is_cancelled(&called.rig).await;
}
