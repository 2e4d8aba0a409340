//! The Unix sockets of callers, one beside each address that has one: made and closed as the routing state says. The keeper
//! holds them, so they outlive this process.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::Ipv4Addr,
    os::unix::net::UnixListener,
    path::Path,
    sync::Arc,
};

use model::Gather;
use ports::{
    keeper::{Keeper, KeeperError, ListenAddress},
    traffic::Connection,
};

/// Begins the names of the keeper's sockets; the address follows.
const NAME_PREFIX: &str = "call ";

type Connections = Arc<BTreeMap<Ipv4Addr, Connection>>;

/// The sockets that are open.
#[derive(Default)]
pub(crate) struct CallSockets {
    keeper: Option<Arc<dyn Keeper>>,
    /// What an earlier process left to the keeper and nobody has asked for yet.
    held: BTreeSet<Ipv4Addr>,
    open: BTreeSet<Ipv4Addr>,
    followed: Connections,
}

/// What every worker must do.
#[derive(Default)]
pub(crate) struct Change {
    /// Where to accept from now on.
    pub(crate) opened: Vec<(Ipv4Addr, UnixListener)>,
    /// Where not to any more.
    pub(crate) closed: Vec<Ipv4Addr>,
    /// What could not be made, in a sentence.
    pub(crate) notice: Option<String>,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    #[error(transparent)]
    Host(#[from] io::Error),
}

impl CallSockets {
    /// Without a keeper there are none. `names` are those of all sockets that it holds.
    pub(crate) fn new(keeper: Option<Arc<dyn Keeper>>, names: &[String]) -> Self {
        let address = |name: &String| name.strip_prefix(NAME_PREFIX)?.parse::<Ipv4Addr>().ok();
        Self { keeper, held: names.iter().filter_map(address).gather(), ..Self::default() }
    }

    /// Makes what is declared and closes what is not any more; `None` if nothing changed.
    pub(crate) async fn follow(&mut self, connections: &Connections) -> Option<Change> {
        let keeper = self.keeper.clone()?;
        if Arc::ptr_eq(connections, &self.followed) {
            return None;
        }
        self.followed = connections.clone();
        let wanted = |address: &Ipv4Addr| connections.get(address).is_some_and(|it| it.socket.is_some());
        let mut known = std::mem::take(&mut self.held);
        known.extend(&self.open);
        let mut change = Change { closed: known.into_iter().filter(|it| !wanted(it)).collect(), ..Change::default() };
        for address in &change.closed {
            let _ = keeper.close(&name(*address)).await;
            self.open.remove(address);
        }
        for (address, connection) in connections.iter().filter(|(address, _)| !self.open.contains(*address)) {
            let Some(path) = &connection.socket else { continue };
            match bind(&*keeper, *address, path).await {
                Ok(listener) => change.opened.push((*address, listener)),
                Err(cause) => change.notice = Some(notice(connection, &cause)),
            }
        }
        self.open.extend(change.opened.iter().map(|(address, _)| *address));
        Some(change)
    }
}

async fn bind(keeper: &dyn Keeper, address: Ipv4Addr, path: &Path) -> Result<UnixListener, Cause> {
    let socket = keeper.bind(&name(address), ListenAddress::Unix { path: path.into() }).await?;
    let listener = UnixListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn name(address: Ipv4Addr) -> String {
    format!("{NAME_PREFIX}{address}")
}

fn notice(connection: &Connection, cause: &Cause) -> String {
    let Connection { caller, callee, .. } = connection;
    format!("there is no Unix socket for {caller} -> {callee} ({cause}): it is called by its address only")
}
