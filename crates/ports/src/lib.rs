//! The ports: what `control` needs from the engines, one trait a file. An engine implements a port; control never
//! sees an engine.

pub mod clock;
#[cfg(feature = "fakes")]
pub mod fakes;
pub mod identity;
pub mod keeper;
pub mod logs;
pub mod messages;
pub mod probes;
pub mod streams;
pub mod tasks;
pub mod traffic;
pub mod wall_clock;
pub mod workloads;
