//! The floor that proxies are compared with: copies bytes between each client and an upstream connection of its own, with one
//! thread, one buffer, and no more system calls than that takes. `floor UPSTREAM` prints the address that it listens on.
//!
//! Its sockets block, and are read only when they are readable: writes wait for a peer that does not read, which is no matter for
//! load tools that do.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd,
};

use anyhow::Context as _;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, EventData, EventFlags},
    fd::OwnedFd,
    io::Errno,
};

const EVENTS_MAX: usize = 1024;
const BUFFER_BYTES: usize = 64 * 1024;
/// The listening socket among the events; descriptors are the others.
const LISTENER: u64 = u64::MAX;

fn main() -> anyhow::Result<()> {
    let upstream: SocketAddr = std::env::args().nth(1).context("usage: floor UPSTREAM")?.parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    let poller = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poller, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    Floor { upstream, listener, poller, peers: HashMap::new() }.run()
}

struct Floor {
    upstream: SocketAddr,
    listener: TcpListener,
    poller: OwnedFd,
    /// Each socket with the key of its peer, by its own key.
    peers: HashMap<u64, (TcpStream, u64)>,
}

impl Floor {
    fn run(mut self) -> anyhow::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            events.clear();
            match epoll::wait(&self.poller, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    key => self.copy(key, &mut buffer),
                }
            }
        }
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        let (client, _) = self.listener.accept()?;
        let upstream = TcpStream::connect(self.upstream)?;
        let keys = [&client, &upstream].map(|socket| u64::try_from(socket.as_raw_fd()));
        let [client_key, upstream_key] = [keys[0]?, keys[1]?];
        for (socket, key, peer) in [(client, client_key, upstream_key), (upstream, upstream_key, client_key)] {
            socket.set_nodelay(true)?;
            epoll::add(&self.poller, &socket, EventData::new_u64(key), EventFlags::IN)?;
            self.peers.insert(key, (socket, peer));
        }
        Ok(())
    }

    /// Copies what has come; the end or an error in one direction ends both.
    fn copy(&mut self, key: u64, buffer: &mut [u8]) {
        let Some((from, peer)) = self.peers.get(&key) else { return };
        let Some((to, _)) = self.peers.get(peer) else { return };
        let (mut from, mut to) = (from, to);
        let copied = from.read(buffer).and_then(|count| to.write_all(&buffer[..count]).map(|()| count));
        if !matches!(copied, Ok(1..)) {
            let peer = *peer;
            self.peers.remove(&key);
            self.peers.remove(&peer);
        }
    }
}
