//! Isles: a whole microservice platform in one binary.
#![deny(clippy::print_stderr, clippy::print_stdout, reason = "they panic where nothing can be written")]

mod engines;
mod messages;
mod nats_server;
mod nats_users;
mod platform;
mod preflight;
mod program;
mod service;
mod state;
mod up;
mod upgrade;
mod view;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use cli::{
    args::Command,
    settings::{self, Environment, Settings},
    terminal::Terminal,
};
use ports::clock::{Clock, HostClock};

fn main() -> ExitCode {
    let environment = match Environment::host() {
        Ok(environment) => environment,
        Err(error) => {
            let hint = "change to a folder that exists";
            let _ = writeln!(io::stderr(), "error: the current folder cannot be read: {error}\nhint: {hint}");
            return ExitCode::FAILURE;
        }
    };
    match settings::from_env(std::env::args_os(), &environment) {
        Ok(settings) => run(&settings, &environment),
        Err(error) => settings::refuse(&error).into(),
    }
}

fn run(settings: &Settings, environment: &Environment) -> ExitCode {
    let clock = HostClock::start();
    let mut terminal = Terminal::host(settings);
    let done = match &settings.command {
        Command::Up(args) => up::run(args, settings, environment, &clock, &mut terminal),
        Command::NatsServer(args) => nats_server::run(&args.args, settings, environment, clock, &mut terminal),
        Command::NatsUsers => nats_users::run(settings, &mut terminal),
        Command::Upgrade(args) => upgrade::run(args, settings, &mut terminal),
        Command::Service { verb } => service::run(verb, settings, environment, &mut terminal),
        Command::Probe(args) => upgrade::probe::answer(&args.args, &mut terminal),
        Command::Successor(args) => up::succeed(&args.args),
        Command::Keeper(args) => up::keep(&args.args),
        Command::Platform(args) => platform::run(&args.args, environment),
        Command::View(args) => view::run(&args.args, settings, &clock, &mut terminal),
        Command::Verb(verb) => view::block_on(async {
            let now = || clock.now();
            Ok(cli::run(verb, settings, &now, &mut terminal).await.into())
        }),
    };
    done.unwrap_or_else(|error| cli::report::report(&error, settings, &mut terminal).into())
}
