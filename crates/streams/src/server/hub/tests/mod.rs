//! The hub under a clock that only moves when told to: what clients say, and what they hear.

mod limits;
mod messages;
mod model;
mod rig;
mod rights;
mod services;
mod sessions;
mod slowed;
