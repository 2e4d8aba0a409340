//! Every decision of Isles, as pure machines: no I/O, no clock, no async. Time is an argument, effects are values.

pub mod balance;
pub mod histogram;
pub mod order;
pub mod route;
pub mod service;
#[cfg(test)]
mod service_spec;
