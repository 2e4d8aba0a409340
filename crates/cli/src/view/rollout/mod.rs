//! A rollout: what it shows while it lasts, and how it ends.

mod end;
mod follow;
mod lines;
mod picture;
#[cfg(test)]
mod tests;

pub(crate) use follow::{follow, goes_on, is_given_up};
pub(crate) use picture::{brief, picture};
