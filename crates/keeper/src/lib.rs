//! The keeper: the small, single-threaded process that forks the instances and holds sockets and pipes, so that the
//! platform process beside it can die at any time. It decides nothing.
#![deny(clippy::print_stderr, clippy::print_stdout, reason = "they panic where nothing can be written: use `say`")]

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
mod say;
mod socket;
pub mod stat;
mod stop;
mod upgrade;

pub use handover::check;
pub use keeper::{KeeperConfig, resume, run};
pub use notify::ServiceManager;
pub use platform::PLATFORM_FD;
pub use record::{Lock, LockError, clean_up, lock, running};
pub use upgrade::{Progress, Upgrade};
