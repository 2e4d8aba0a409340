//! How many clients are connected to the gateway, in all and from each address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use model::spec::ConnectionLimits;

/// The clients of the gateway, of all workers. Looked at once for each connection, never for a request.
#[derive(Default)]
pub(crate) struct Guests(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    total: u32,
    of: HashMap<IpAddr, u32>,
}

/// A client that is counted until this is dropped.
pub(crate) struct Guest {
    guests: Arc<Guests>,
    address: IpAddr,
}

impl Guests {
    /// Takes a client in.
    ///
    /// # Errors
    /// Says which limit is reached.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, limits: ConnectionLimits) -> Result<Guest, String> {
        let mut counts = self.lock();
        let here = counts.of.get(&address).copied().unwrap_or_default();
        if counts.total >= limits.total {
            return Err(format!("{} in all", limits.total));
        }
        if here >= limits.per_peer {
            return Err(format!("{} from {address}", limits.per_peer));
        }
        counts.total += 1;
        counts.of.insert(address, here + 1);
        Ok(Guest { guests: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.guests.lock();
        counts.total -= 1;
        if let Some(here) = counts.of.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                counts.of.remove(&self.address);
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
        assert_eq!((guests.lock().total, guests.lock().of.len()), (0, 0));
    }
}
