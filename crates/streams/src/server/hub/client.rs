//! One client as the hub knows it.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
};

use logic::subject::{Found, Replies};
use model::Timestamp;

use super::{connect::Options, outbox::Outbox};
use crate::server::{Identity, InboxRule, service::Origin};

/// One client.
pub(crate) struct Client {
    pub(crate) origin: Origin,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) options: Options,
    /// Whether it said who it is, or need not.
    pub(crate) admitted: bool,
    /// Whether its identity was known before it said anything.
    pub(crate) known: bool,
    /// Whether it has said `CONNECT`.
    pub(crate) has_spoken: bool,
    /// Whether TLS is spoken with it, or offered to it.
    pub(crate) tls: bool,
    /// Whether its rights are less than everything.
    pub(crate) limited: bool,
    pub(crate) subscriptions: HashMap<Box<[u8]>, u32>,
    pub(crate) outbox: Outbox,
    pub(crate) closing: Option<Closing>,
    /// Whether others get what it need not get.
    pub(crate) is_draining: bool,
    /// Whether it is on the list of those that have to be woken.
    pub(crate) is_ready: bool,
    pub(crate) times: Times,
    pub(crate) pings_out: u32,
    /// Clients that wait until this one has taken more.
    pub(crate) held_back: Vec<u32>,
    /// How much this one had taken when it last held somebody back.
    pub(crate) hold_mark: Option<u64>,
    pub(crate) counts: Counts,
    /// Whom the last message went to.
    pub(crate) recent: Recent,
    /// The answers that it may give beside its other rights.
    pub(crate) replies: Replies,
    /// Its inboxes beside those that it names in subscriptions.
    pub(crate) claims: VecDeque<Box<[u8]>>,
}

/// When things happened to a client, and until when it waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) opened: Timestamp,
    pub(crate) heard: Timestamp,
    pub(crate) pinged: Timestamp,
    /// Since when it takes nothing, although there is something.
    pub(crate) blocked: Option<Timestamp>,
    /// It publishes too fast for somebody: nothing is read from it so long.
    pub(crate) held_until: Option<Timestamp>,
    /// The same for a service.
    pub(crate) slowed_until: Option<Timestamp>,
}

/// The last subject that a client published to, and who gets its messages.
#[derive(Default)]
pub(crate) struct Recent {
    pub(crate) subject: Vec<u8>,
    pub(crate) found: Found<u32>,
    pub(crate) is_allowed: bool,
}

/// Messages and their bytes, headers and payload together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) in_messages: u64,
    pub(crate) in_bytes: u64,
    pub(crate) out_messages: u64,
    pub(crate) out_bytes: u64,
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Nobody is there any more, or the connection broke.
    Gone,
    /// It was told why with `-ERR`.
    Refused,
    /// It took too little too slowly.
    SlowConsumer,
    /// The server stops.
    Shutdown,
}

impl Client {
    pub(crate) fn new(number: u64, peer: Option<SocketAddr>, known: Option<Arc<Identity>>, now: Timestamp) -> Self {
        let is_known = known.is_some();
        let identity = known.unwrap_or_default();
        Self {
            limited: identity.is_limited(),
            origin: Origin { client: number, identity },
            peer,
            options: Options::default(),
            admitted: is_known,
            known: is_known,
            has_spoken: false,
            tls: false,
            subscriptions: HashMap::new(),
            outbox: Outbox::default(),
            closing: None,
            is_draining: false,
            is_ready: false,
            times: Times { opened: now, heard: now, pinged: now, blocked: None, held_until: None, slowed_until: None },
            pings_out: 0,
            held_back: Vec::new(),
            hold_mark: None,
            counts: Counts::default(),
            recent: Recent::default(),
            replies: Replies::default(),
            claims: VecDeque::new(),
        }
    }

    /// Whether it is kept from the inboxes of others.
    pub(crate) fn has_own_inboxes(&self) -> bool {
        self.origin.identity.inboxes == InboxRule::Own
    }
}
