//! Every decision of Isles, as pure machines: no I/O, no clock, no async. Time is an argument, effects are values.
//!
//! What several workers share is one number. The machine offers transitions from one state to the next, and the caller
//! keeps the state in an atomic and runs them in `fetch_update` or `compare_exchange`.

pub mod access;
pub mod autoscale;
pub mod balance;
pub mod breaker;
pub mod budget;
pub mod cold_starts;
pub mod consumer;
pub mod deadline;
pub mod gradient;
pub mod hedge;
pub mod histogram;
pub mod hub;
pub mod judge;
pub mod lanes;
pub mod order;
pub mod outcome;
pub mod outlier;
pub mod panic;
pub mod rate;
pub mod release;
pub mod rollout;
pub mod route;
pub mod service;
#[cfg(test)]
mod service_spec;
pub mod share;
pub mod spread;
pub mod stream;
pub mod subject;
pub mod transcript;
pub mod wake;
