//! The keeper: the small, single-threaded process that forks the instances and holds sockets and pipes, so that the
//! platform process beside it can die at any time. It decides nothing.

mod answer;
mod child;
mod fd;
mod finish;
mod handover;
mod host;
mod keeper;
pub mod line;
mod notify;
pub mod packet;
mod platform;
mod process;
pub mod protocol;
mod record;
mod socket;
pub mod stat;
mod upgrade;

pub use handover::check;
pub use keeper::{KeeperConfig, resume, run};
pub use notify::ServiceManager;
pub use platform::PLATFORM_FD;
pub use record::{Lock, LockError, clean_up, lock, running};
pub use upgrade::{Progress, Upgrade};
