//! The machine of one rollout: how the services of a system go from one release to the next, or back.
//!
//! The rules:
//!
//! - Nothing starts before the routing state that the rollout begins with is acknowledged and the migration has run.
//! - **Rolling** replaces instance by instance. An old one stops only if as many as promised still serve: old ones that
//!   are healthy and new ones that have been for `min_healthy_time`. What exists, draining instances included, never
//!   exceeds the larger set by more than `max_surge`. Old instances that are unhealthy anyway go first.
//! - **Blue-green** and **canary** leave the old set whole until the very end. The new set grows to what a step's weight
//!   needs, then the weight changes, then the step waits: for a time, a verdict or a person. Once everything goes to the
//!   new set the old one stays warm for `keep`.
//! - An instance of the new release that ends, or is not healthy in time, a verdict of worse, a failed migration, a
//!   standstill, another deploy or a person's word take the whole release back. A pause stops the advance, never the watch.
//! - Going back has no steps, keeps what still runs, and is never itself taken back. When the old set is stopped for
//!   good, there is no way back: that is another deploy.
//! - A rollout that is one way, because it is the way back to a release that ran before, is given up only at a standstill or for
//!   another deploy.
//! - Every state ends by a deadline, but for a pause that a person asked for, by hand or in the plan.
//!
//! What must be done follows from the state alone: every action that is not answered yet is asked for at once, and again
//! every few seconds and after a restart. So lost, late and repeated events and crashes lead to the same end. Reports
//! about an instance are numbered, and an older one than the last is ignored.

mod action;
mod advance;
mod deadline;
mod event;
mod machine;
mod note;
mod outcome;
mod parts;
mod pending;
mod plan;
mod restore;
mod set;
mod storing;
#[cfg(test)]
mod tests;

pub use action::{Action, Routing, Traffic};
pub use event::{Command, Event, Report, State, Verdict};
pub use machine::{Machine, Phase, Snapshot};
pub use outcome::{Cause, Outcome};
pub use parts::Head;
pub use plan::{Invalid, Migration, Plan, Target, Waves};
pub use set::{Instance, Pair};
pub use storing::Storing;
