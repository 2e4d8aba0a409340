//! Which instance takes a request: the better of two random ones by exponentially weighted peak latency and requests in
//! flight ("peak EWMA" with "power of two choices").
//!
//! Sources: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); Finagle's `PeakEwma`. The
//! penalty for fast failures is Linkerd's answer to the host that fails quickly and so attracts all traffic.

mod ewma;
mod pick;

#[cfg(test)]
mod simulation;

pub use ewma::{Ewma, GATEWAY_FAILURE_PENALTY, is_gateway_failure};
pub use pick::pick;
