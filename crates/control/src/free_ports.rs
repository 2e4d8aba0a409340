//! Ports for instances: free ones below the range from which the kernel gives ports to outgoing connections.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
};

/// Where to look. The kernel's own range begins at 32768.
const RANGE: Range<u16> = 20_000..32_000;

/// The ports that are taken by instances of this system.
pub(crate) struct FreePorts {
    taken: BTreeSet<u16>,
    next: u16,
}

impl FreePorts {
    /// `seed` says where to begin, so that two systems seldom meet.
    pub(crate) fn new(seed: u64) -> Self {
        let width = u64::from(RANGE.end - RANGE.start);
        Self { taken: BTreeSet::new(), next: RANGE.start + u16::try_from(seed % width).unwrap_or(0) }
    }

    /// Marks a port as taken.
    pub(crate) fn keep(&mut self, port: u16) {
        self.taken.insert(port);
    }

    /// A port on which nothing listens; `None` if there is none.
    pub(crate) fn take(&mut self) -> Option<u16> {
        for _ in RANGE {
            let port = self.next;
            self.next = if port + 1 == RANGE.end { RANGE.start } else { port + 1 };
            if !self.taken.contains(&port) && is_free(port) {
                self.taken.insert(port);
                return Some(port);
            }
        }
        None
    }

    /// Gives a port back.
    pub(crate) fn release(&mut self, port: u16) {
        self.taken.remove(&port);
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_gives_a_port_twice_or_one_in_use() {
        let mut ports = FreePorts::new(77);
        let first = ports.take().unwrap();
        let mut again = FreePorts::new(77);
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        assert_ne!(again.take(), Some(first), "somebody listens there");
        let more: BTreeSet<_> = (0..50).map(|_| ports.take().unwrap()).collect();
        assert!(more.len() == 50 && !more.contains(&first) && more.iter().all(|port| RANGE.contains(port)));
    }
}
