//! The local address of a connection is the caller's identity.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    os::fd::OwnedFd,
    sync::Arc,
};

use mesh::{Mesh, MeshConfig};
use model::spec::{AdaptiveConcurrency, Side};
use ports::{
    clock::HostClock,
    tasks::Tasks,
    traffic::{Caller, Connection, Endpoint, Routing, Traffic, Upstream},
};
use tokio::net::{TcpSocket, TcpStream};

use crate::rig::*;

/// One socket for all of 127.0.0.0/8, bound to `lo`; where that is forbidden, one for each address.
fn sockets(addresses: &[Ipv4Addr]) -> (Vec<OwnedFd>, u16) {
    let shared = TcpSocket::new_v4().unwrap();
    if shared.bind_device(Some(b"lo")).is_ok() {
        shared.bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let listener = shared.listen(64).unwrap().into_std().unwrap();
        let port = listener.local_addr().unwrap().port();
        return (vec![listener.into()], port);
    }
    let first = std::net::TcpListener::bind((addresses[0], 0)).unwrap();
    let port = first.local_addr().unwrap().port();
    let others = addresses[1..].iter().map(|address| std::net::TcpListener::bind((*address, port)).unwrap().into());
    (std::iter::once(first.into()).chain(others).collect(), port)
}

#[tokio::test]
async fn each_address_is_one_connection() {
    let [users, stock, unknown] =
        [(127, 1, 0, 7), (127, 1, 0, 8), (127, 9, 9, 9)].map(|(a, b, c, d)| Ipv4Addr::new(a, b, c, d));
    let (connections, port) = sockets(&[users, stock, unknown]);
    let config = MeshConfig { workers: 2, connections, ..MeshConfig::default() };
    let mesh = Mesh::start(config, Arc::new(HostClock::start())).await.unwrap();
    let tasks = Tasks::default();
    let mut routing = Routing::default();
    let mut declared = BTreeMap::new();
    for (caller, address, callee) in [("orders/1", users, "users"), ("orders/2", stock, "stock")] {
        let target = serve(&tasks, named(callee)).await;
        let upstream = Upstream {
            has_been_healthy: true,
            adaptive_concurrency: AdaptiveConcurrency::Switch(true),
            endpoints: vec![Endpoint { instance: id(callee, 1), target, side: Side::Old }],
            ..Upstream::default()
        };
        routing.services.insert(callee.parse().unwrap(), Arc::new(upstream));
        let caller = Caller::Slot(caller.parse().unwrap());
        declared.insert(
            address,
            Connection { caller, callee: callee.parse().unwrap(), policy: Arc::default(), socket: None, side: None },
        );
    }
    routing.connections = Arc::new(declared.clone());
    mesh.apply(routing.clone()).await;
    let connect =
        async |address: Ipv4Addr| Conn::new(TcpStream::connect(SocketAddr::from((address, port))).await.unwrap());
    let mut client = connect(users).await;
    assert_eq!(client.get("/").await, (200, "users".into()));
    assert_eq!(connect(stock).await.get("/").await, (200, "stock".into()));
    let mut stranger = connect(unknown).await;
    assert_eq!(stranger.problem("GET / HTTP/1.1\r\nhost: users\r\n\r\n").await.reason, "not-declared");
    assert!(stranger.ends().await);
    declared.remove(&users);
    routing.connections = Arc::new(declared);
    mesh.apply(routing).await;
    assert_eq!(client.problem("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.reason, "not-declared");
}
