//! The addresses of connections: one number per caller and callee, kept as long as the caller's slot.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use model::{Gather, ServiceName};
use ports::{keeper::SOCKET_PATH_BYTES_MAX, traffic::Caller};

/// The first number: 127.1.0.0. What is below is used by others (127.0.0.1, 127.0.0.53, 127.0.1.1).
const FIRST: u32 = 1 << 16;
/// The last number: 127.255.255.254.
const LAST: u32 = (1 << 24) - 2;
/// Stands in the records for the server of messages: no service has such a name.
const MESSAGES: &str = "@messages";

/// All connection addresses of a system.
pub(crate) struct Addresses {
    port: u16,
    numbers: BTreeMap<String, u32>,
    taken: BTreeMap<u32, String>,
    next: u32,
}

impl Addresses {
    /// With the numbers that were given before, by [`key`].
    pub(crate) fn new(port: u16, numbers: BTreeMap<String, u32>) -> Self {
        let taken: BTreeMap<_, _> = numbers.iter().map(|(key, number)| (*number, key.clone())).gather();
        let next = taken.last_key_value().map_or(FIRST, |(number, _)| number + 1);
        Self { port, numbers, taken, next }
    }

    /// The address of a connection, and whether it is new and must be remembered before it is used.
    pub(crate) fn of(&mut self, caller: &Caller, callee: &ServiceName) -> (SocketAddr, Option<(String, u32)>) {
        self.of_key(key(caller, callee.as_str()))
    }

    /// The same for the server of messages.
    pub(crate) fn of_messages(&mut self, caller: &Caller) -> (SocketAddr, Option<(String, u32)>) {
        self.of_key(key(caller, MESSAGES))
    }

    /// The address of a look at the new release of a service, likewise.
    pub(crate) fn of_preview(&mut self, service: &ServiceName) -> (SocketAddr, Option<(String, u32)>) {
        self.of_key(preview(service))
    }

    /// That address, if it is open.
    pub(crate) fn preview(&self, service: &ServiceName) -> Option<SocketAddr> {
        self.numbers.get(&preview(service)).map(|number| self.address(*number))
    }

    /// Forgets it; returns the key to forget and the address that it was.
    pub(crate) fn close_preview(&mut self, service: &ServiceName) -> Option<(String, SocketAddr)> {
        self.forget(preview(service))
    }

    /// Forgets the address of one connection, likewise.
    pub(crate) fn disconnect(&mut self, caller: &Caller, callee: &ServiceName) -> Option<(String, SocketAddr)> {
        self.forget(key(caller, callee.as_str()))
    }

    fn forget(&mut self, key: String) -> Option<(String, SocketAddr)> {
        let number = self.numbers.remove(&key)?;
        self.taken.remove(&number);
        Some((key, self.address(number)))
    }

    fn of_key(&mut self, key: String) -> (SocketAddr, Option<(String, u32)>) {
        if let Some(number) = self.numbers.get(&key) {
            return (self.address(*number), None);
        }
        let number = self.free_number();
        self.numbers.insert(key.clone(), number);
        self.taken.insert(number, key.clone());
        (self.address(number), Some((key, number)))
    }

    /// Forgets the addresses of a caller; returns the keys to forget.
    pub(crate) fn release(&mut self, caller: &Caller) -> Vec<String> {
        let prefix = format!("{caller}>");
        let keys = self.numbers.range(prefix.clone()..).map(|(key, _)| key);
        let keys: Vec<_> = keys.take_while(|key| key.starts_with(&prefix)).cloned().collect();
        for key in &keys {
            if let Some(number) = self.numbers.remove(key) {
                self.taken.remove(&number);
            }
        }
        keys
    }

    /// The next number that nobody has; numbers given back are used again only after all others.
    fn free_number(&mut self) -> u32 {
        while self.next > LAST || self.taken.contains_key(&self.next) {
            self.next = if self.next >= LAST { FIRST } else { self.next + 1 };
        }
        self.next += 1;
        self.next - 1
    }

    fn address(&self, number: u32) -> SocketAddr {
        let [_, b, c, d] = number.to_be_bytes();
        SocketAddr::from((Ipv4Addr::new(127, b, c, d), self.port))
    }
}

/// Stands in the records for the address of a look at a new release: no caller has such a name.
fn preview(service: &ServiceName) -> String {
    format!("@preview>{service}")
}

/// What a slot reaches, and where.
#[derive(Default)]
pub(crate) struct Reach {
    pub(crate) connections: BTreeMap<ServiceName, Place>,
    /// The server of messages, if its service has to do with them.
    pub(crate) messages: Option<SocketAddr>,
}

/// Where a slot reaches a service.
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    /// Named after the address: so the name is short, and lasts as long. `None` where the folder's is too long.
    pub(crate) socket: Option<PathBuf>,
}

impl Place {
    /// `sockets` is the short folder for sockets.
    pub(crate) fn new(address: SocketAddr, sockets: &Path) -> Self {
        let path = sockets.join(format!("{}.call", address.ip()));
        let fits = path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX;
        Self { address, socket: fits.then_some(path) }
    }
}

/// The name of a connection in the records: `orders/2>users`.
fn key(caller: &Caller, callee: &str) -> String {
    format!("{caller}>{callee}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_beside_an_address_if_its_path_fits() {
        let address = "127.1.0.0:7000".parse().unwrap();
        for (folder, expected) in [
            ("/run/isles/a1".into(), Some("/run/isles/a1/127.1.0.0.call".into())),
            (format!("/{}", "a".repeat(91)), Some(format!("/{}/127.1.0.0.call", "a".repeat(91)))),
            (format!("/{}", "a".repeat(92)), None),
        ] {
            assert_eq!(Place::new(address, Path::new(&folder)).socket, expected.map(PathBuf::from), "{folder}");
        }
    }

    #[test]
    fn an_address_lasts_as_long_as_its_slot() {
        let (users, stock): (ServiceName, ServiceName) = ("users".parse().unwrap(), "stock".parse().unwrap());
        let slot = |text: &str| Caller::Slot(text.parse().unwrap());
        let mut addresses = Addresses::new(7000, BTreeMap::new());
        let (first, new) = addresses.of(&slot("orders/1"), &users);
        assert_eq!((first.to_string(), new), ("127.1.0.0:7000".into(), Some(("orders/1>users".into(), FIRST))));
        assert_eq!(addresses.of(&slot("orders/1"), &users), (first, None));
        assert_eq!(addresses.of(&slot("orders/1"), &stock).0.to_string(), "127.1.0.1:7000");
        assert_eq!(addresses.of(&slot("orders/10"), &users).0.to_string(), "127.1.0.2:7000");
        let (messages, new) = addresses.of_messages(&slot("orders/1"));
        assert_eq!((messages.to_string(), new.is_some()), ("127.1.0.3:7000".into(), true));
        assert_eq!(addresses.of_messages(&slot("orders/1")), (messages, None));

        let mut again = Addresses::new(7000, addresses.numbers.clone());
        assert_eq!(again.of(&slot("orders/1"), &users), (first, None));
        assert_eq!(again.release(&slot("orders/1")), ["orders/1>@messages", "orders/1>stock", "orders/1>users"]);
        assert_eq!(again.of(&Caller::Operator, &users).0.to_string(), "127.1.0.4:7000", "not one given back");
        again.next = LAST + 1;
        assert_eq!(again.of(&slot("orders/1"), &users).0.to_string(), "127.1.0.0:7000", "until all were used");
    }
}
