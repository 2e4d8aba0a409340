//! What a connection may publish and subscribe to.

use std::time::Duration;

use super::{is_subset, matches, overlap};

/// Filters that allow and deny. What is denied is denied, whatever allows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// What is allowed; everything where there is no list.
    pub allow: Option<Vec<Box<[u8]>>>,
    /// What is denied.
    pub deny: Vec<Box<[u8]>>,
}

/// The rights of a connection. The default allows everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects to publish to.
    pub publish: Rules,
    /// Subjects to get messages from.
    pub subscribe: Rules,
    /// Whether one may answer what one got, wherever the answer goes: see [`Replies`](super::Replies).
    pub responses: Option<Responses>,
}

/// The right to publish to the reply subject of each message that one got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Responses {
    /// How many answers a message may get.
    pub count_max: u32,
    /// How long after the message.
    pub lifetime: Duration,
}

impl Default for Responses {
    fn default() -> Self {
        Self { count_max: 1, lifetime: Duration::from_secs(120) }
    }
}

/// Whether a subscription is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeVerdict {
    /// Every message that it gets.
    Allowed,
    /// Some of its subjects are denied: ask [`Permissions::may_receive`] for each message.
    InPart,
    /// Not at all.
    Denied,
}

impl Rules {
    /// Rules from filters.
    pub fn new(allow: Option<&[&str]>, deny: &[&str]) -> Self {
        let boxed = |filters: &[&str]| filters.iter().map(|filter| filter.as_bytes().into()).collect();
        Self { allow: allow.map(boxed), deny: boxed(deny) }
    }

    fn allows(&self, allowed: impl Fn(&[u8]) -> bool) -> bool {
        self.allow.as_ref().is_none_or(|filters| filters.iter().any(|filter| allowed(filter)))
    }

    fn denies(&self, denied: impl Fn(&[u8]) -> bool) -> bool {
        self.deny.iter().any(|filter| denied(filter))
    }
}

impl Permissions {
    /// Whether a message may be published to this subject.
    pub fn may_publish(&self, subject: &[u8]) -> bool {
        let covers = |filter: &[u8]| matches(filter, subject);
        self.publish.allows(covers) && !self.publish.denies(covers)
    }

    /// Whether one may subscribe to this filter. One filter of the list must allow all of it.
    pub fn may_subscribe(&self, filter: &[u8]) -> SubscribeVerdict {
        let covers = |of: &[u8]| is_subset(filter, of);
        if !self.subscribe.allows(covers) || self.subscribe.denies(covers) {
            SubscribeVerdict::Denied
        } else if self.subscribe.denies(|denied| overlap(filter, denied)) {
            SubscribeVerdict::InPart
        } else {
            SubscribeVerdict::Allowed
        }
    }

    /// Whether a message of this subject may be given to a subscription that is allowed in part.
    pub fn may_receive(&self, subject: &[u8]) -> bool {
        !self.subscribe.denies(|denied| matches(denied, subject))
    }
}
