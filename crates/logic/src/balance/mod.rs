//! Which instance takes a request. By default the better of two random ones by exponentially weighted peak latency and
//! requests in flight ("peak EWMA" with "power of two choices"); else by requests in flight alone, in turn, by weight,
//! or by key.
//!
//! Sources: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); Finagle's `PeakEwma`. The
//! penalty for fast failures is Linkerd's answer to the host that fails quickly and so attracts all traffic.

mod ewma;
mod failure;
mod hashed;
mod pick;
mod rotate;
mod share;

#[cfg(test)]
mod simulation;

pub use ewma::Ewma;
pub use failure::{GATEWAY_FAILURE_PENALTY, failure_penalty};
pub use hashed::{Hashed, Load, hash};
pub use pick::pick;
pub use rotate::{Weights, rotate};
pub use share::{least_request_cost, slow_start_factor};
