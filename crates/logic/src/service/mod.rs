//! The machine of one service: which instances it has, when each starts, is checked, drained, stopped and started again.

mod action;
mod backoff;
mod event;
mod health;
mod instance;
mod leaving;
mod machine;
mod restart;
mod settled;
mod slot;
#[cfg(test)]
mod tests;
mod want;

pub use action::Action;
pub use event::{Ending, Event, ProbeVerdict, Wanted};
pub use instance::{Cause, Instance, Phase};
pub use machine::{Machine, Settings};
