//! How many clients are connected: to the gateway, in all and from each address; of each instance, at each of its addresses.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard},
};

use model::{Reason, spec::ConnectionLimits};

use crate::{
    client::{self, Client},
    listener::Entry,
    problem::Fault,
    worker::Worker,
};

/// The clients of one kind, of all workers. Looked at once for each connection, never for a request.
#[derive(Default)]
pub(crate) struct Guests(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    total: u32,
    of: HashMap<IpAddr, u32>,
}

/// Who counts as one: an address of IPv4, or the 64 bits of one of IPv6 that name its network (RFC 4291 section 2.5.4): whoever has
/// one address there has all of them.
fn peer(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(whole) => Ipv6Addr::from_bits(whole.to_bits() >> 64 << 64).into(),
    }
}

fn shown(peer: IpAddr) -> String {
    if peer.is_ipv4() { peer.to_string() } else { format!("{peer}/64") }
}

/// A client that is counted until this is dropped.
pub(crate) struct Guest {
    guests: Arc<Guests>,
    peer: IpAddr,
}

impl Client {
    /// Counts it, unless there are too many: at the gateway, or of the instance whose address it entered by.
    pub(crate) fn enter(&mut self, worker: &Worker) -> Result<(), Fault> {
        let too_many = |detail| Fault::new(Reason::TooManyConnections, detail);
        self.guest = match self.entry {
            Entry::Gateway => {
                let limits = worker.view().table.gateway.as_ref().map(|gateway| gateway.limits);
                limits.map(|limits| worker.guests.enter(self.peer, limits)).transpose().map_err(too_many)?
            }
            Entry::Address(address) => {
                let per_peer = client::limits(worker, self.entry).0.client_connections;
                let entered = worker.callers.enter(address.into(), ConnectionLimits { total: u32::MAX, per_peer });
                Some(entered.map_err(|_| too_many(format!("{per_peer} from {}", worker.caller(address))))?)
            }
        };
        Ok(())
    }
}

impl Worker {
    fn caller(&self, address: Ipv4Addr) -> String {
        let view = self.view();
        view.table.addresses.get(&address).map_or_else(|| address.to_string(), |known| known.caller.to_string())
    }
}

impl Guests {
    /// Takes a client in.
    ///
    /// # Errors
    /// Says which limit is reached.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, limits: ConnectionLimits) -> Result<Guest, String> {
        let (mut counts, peer) = (self.lock(), peer(address));
        let here = counts.of.get(&peer).copied().unwrap_or_default();
        if counts.total >= limits.total {
            return Err(format!("{} in all", limits.total));
        }
        if here >= limits.per_peer {
            return Err(format!("{} from {}", limits.per_peer, shown(peer)));
        }
        counts.total += 1;
        counts.of.insert(peer, here + 1);
        Ok(Guest { guests: self.clone(), peer })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.guests.lock();
        counts.total -= 1;
        if let Some(here) = counts.of.get_mut(&self.peer) {
            *here -= 1;
            if *here == 0 {
                counts.of.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_in_all_and_for_each_address() {
        let guests = Arc::new(Guests::default());
        let limits = ConnectionLimits { total: 3, per_peer: 2 };
        let [one, two] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
        let mut inside = vec![guests.enter(one, limits).unwrap(), guests.enter(one, limits).unwrap()];
        assert_eq!(guests.enter(one, limits).err().unwrap(), "2 from 10.0.0.1");
        inside.push(guests.enter(two, limits).unwrap());
        assert_eq!(guests.enter(two, limits).err().unwrap(), "3 in all");
        inside.clear();
        assert!(guests.enter(one, limits).is_ok());
        let counts = guests.lock();
        assert_eq!((counts.total, counts.of.len()), (0, 0));
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer() {
        let limits = ConnectionLimits { total: 9, per_peer: 1 };
        for (one, other, refused) in [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", Some("1 from 2001:db8:0:1::/64")),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", None),
            ("10.0.0.1", "10.0.0.2", None),
            ("10.0.0.1", "10.0.0.1", Some("1 from 10.0.0.1")),
        ] {
            let guests = Arc::new(Guests::default());
            let _inside = guests.enter(one.parse().unwrap(), limits).unwrap();
            let entered = guests.enter(other.parse().unwrap(), limits);
            assert_eq!(entered.err().as_deref(), refused, "{one} and {other}");
        }
    }
}
