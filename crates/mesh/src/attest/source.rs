//! Where the host tells of its TCP sockets.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream},
};

use super::{message::Found, netlink::Netlink, table};

/// What this host offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Offer {
    Netlink,
    /// Why not netlink.
    Table(String),
    /// Why not even that.
    Nothing(String),
}

/// Where one worker asks.
pub(super) enum Source {
    Netlink(Netlink),
    Table,
}

impl Offer {
    /// Tries each source on a socket of our own.
    pub(super) fn find() -> Self {
        let netlink = Netlink::open().and_then(|netlink| check(|own, peer| netlink.find(own, peer)));
        match (netlink, check(table::find)) {
            (Ok(()), _) => Self::Netlink,
            (Err(error), Ok(())) => Self::Table(error.to_string()),
            (Err(first), Err(second)) => Self::Nothing(format!("{first}; {second}")),
        }
    }

    /// What is missing, in a sentence.
    pub(super) fn notice(&self) -> Option<String> {
        match self {
            Self::Netlink => None,
            Self::Table(cause) => Some(format!(
                "callers are attested with the help of /proc/net/tcp, which takes longer the more connections the host \
                 has: it has no socket diagnostics ({cause})"
            )),
            Self::Nothing(cause) => Some(format!(
                "callers are not attested: any local process can use the addresses of the instances, for the host does \
                 not tell of its sockets ({cause})"
            )),
        }
    }

    /// A source of its own for a worker; `None` if there is none.
    pub(super) fn source(&self) -> io::Result<Option<Source>> {
        Ok(match self {
            Self::Netlink => Some(Source::Netlink(Netlink::open()?)),
            Self::Table(_) => Some(Source::Table),
            Self::Nothing(_) => None,
        })
    }
}

impl Source {
    /// The socket with this address of its own and this peer; `None` if there is none that is connected.
    pub(super) fn find(&self, own: SocketAddrV4, peer: SocketAddrV4) -> io::Result<Option<Found>> {
        match self {
            Self::Netlink(netlink) => netlink.find(own, peer),
            Self::Table => table::find(own, peer),
        }
    }
}

fn check(find: impl Fn(SocketAddrV4, SocketAddrV4) -> io::Result<Option<Found>>) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let caller = TcpStream::connect(listener.local_addr()?)?;
    let (SocketAddr::V4(own), SocketAddr::V4(peer)) = (caller.local_addr()?, caller.peer_addr()?) else {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    };
    let inode = rustix::fs::fstat(&caller)?.st_ino;
    match find(own, peer)? {
        Some(found) if found.inode == inode => Ok(()),
        _ => Err(io::Error::other("a socket of our own is not found")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sources_find_a_socket_of_ours() {
        check(table::find).unwrap();
        assert_eq!((Offer::find(), Offer::find().notice()), (Offer::Netlink, None));
    }

    #[test]
    fn both_find_a_mapped_socket() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let Ok(caller) = TcpStream::connect((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port)) else { return };
        let own = SocketAddrV4::new(Ipv4Addr::LOCALHOST, caller.local_addr().unwrap().port());
        let peer = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let inode = rustix::fs::fstat(&caller).unwrap().st_ino;
        for source in [Source::Netlink(Netlink::open().unwrap()), Source::Table] {
            assert_eq!(source.find(own, peer).unwrap().map(|found| found.inode), Some(inode));
            assert_eq!(source.find(peer, SocketAddrV4::new(*own.ip(), 1)).unwrap(), None);
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        for (offer, said) in [
            (Offer::Table("no netlink".into()), "callers are attested with the help of /proc/net/tcp"),
            (Offer::Nothing("no netlink; no table".into()), "callers are not attested: any local process"),
        ] {
            assert!(offer.notice().is_some_and(|notice| notice.starts_with(said)), "{offer:?}");
        }
        assert!(Offer::Nothing(String::new()).source().unwrap().is_none());
    }
}
