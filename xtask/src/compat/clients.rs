//! `cargo xtask compat nats-clients`: publish, durable consume, key-value and object store with nats-py and with the client for
//! JavaScript, at the versions that `tests/compat/clients` pins.

use std::fs;

use anyhow::bail;
use nats_server::run_program;

use super::{
    SCRATCH, nats,
    server::{self, Choice},
};
use crate::shell::{root, run_with};

/// The tests, and what the clients are installed from.
const CLIENTS: &str = "tests/compat/clients";

/// Runs the tests of each client, all against one server.
///
/// # Errors
/// When a client cannot be installed or one of its tests fails; the other one runs all the same.
pub(crate) fn run(choice: &Choice) -> anyhow::Result<()> {
    let server = server::prepare(choice, nats::list()?.peer())?;
    let config = root().join(CLIENTS).join("jetstream.conf").display().to_string();
    let running = run_program(&server.folder.join("nats-server"), &config);
    let url = running.client_url();
    let failed: Vec<_> = [python(&url), javascript(&url)].into_iter().filter_map(Result::err).collect();
    if !failed.is_empty() {
        bail!("{}", failed.iter().map(|error| format!("{error:#}")).collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

fn python(url: &str) -> anyhow::Result<()> {
    let folder = root().join(SCRATCH).join("python").display().to_string();
    let python = format!("{folder}/bin/python");
    run_with(&[], "", "python3", &["-m", "venv", &folder])?;
    let requirements = ["-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"];
    run_with(&[], CLIENTS, &python, &requirements)?;
    run_with(&[("NATS_URL", url)], CLIENTS, &python, &["-B", "-m", "unittest"])
}

/// Modules are looked for where the program lies, so that it goes to where they are installed.
fn javascript(url: &str) -> anyhow::Result<()> {
    let folder = format!("{SCRATCH}/javascript");
    fs::create_dir_all(root().join(&folder))?;
    for file in ["package.json", "nats.test.js"] {
        fs::copy(root().join(CLIENTS).join(file), root().join(&folder).join(file))?;
    }
    run_with(&[], &folder, "npm", &["install", "--no-audit", "--no-fund", "--loglevel", "error"])?;
    run_with(&[("NATS_URL", url)], &folder, "node", &["--test", "nats.test.js"])
}
