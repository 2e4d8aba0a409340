//! The command line as clap reads it.

mod messages;
mod process;
mod releases;
mod services;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use model::{ServiceName, parse_duration};

pub use messages::{
    ConsumerVerb, DeadArgs, DeadVerb, KvVerb, PubArgs, PutArgs, ReplayArgs, RmArgs, TailArgs, TopicVerb,
};
pub use releases::{AbortArgs, DeployArgs, DiffArgs, RollbackArgs, RolloutArgs};
pub use services::{CallArgs, LogsArgs, RestartArgs, ScaleArgs};

/// The whole command line.
#[derive(Debug, Clone, Parser)]
#[command(name = "isles", version, about = "A whole microservice platform in one binary", after_help = crate::exit::HELP)]
#[command(disable_help_subcommand = true, infer_long_args = false)]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// The manifest or its folder [default: the nearest isles.toml upward]
    #[arg(short, long, global = true, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// Write data as JSON: one object, or one a line where there are several
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours; `auto` honours NO_COLOR
    #[arg(long, global = true, value_name = "auto|always|never", default_value = "auto", hide_possible_values = true)]
    pub color: ColorChoice,
    /// Give up after this time, such as 30s or 2m
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorChoice {
    /// As it is written after `--color`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Build and run the system
    Up(UpArgs),
    /// What needs no engine.
    #[command(flatten)]
    Verb(Verb),
    /// Run a NATS server alone, with the flags of nats-server
    #[command(disable_help_flag = true)]
    NatsServer(InnerArgs),
    /// Print the services as users of a nats-server, for its configuration
    NatsUsers,
    /// Replace the Isles that runs a system, without a failed request
    Upgrade(UpgradeArgs),
    /// Have systemd run the system
    Service {
        /// The command
        #[command(subcommand)]
        verb: ServiceVerb,
    },
    /// Whether this Isles could run a system (internal)
    #[command(hide = true)]
    Probe(InnerArgs),
    /// What follows a keeper (internal: `Command::of_process`)
    #[command(skip)]
    Successor(InnerArgs),
    /// The keeper process (internal: `Command::of_process`)
    #[command(skip)]
    Keeper(InnerArgs),
    /// The platform process (internal: `Command::of_process`)
    #[command(skip)]
    Platform(InnerArgs),
    /// The view of a system in the foreground (internal)
    #[command(hide = true)]
    View(InnerArgs),
}

/// A command that only reads the manifest or talks to the control API.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Stop the system
    Down,
    /// List the instances
    Ps,
    /// Show the system and its services
    Status,
    /// Show what the services wrote
    Logs(LogsArgs),
    /// Build what changed, and roll it out as a release
    Deploy(DeployArgs),
    /// Show the rollout that is under way, or the last one
    Rollout(RolloutArgs),
    /// Give everything to the new release, skipping all steps that are left
    Promote,
    /// Stop the advance of a rollout; what it watches still takes it back
    Pause,
    /// End a pause, or the wait of one step for a person
    Resume,
    /// Take the release of a rollout back, or end a deploy that is still built or waits
    Abort(AbortArgs),
    /// Go back to an earlier release
    Rollback(RollbackArgs),
    /// List the releases that are kept
    Releases,
    /// Show what differs between two releases
    Diff(DiffArgs),
    /// Replace every instance of services, without a failed request
    Restart(RestartArgs),
    /// Change how many instances services have
    Scale(ScaleArgs),
    /// Send a request to a service
    Call(CallArgs),
    /// Explain why a service is as it is
    Why {
        /// The service
        service: ServiceName,
    },
    /// Show what happens on each connection, second by second
    Top(TopArgs),
    /// Write the figures of connections and instances for Prometheus
    Metrics,
    /// Look at topics, publish, and replay
    Topic {
        /// The command
        #[command(subcommand)]
        verb: TopicVerb,
    },
    /// Look at buckets of keys and values, and change them
    Kv {
        /// The command
        #[command(subcommand)]
        verb: KvVerb,
    },
    /// Find every error of the manifest
    Check,
    /// Draw services, connections and data
    Graph(GraphArgs),
    /// Write a manifest for the programs in a folder
    Init {
        /// The folder [default: the current one]
        path: Option<PathBuf>,
    },
    /// Write the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The arguments of `up`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct UpArgs {
    /// The manifest or its folder; the same as --file
    pub path: Option<PathBuf>,
    /// Return when every service is healthy, and leave the system running
    #[arg(short, long)]
    pub detach: bool,
    /// Start the release that ran last, as it was: nothing is read or built anew
    #[arg(long)]
    pub resume: bool,
}

/// The arguments of `upgrade`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct UpgradeArgs {
    /// The new Isles [default: this one]
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
}

/// A command about systemd.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ServiceVerb {
    /// Write the unit
    Install {
        /// For the service manager of this user
        #[arg(long)]
        user: bool,
        /// Write it to standard output only
        #[arg(long)]
        print: bool,
    },
    /// Remove the unit
    Uninstall {
        /// From the service manager of this user
        #[arg(long)]
        user: bool,
    },
}

/// The arguments of `nats-server` and of internal commands: for their own code to read.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct InnerArgs {
    /// The arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}

/// The arguments of `top`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct TopArgs {
    /// Show one second and end
    #[arg(long)]
    pub once: bool,
}

/// The arguments of `graph`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct GraphArgs {
    /// Write Mermaid (the default)
    #[arg(long, group = "format")]
    pub mermaid: bool,
    /// Write DOT, for Graphviz
    #[arg(long, group = "format", conflicts_with = "mermaid")]
    pub dot: bool,
    /// Write an SVG picture
    #[arg(long, group = "format", conflicts_with_all = ["mermaid", "dot"])]
    pub svg: bool,
    /// Write to this file, replacing it
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
