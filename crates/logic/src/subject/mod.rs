//! Subjects of messages, and filters over them, as NATS has them (<https://docs.nats.io/nats-concepts/subjects>).
//!
//! A subject is tokens separated by dots. In a filter the token `*` stands for any one token, and `>` at the end for one or more.
//! Both are bytes here, as the protocol carries them.

mod inbox;
mod permissions;
mod relation;
mod replies;
mod sublist;
mod token;

#[cfg(test)]
mod tests;

pub use inbox::{Inboxes, inbox, spans_inboxes};
pub use permissions::{Permissions, Responses, Rules, SubscribeVerdict};
pub use relation::{is_subset, matches, overlap};
pub use replies::Replies;
pub use sublist::{Found, Part, Sublist};
pub use token::{is_filter, is_subject};
