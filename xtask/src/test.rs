//! `cargo xtask test`: every test there is, and a plain word on each that cannot run here.

use std::os::unix::fs::MetadataExt;

use anyhow::bail;

use crate::{
    compat,
    shell::{root, run, run_with, works},
};

/// Where the Flask example's tests get their packages from, in the repository's folder.
const FLASK_VENV: &str = "target/xtask/flask";

/// The same for the shop's mailer.
const MAILER_VENV: &str = "target/xtask/mailer";

/// The seed of all property tests: a change is judged by what it does, not by what luck finds elsewhere. `cargo test` alone and
/// `cargo xtask fuzz` try new cases each time.
const SEED: &[(&str, &str)] = &[("PROPTEST_RNG_SEED", "1")];

/// Runs every test.
///
/// # Errors
/// When one of them fails; those after it run all the same.
pub(crate) fn all() -> anyhow::Result<()> {
    let mut skipped = Vec::new();
    let mut failed = Vec::new();
    let missing = [
        ("python3-venv", has_venv()),
        ("nginx-light", has_nginx()),
        ("nats-server", has_nats_server()),
        ("nodejs", has_node()),
        ("npm", has_npm()),
    ];
    install(&missing.iter().filter(|(_, is_there)| !is_there).map(|(package, _)| *package).collect::<Vec<_>>());
    let mut without = Vec::new();
    if !has_nginx() {
        without.extend(["--skip", "nginx"]);
        skipped.push("the comparison of the HTTP/1.1 codec with nginx: it is missing (apt-get install nginx-light)");
    }
    if !has_nats_server() {
        without.extend(["--skip", "reference_server", "--skip", "debian_nats_server"]);
        skipped.push("the comparison with Debian's nats-server: it is missing (apt-get install nats-server)");
    }
    if let Err(error) = compat::pinned_server() {
        eprintln!("xtask: {error:#}");
        without.extend(["--skip", "pinned_nats_server"]);
        skipped.push("the streams of the pinned nats-server: it cannot be built (with Go, and its modules)");
    }
    collect(&mut failed, run_workspace(&without));
    collect(&mut failed, run_shop());
    collect(&mut failed, compat::async_nats());
    if has_venv() && has_node() && has_npm() {
        collect(&mut failed, compat::other_clients());
    } else {
        skipped.push(
            "the NATS clients for Python and JavaScript: one is missing (apt-get install python3-venv nodejs npm)",
        );
    }
    if has_venv() {
        collect(&mut failed, run_mailer());
        collect(&mut failed, run_flask());
    } else {
        skipped.push(
            "the shop's mailer and the Flask example: python3 has no module `venv` (apt-get install python3-venv)",
        );
    }
    for what in skipped {
        eprintln!("xtask: SKIPPED {what}");
    }
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

fn collect(failed: &mut Vec<String>, result: anyhow::Result<()>) {
    failed.extend(result.err().map(|error| format!("{error:#}")));
}

fn run_workspace(harness: &[&str]) -> anyhow::Result<()> {
    run_with(SEED, "", "cargo", &[&["test", "--workspace", "--no-fail-fast", "--"], harness].concat())
}

fn run_shop() -> anyhow::Result<()> {
    run("examples/shop", "cargo", &["test", "--locked"])
}

fn run_mailer() -> anyhow::Result<()> {
    let python = root().join(MAILER_VENV).join("bin/python").display().to_string();
    if !works(&python, &["-c", "import nats"]) {
        run("", "python3", &["-m", "venv", "--clear", MAILER_VENV])?;
        let requirements = "examples/shop/mailer/requirements.txt";
        run("", &python, &["-m", "pip", "install", "--quiet", "--requirement", requirements])?;
    }
    run("examples/shop/mailer", &python, &["-B", "-m", "unittest", "--quiet"])
}

fn run_flask() -> anyhow::Result<()> {
    let python = root().join(FLASK_VENV).join("bin/python").display().to_string();
    if !works(&python, &["-c", "import flask"]) {
        run("", "python3", &["-m", "venv", "--clear", FLASK_VENV])?;
        run(
            "",
            &python,
            &["-m", "pip", "install", "--quiet", "--requirement", "examples/flask/users/requirements.txt"],
        )?;
    }
    for service in ["examples/flask/users", "examples/flask/orders"] {
        run(service, &python, &["-B", "-m", "unittest", "--quiet"])?;
    }
    Ok(())
}

fn has_venv() -> bool {
    works("python3", &["-c", "import ensurepip, venv"])
}

fn has_nginx() -> bool {
    works("nginx", &["-v"])
}

fn has_nats_server() -> bool {
    works("nats-server", &["--version"])
}

fn has_node() -> bool {
    works("node", &["--version"])
}

fn has_npm() -> bool {
    works("npm", &["--version"])
}

/// Installs Debian packages if there are any to install and this is allowed here.
fn install(packages: &[&str]) {
    if packages.is_empty() {
        return;
    }
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    if !is_root || !works("apt-get", &["--version"]) {
        let packages = packages.join(" and ");
        eprintln!("xtask: {packages} cannot be installed from here (that takes root and apt-get)");
        return;
    }
    let install = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--no-install-recommends"];
    let installed =
        run("", "apt-get", &["update", "--quiet"]).and_then(|()| run("", "env", &[&install, packages].concat()));
    if let Err(error) = installed {
        eprintln!("xtask: {error:#}");
    }
}
