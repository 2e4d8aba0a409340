//! A server with streams that listens.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use ports::clock::{Clock, HostClock};
use streams::{
    engine::{Courier, Engine, OpenError},
    server::{Config, Handle, Listeners, start},
};

/// Serves the streams that are opened, at a free port.
pub(crate) fn serve(open: impl FnOnce(Arc<dyn Clock>) -> Result<(Engine, Courier), OpenError>) -> (Handle, SocketAddr) {
    let clock = Arc::new(HostClock::start());
    let (engine, courier) = open(clock.clone()).expect("the store is free, and can be read");
    let clients = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = clients.local_addr().expect("it is bound");
    let listeners = Listeners { clients: Some(clients), monitor: None };
    let config = Config { jetstream: true, ..Config::default() };
    let handle = start(config, vec![Box::new(engine)], listeners, clock, 1).expect("a thread");
    courier.start(&handle).expect("a thread");
    (handle, address)
}
