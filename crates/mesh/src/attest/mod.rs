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
    sync::Arc,
};

pub(crate) use door::admit;
use model::Slot;
use ports::{
    identity::{Identities, Owner, PeerSocket},
    traffic::Caller,
};

use message::Found;
use source::{Offer, Source};

/// How callers are attested on this host.
#[derive(Clone)]
pub(crate) struct Attestation {
    identities: Arc<dyn Identities>,
    offer: Offer,
}

/// Attests the callers of one worker.
pub(crate) struct Attestor {
    identities: Arc<dyn Identities>,
    source: Source,
}

/// What is known of a caller.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may use the address.
    Passed,
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

    /// The part of one worker; `None` where callers cannot be attested.
    ///
    /// # Errors
    /// When the host gives no descriptor.
    pub(crate) fn attestor(&self) -> io::Result<Option<Attestor>> {
        let source = self.offer.source()?;
        Ok(source.map(|source| Attestor { identities: self.identities.clone(), source }))
    }
}

impl Attestor {
    /// Whether the process at `peer` may use the address `local`, which belongs to `caller`.
    pub(crate) fn attest(&self, caller: &Caller, peer: SocketAddr, local: SocketAddr) -> Verdict {
        let (Some(peer), Some(local)) = (plain(peer), plain(local)) else {
            return Verdict::Refused(format!("{peer} is not a caller on this host"));
        };
        match self.source.find(peer, local) {
            Ok(Some(found)) => self.judge(caller, found),
            Ok(None) => Verdict::Refused("the caller was gone before it was looked for".into()),
            Err(error) => Verdict::Refused(format!("the host did not tell who calls: {error}")),
        }
    }

    fn judge(&self, caller: &Caller, found: Found) -> Verdict {
        match caller {
            Caller::Slot(slot) => self.judge_instance(slot, found),
            Caller::Gateway | Caller::Operator => judge_operator(found, rustix::process::geteuid().as_raw()),
        }
    }

    fn judge_instance(&self, slot: &Slot, found: Found) -> Verdict {
        let Found { cgroup, inode, uid } = found;
        let refused = |who: String| Verdict::Refused(format!("the address is that of {slot}, and the caller is {who}"));
        match self.identities.of_socket(slot, PeerSocket { cgroup, inode }) {
            Owner::Slot => Verdict::Passed,
            Owner::Unsettled => Verdict::Unsettled(slot.clone()),
            Owner::Other(other) => refused(format!("{other}")),
            Owner::Unknown => refused(format!("a process of user {uid} that is none of its own")),
        }
    }
}

/// The operator is whoever may end the system: its own user, or root.
fn judge_operator(found: Found, own: u32) -> Verdict {
    match found.uid {
        _ if found.inode == 0 => Verdict::Refused("the caller was gone before it was looked for".into()),
        uid if uid == own || uid == 0 => Verdict::Passed,
        uid => Verdict::Refused(format!("the address is for user {own}, and the caller is user {uid}")),
    }
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
        for (uid, inode, own, passes) in
            [(1000, 7, 1000, true), (0, 7, 1000, true), (1001, 7, 1000, false), (1000, 7, 0, false), (0, 0, 0, false)]
        {
            let verdict = judge_operator(Found { inode, uid, cgroup: Some(1) }, own);
            assert_eq!(verdict == Verdict::Passed, passes, "{uid} {inode} {own}: {verdict:?}");
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
