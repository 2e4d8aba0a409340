//! How many instances a service needs, from the requests in flight to it and the processor time that it uses.
//!
//! The mesh knows exactly how many requests are in flight or held at any moment, so nothing is sampled: what is averaged is
//! the integral over time. The rules, after Knative's autoscaler:
//!
//! - Every `pause` the load is averaged over a stable and over a panic window; each average divided by the target of one
//!   instance is a wish. The wish for processor time is made of the stable window alone.
//! - If the panic window wants `panic_threshold` times what is ready, the load has leapt: the larger wish counts at once, and
//!   until a whole stable window has passed without that, nothing shrinks.
//! - Otherwise the stable wish counts. It grows at once, and shrinks to the most that was wished within `down_delay`, if
//!   that leaves each instance clearly below its target.
//! - What is asked for is at most `up_max` times what is ready, and at least `1 / down_max` of it.
//! - None are left only after a whole stable window without a request. A request that comes then wakes the service at once.

mod machine;
#[cfg(test)]
mod tests;
mod window;

pub use machine::{Autoscaler, Change, Invalid, Terms, Why};
