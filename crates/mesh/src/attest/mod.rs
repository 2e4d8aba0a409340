//! Who calls: each connection to an address of an instance is attested once, when it is accepted.

mod door;
mod message;
mod netlink;
mod refusal;
mod source;
mod table;

use std::{
    io,
    net::{SocketAddr, SocketAddrV4},
    os::fd::AsFd,
    sync::Arc,
};

pub(crate) use door::admit;
use model::{InstanceId, Slot};
use ports::{
    identity::{Identities, Owner, PeerSocket},
    traffic::Caller,
};
pub(crate) use refusal::{Refusals, refuse};

use message::Found;
use source::{Offer, Source};
use tokio::net::TcpStream;

use crate::{socket::Socket, unix::Unix};

/// How callers are attested on this host.
#[derive(Clone)]
pub(crate) struct Attestation {
    identities: Arc<dyn Identities>,
    offer: Offer,
}

/// Attests the callers of one worker.
pub(crate) struct Attestor {
    identities: Arc<dyn Identities>,
    /// `None` where the host does not tell of its TCP sockets: whoever uses one is let in.
    source: Option<Source>,
}

/// What is known of a caller.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may use the address; it is this instance, if it is one and the host tells.
    Passed(Option<InstanceId>),
    /// It may not, and why.
    Refused(String),
    /// An instance of the slot is just being started: ask again once it has been.
    Unsettled(Slot),
}

impl Attestation {
    /// Finds out what the host can do.
    pub(crate) fn new(identities: Arc<dyn Identities>) -> Self {
        Self { identities, offer: Offer::find() }
    }

    /// What the host cannot do, in a sentence.
    pub(crate) fn notice(&self) -> Option<String> {
        self.offer.notice()
    }

    /// The part of one worker.
    ///
    /// # Errors
    /// When the host gives no descriptor.
    pub(crate) fn attestor(&self) -> io::Result<Attestor> {
        Ok(Attestor { identities: self.identities.clone(), source: self.offer.source()? })
    }
}

impl Attestor {
    /// Whether the process at the other end may use an address that belongs to `caller`.
    pub(crate) fn attest(&self, caller: &Caller, socket: &Socket) -> Verdict {
        match socket {
            Socket::Tcp(stream) => self.attest_tcp(caller, stream),
            Socket::Tls(stream) => self.attest_tcp(caller, &stream.socket()),
            Socket::Unix(stream) => self.attest_unix(caller, stream),
        }
    }

    fn attest_tcp(&self, caller: &Caller, stream: &TcpStream) -> Verdict {
        let Some(source) = &self.source else { return Verdict::Passed(None) };
        let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return gone() };
        let (Some(peer), Some(local)) = (plain(peer), plain(local)) else {
            return Verdict::Refused(format!("{peer} is not a caller on this host"));
        };
        match source.find(peer, local) {
            Ok(Some(Found { inode, cgroup, uid })) => match caller {
                Caller::Slot(slot) => {
                    judge_instance(slot, uid, self.identities.of_socket(slot, PeerSocket { cgroup, inode }))
                }
                Caller::Gateway | Caller::Operator if inode == 0 => gone(),
                Caller::Gateway | Caller::Operator => judge_operator(uid, own_user()),
            },
            Ok(None) => gone(),
            Err(error) => unknown(&error),
        }
    }

    fn attest_unix(&self, caller: &Caller, stream: &Unix) -> Verdict {
        let uid = match stream.peer_user() {
            Ok(uid) => uid,
            Err(error) => return unknown(&error),
        };
        match caller {
            Caller::Slot(slot) => judge_instance(slot, uid, self.identities.of_process(slot, stream.as_fd())),
            Caller::Gateway | Caller::Operator => judge_operator(uid, own_user()),
        }
    }
}

fn judge_instance(slot: &Slot, uid: u32, owner: Owner) -> Verdict {
    let refused = |who: String| Verdict::Refused(format!("the address is that of {slot}, and the caller is {who}"));
    match owner {
        Owner::Instance(own) if own.slot == *slot => Verdict::Passed(Some(own)),
        Owner::Unsettled => Verdict::Unsettled(slot.clone()),
        Owner::Instance(other) => refused(format!("{other}")),
        Owner::Unknown => refused(format!("a process of user {uid} that is none of its own")),
    }
}

/// The operator is whoever may end the system: its own user, or root.
fn judge_operator(uid: u32, own: u32) -> Verdict {
    if uid == own || uid == 0 {
        return Verdict::Passed(None);
    }
    Verdict::Refused(format!("the address is for user {own}, and the caller is user {uid}"))
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn gone() -> Verdict {
    Verdict::Refused("the caller was gone before it was looked for".into())
}

fn unknown(error: &io::Error) -> Verdict {
    Verdict::Refused(format!("the host did not tell who calls: {error}"))
}

/// An IPv4 address, even if it is written as one of IPv6.
fn plain(address: SocketAddr) -> Option<SocketAddrV4> {
    match address {
        SocketAddr::V4(address) => Some(address),
        SocketAddr::V6(address) => Some(SocketAddrV4::new(address.ip().to_ipv4_mapped()?, address.port())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators() {
        for (uid, own, passes) in [(1000, 1000, true), (0, 1000, true), (1001, 1000, false), (1000, 0, false)] {
            let verdict = judge_operator(uid, own);
            assert_eq!(verdict == Verdict::Passed(None), passes, "{uid} {own}: {verdict:?}");
        }
    }

    #[test]
    fn addresses() {
        for (written, expected) in
            [("127.0.0.1:7", Some("127.0.0.1:7")), ("[::ffff:127.0.0.1]:7", Some("127.0.0.1:7")), ("[::1]:7", None)]
        {
            assert_eq!(plain(written.parse().unwrap()), expected.map(|text| text.parse().unwrap()), "{written}");
        }
    }
}
