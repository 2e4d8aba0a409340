//! A running server, and a client of raw lines.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use ports::clock::HostClock;
use streams::server::{Config, Handle, Listeners, Service, start};

/// What is waited for comes within this time, or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) handle: Handle,
    pub(crate) address: SocketAddr,
    pub(crate) monitor: SocketAddr,
}

impl Server {
    pub(crate) fn start(config: Config) -> Self {
        Self::with_services(config, Vec::new())
    }

    /// A server where another one was.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self::listening(address, Config::default(), Vec::new())
    }

    pub(crate) fn with_services(config: Config, services: Vec<Box<dyn Service>>) -> Self {
        Self::listening(([127, 0, 0, 1], 0).into(), config, services)
    }

    fn listening(address: SocketAddr, config: Config, services: Vec<Box<dyn Service>>) -> Self {
        let clients = TcpListener::bind(address).unwrap();
        let monitor = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, watched) = (clients.local_addr().unwrap(), monitor.local_addr().unwrap());
        let config = Config { port: address.port(), ..config };
        let listeners = Listeners { clients: Some(clients), monitor: Some(monitor) };
        let handle = start(config, services, listeners, Arc::new(HostClock::start()), 1).unwrap();
        Self { handle, address, monitor: watched }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    pub(crate) async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.url()).await.unwrap()
    }

    /// A client of raw lines whose `INFO` has been read.
    pub(crate) fn raw(&self) -> Raw {
        let mut raw = Raw(TcpStream::connect(self.address).unwrap());
        raw.0.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(raw.line().starts_with("INFO {"));
        raw
    }
}

pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// Says something and waits until it has been done.
    pub(crate) fn say_and_wait(&mut self, text: &str) {
        self.say(&format!("{text}PING\r\n"));
        self.hear("PONG\r\n");
    }

    /// Everything up to and with this.
    pub(crate) fn hear(&mut self, end: &str) -> String {
        let (mut heard, mut byte) = (Vec::new(), [0]);
        while !heard.ends_with(end.as_bytes()) {
            let count = self.0.read(&mut byte).unwrap_or_else(|error| panic!("{error} after {heard:?}"));
            assert_eq!(count, 1, "closed after {:?}", String::from_utf8_lossy(&heard));
            heard.push(byte[0]);
        }
        String::from_utf8(heard).unwrap()
    }

    pub(crate) fn line(&mut self) -> String {
        self.hear("\r\n")
    }

    /// Everything until the server closes, which must not be a reset.
    pub(crate) fn rest(&mut self) -> String {
        let mut heard = Vec::new();
        self.0.read_to_end(&mut heard).unwrap();
        String::from_utf8(heard).unwrap()
    }
}
