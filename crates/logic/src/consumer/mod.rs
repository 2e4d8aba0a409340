//! The machine of one consumer: which message goes to whom and when, and what was acknowledged.
//!
//! It keeps the messages that wait for an acknowledgement and a few that come next. What it must know of others it asks
//! of the stream's index and of storage.

mod ack;
mod action;
mod ahead;
mod check;
mod event;
mod flow;
mod info;
mod machine;
mod outstanding;
mod pace;
mod pull;
mod pump;
mod snapshot;
mod status;
#[cfg(test)]
mod tests;

pub use action::{Action, Advisory, Cause, Death, Delivery, Target};
pub use check::{OUTSTANDING_MAX, WAITING_MAX, check, check_pedantic, check_unique, check_update};
pub use event::{Ack, Event, Pull};
pub use info::Info;
pub use machine::{Consumer, Settings, View};
pub use outstanding::Pending;
pub use snapshot::{Change, Snapshot};
pub use status::{Left, Status};
