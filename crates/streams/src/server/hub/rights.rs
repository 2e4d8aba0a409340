//! What a limited client may do.

use std::mem::take;

use logic::subject::{Found, SubscribeVerdict, inbox, spans_inboxes};
use model::Asked;

use super::{Hub, client::Client, parties::Owner};
use crate::server::{Identity, InboxRule, Message};

/// Inboxes without a subscription of their own that a client gets answers in; of more the oldest is its own no longer.
const CLAIMS_MAX: usize = 256;

impl Hub {
    /// What a client does wrong by publishing a message; `is_allowed` is what its permissions say of the subject.
    pub(super) fn publish_violation(&mut self, key: u32, message: &Message<'_>, is_allowed: bool) -> Option<String> {
        let identity = self.client_mut(key)?.origin.identity.clone();
        let (asked, subject) = self.denied(key, &identity, message, is_allowed)?;
        identity.note_denial(asked, subject);
        Some(violation(asked, subject))
    }

    fn denied<'a>(
        &mut self,
        key: u32,
        identity: &Identity,
        message: &Message<'a>,
        is_allowed: bool,
    ) -> Option<(Asked, &'a [u8])> {
        let now = self.parties.now;
        if !is_allowed && !self.client_mut(key)?.replies.spend(message.subject, now) {
            return Some((Asked::Publish, message.subject));
        }
        if let (InboxRule::Own, Some(reply)) = (identity.inboxes, message.reply)
            && !self.may_be_answered(key, reply)
        {
            return Some((Asked::Answer, reply));
        }
        let listens = |subject: &[u8]| self.listens(key, subject);
        let is_refused = identity.guard.as_ref().is_some_and(|guard| !guard.may_publish(message, &listens));
        is_refused.then_some((Asked::Publish, message.subject))
    }

    /// Whether a client may subscribe to a filter.
    pub(super) fn subscribe_verdict(&mut self, key: u32, filter: &[u8]) -> SubscribeVerdict {
        let Some(client) = self.parties.clients.get(key as usize).filter(|client| client.limited) else {
            return SubscribeVerdict::Allowed;
        };
        let identity = &client.origin.identity;
        let verdict = identity.permissions.may_subscribe(filter);
        let is_foreign = |name| !self.parties.inboxes.may_claim(name, &identity.name);
        if client.has_own_inboxes() && inbox(filter).is_some_and(is_foreign) {
            return SubscribeVerdict::Denied;
        }
        verdict
    }

    /// Makes the inbox that a new subscription names its client's own; one that stands for many inboxes sees only the client's.
    pub(super) fn keep_to_own_inboxes(&mut self, subscription: u32) {
        let parties = &mut self.parties;
        let Some(known) = parties.subscriptions.get_mut(subscription as usize) else { return };
        known.own_inboxes = spans_inboxes(&known.filter);
        if let Owner::Client(key) = known.owner
            && let (Some(name), Some(client)) = (inbox(&known.filter), parties.clients.get(key as usize))
        {
            known.claims = parties.inboxes.claim(name, &client.origin.identity.name);
        }
    }

    /// Whether a client may get answers at a subject: it subscribes to it, and it is in no inbox of somebody else.
    fn may_be_answered(&mut self, key: u32, reply: &[u8]) -> bool {
        if !self.listens(key, reply) {
            return false;
        }
        let parties = &mut self.parties;
        let (Some(name), Some(client)) = (inbox(reply), parties.clients.get_mut(key as usize)) else { return true };
        let owner = &client.origin.identity.name;
        if parties.inboxes.is_owned(name, owner) {
            return true;
        }
        if client.claims.len() == CLAIMS_MAX {
            client.claims.pop_front().into_iter().for_each(|oldest| parties.inboxes.release(&oldest));
        }
        let is_own = parties.inboxes.claim(name, owner);
        client.claims.extend(is_own.then(|| name.into()));
        is_own
    }

    /// Whether a client subscribes to a subject.
    fn listens(&self, key: u32, subject: &[u8]) -> bool {
        let mut found = Found::default();
        self.sublist.find(subject, &mut found);
        let is_own = |member: u32| {
            let subscription = self.parties.subscriptions.get(member as usize);
            subscription.is_some_and(|subscription| subscription.owner == Owner::Client(key))
        };
        let mut groups = found.groups().flat_map(|group| self.sublist.order(group, 0));
        found.members().iter().any(|member| is_own(*member)) || groups.any(is_own)
    }

    /// A client goes, and with it the claims that no subscription stands for.
    pub(super) fn release_claims(&mut self, client: &mut Client) {
        take(&mut client.claims).iter().for_each(|name| self.parties.inboxes.release(name));
    }
}

pub(super) fn violation(asked: Asked, subject: &[u8]) -> String {
    let subject = String::from_utf8_lossy(subject);
    let what = match asked {
        Asked::Publish => "Publish to",
        Asked::Answer => "Publish with Reply of",
        Asked::Subscribe => "Subscription to",
    };
    format!("Permissions Violation for {what} \"{subject}\"")
}
