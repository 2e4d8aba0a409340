//! The arguments of `deploy` and of what concerns releases and rollouts.

use clap::Args;
use model::ServiceName;

/// The arguments of `deploy`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DeployArgs {
    /// Only these services [default: all that changed]
    pub services: Vec<ServiceName>,
    /// Only say what would happen, and the index for --if-match
    #[arg(long, conflicts_with_all = ["detach", "supersede"])]
    pub dry_run: bool,
    /// Refuse if the system's index is another one: something has changed since --dry-run
    #[arg(long, value_name = "N")]
    pub if_match: Option<u64>,
    /// Take the place of a rollout that is under way, which goes back first [default: wait for its end]
    #[arg(long)]
    pub supersede: bool,
    /// Return when the rollout has begun
    #[arg(short, long)]
    pub detach: bool,
}

/// The arguments of `abort`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AbortArgs {
    /// Only the deploy at this place of those that wait, 1 is the next [default: what is under way, built or rolled out]
    #[arg(long, value_name = "PLACE", value_parser = clap::value_parser!(u32).range(1..))]
    pub queued: Option<u32>,
}

/// The arguments of `rollback`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RollbackArgs {
    /// Only this service [default: the whole system]
    pub service: Option<ServiceName>,
    /// The release to go back to [default: the one before]
    #[arg(long, value_name = "RELEASE")]
    pub to: Option<u64>,
    /// Return when the rollout has begun
    #[arg(short, long)]
    pub detach: bool,
}

/// The arguments of `rollout`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RolloutArgs {
    /// Show it until it has ended; the exit code is then that of `deploy`
    #[arg(short, long)]
    pub watch: bool,
}

/// The arguments of `diff`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DiffArgs {
    /// The number of the one release
    pub from: u64,
    /// The number of the other
    pub to: u64,
}
