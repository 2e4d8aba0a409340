//! `cargo xtask fuzz`: the targets of `fuzz/src/bin` under libFuzzer, with the stable toolchain.
//!
//! A target is one file there, its first inputs are in `fuzz/corpus/TARGET`; what is found lands in `fuzz/artifacts`.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, bail, ensure};

use crate::shell::{root, run_with};

const BUILD: &str = "target/fuzz";
const ARTIFACTS: &str = "fuzz/artifacts";

/// What libFuzzer needs to see of a program (clang's SanitizerCoverage): which edges run, and what is compared with what.
const COVERAGE: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// The comparison with other servers is a test, here with more cases.
const COMPARE: &str = "compare";
/// How many cases of proptest the comparison does in a second, on a slow machine.
const COMPARED_PER_SECOND: u32 = 30;

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub(crate) struct Fuzz {
    /// A file of fuzz/src/bin without its ending, or `compare` [default: all of them]
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Run the target on these files only: a finding, say
    #[arg(long, value_name = "FILE", requires = "target", num_args = 1..)]
    input: Vec<PathBuf>,
}

/// Runs the targets.
///
/// # Errors
/// When a target finds something, is unknown or cannot be built; the targets after it run all the same.
pub(crate) fn all(fuzz: &Fuzz) -> anyhow::Result<()> {
    let known = targets()?;
    let chosen: Vec<_> = known.iter().filter(|name| fuzz.target.as_ref().is_none_or(|only| only == *name)).collect();
    ensure!(!chosen.is_empty(), "there is no such target\nhint: one of {}", known.join(", "));
    if chosen.iter().any(|name| *name != COMPARE) {
        build()?;
    }
    let failed: Vec<_> = chosen.into_iter().filter_map(|name| one(name, fuzz).err()).collect();
    if !failed.is_empty() {
        bail!("{}", failed.iter().map(|error| format!("{error:#}")).collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

/// The targets by name.
fn targets() -> anyhow::Result<Vec<String>> {
    let folder = root().join("fuzz/src/bin");
    let entries = fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let names =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned));
    let mut names: Vec<_> = names.chain([COMPARE.to_owned()]).collect();
    names.sort();
    Ok(names)
}

/// With a target triple, so that build scripts and macros are not looked into.
fn build() -> anyhow::Result<()> {
    let host = host()?;
    let flags = COVERAGE.join(" ") + " --cfg fuzzing";
    let folder = root().join(BUILD).display().to_string();
    let arguments = ["build", "--quiet", "--locked", "--release", "--target", &host, "--target-dir", &folder];
    run_with(&[("RUSTFLAGS", &flags)], "fuzz", "cargo", &arguments)
}

fn one(name: &str, fuzz: &Fuzz) -> anyhow::Result<()> {
    if name == COMPARE {
        let cases = fuzz.seconds.saturating_mul(COMPARED_PER_SECOND).to_string();
        return run_with(
            &[("PROPTEST_CASES", &cases)],
            "",
            "cargo",
            &["test", "--package", "tests", "--test", "http1"],
        );
    }
    let arguments = if fuzz.input.is_empty() { search(name, fuzz.seconds)? } else { replay(&fuzz.input)? };
    eprintln!("xtask: {name} {}", arguments.join(" "));
    let output = Command::new(program(name)?).args(arguments).current_dir(root()).output();
    let output = output.with_context(|| format!("{name} cannot be started"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{said}");
        bail!("{name} found something\nhint: cargo xtask fuzz {name} --input {}", finding(&said).unwrap_or("FILE"));
    }
    said.lines().filter(|line| line.starts_with("stat::number_of_executed_units")).for_each(|line| eprintln!("{line}"));
    Ok(())
}

/// The file that libFuzzer wrote a finding to.
fn finding(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, file)| file.trim())
}

/// The arguments of a search: what it learns is kept for the next one beside the build.
fn search(name: &str, seconds: u32) -> anyhow::Result<Vec<String>> {
    let learned = format!("{BUILD}/corpus/{name}");
    for folder in [&learned, ARTIFACTS] {
        fs::create_dir_all(root().join(folder))?;
    }
    let arguments = [
        format!("-max_total_time={seconds}"),
        format!("-artifact_prefix={ARTIFACTS}/{name}-"),
        "-dict=fuzz/dictionary.txt".into(),
        "-timeout=10".into(),
        "-verbosity=0".into(),
        "-print_final_stats=1".into(),
        learned,
        format!("fuzz/corpus/{name}"),
    ];
    Ok(arguments.into())
}

/// The arguments that run these files once each.
fn replay(files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let absolute = |file: &PathBuf| {
        let path = file.canonicalize().with_context(|| format!("{} cannot be read", file.display()))?;
        Ok(path.display().to_string())
    };
    files.iter().map(absolute).collect()
}

fn program(name: &str) -> anyhow::Result<PathBuf> {
    Ok(root().join(BUILD).join(host()?).join("release").join(name))
}

/// The triple of this machine.
fn host() -> anyhow::Result<String> {
    let output = Command::new("rustc").args(["--print", "host-tuple"]).output().context("rustc cannot be started")?;
    ensure!(output.status.success(), "rustc does not know its host");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings() {
        let said = "artifact_prefix='x-'; Test unit written to fuzz/artifacts/x-crash-1\nBase64: eA==\n";
        assert_eq!(finding(said), Some("fuzz/artifacts/x-crash-1"));
        assert_eq!(finding("==1== INFO"), None);
    }

    #[test]
    fn every_target_has_first_inputs() {
        for name in targets().unwrap().iter().filter(|name| *name != COMPARE) {
            let folder = root().join("fuzz/corpus").join(name);
            assert!(fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()), "{}", folder.display());
        }
    }
}
