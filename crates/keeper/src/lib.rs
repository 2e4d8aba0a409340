//! The keeper: the small, single-threaded process that forks the instances and holds sockets and pipes, so that the
//! platform process beside it can die at any time. It decides nothing.

mod child;
mod host;
mod keeper;
pub mod line;
pub mod packet;
mod platform;
mod process;
pub mod protocol;
mod record;
mod socket;
pub mod stat;

pub use keeper::{KeeperConfig, run};
pub use platform::PLATFORM_FD;
pub use record::{Lock, LockError, clean_up, lock, running};
