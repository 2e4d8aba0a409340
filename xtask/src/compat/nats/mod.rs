//! `cargo xtask compat nats`: what the published crate `async-nats` brings as tests, run against a server.
//!
//! `tests/compat/async-nats.toml` pins the crate and the peer, and lists the tests that do not pass, each with its reason.
//! `tests/compat/nats-server` stands in for the helper crate that starts the servers, which is not published.

mod list;
mod programs;
mod source;

use std::{fs, num::NonZero};

use anyhow::{bail, ensure};

use super::server::{self, Choice};
use crate::shell::root;
use list::List;
use programs::{Outcome, Test};

const LIST: &str = "tests/compat/async-nats.toml";

/// How many of the tests are in no need of a core of their own.
const JOBS: NonZero<usize> = NonZero::new(8).expect("it is above 0");
/// The longest of the tests take half of it on a slow machine.
const SECONDS: u32 = 120;

/// Against what, and how much.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: Choice,
    /// Only the tests whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// How many tests run at once; most of them wait for a time to pass
    #[arg(long, default_value_t = JOBS)]
    jobs: NonZero<usize>,
    /// After how many seconds a test has failed
    #[arg(long, default_value_t = SECONDS)]
    seconds: u32,
}

impl Arguments {
    /// Every test.
    pub(crate) fn all(server: Choice) -> Self {
        Self { server, only: None, jobs: JOBS, seconds: SECONDS }
    }
}

/// Runs the tests and holds the outcome against the list.
///
/// # Errors
/// When something cannot be built, or a test passes or fails unlike the list says.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let list = list()?;
    let server = server::prepare(&arguments.server, list.peer())?;
    let folder = source::prepare(list.version())?;
    let only = arguments.only.as_deref().unwrap_or_default();
    let tests: Vec<_> = programs::tests(&folder)?.into_iter().filter(|test| test.name.contains(only)).collect();
    ensure!(!tests.is_empty(), "there is no test `{only}`");
    let limits = programs::Limits { jobs: arguments.jobs.get(), seconds: arguments.seconds };
    let outcomes = programs::run(&tests, &folder, &server.folder, &limits)?;
    judge(&list, server.name, &tests, &outcomes, only)
}

/// The list of the repository.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn list() -> anyhow::Result<List> {
    List::parse(&fs::read_to_string(root().join(LIST))?)
}

fn judge(list: &List, server: &str, tests: &[Test], outcomes: &[Outcome], only: &str) -> anyhow::Result<()> {
    let outcomes: Vec<_> =
        tests.iter().zip(outcomes).map(|(test, outcome)| (test.name.as_str(), outcome.passed)).collect();
    let verdict = list.judge(server, &outcomes, only);
    for line in &verdict.notes {
        println!("{line}");
    }
    let passed = outcomes.iter().filter(|(_, passed)| *passed).count();
    println!("{server}: {passed} of {} tests of async-nats {} passed", outcomes.len(), list.version());
    if !verdict.wrong.is_empty() {
        bail!("{} unlike {LIST}:\n{}", verdict.wrong.len(), verdict.wrong.join("\n"));
    }
    Ok(())
}
