//! The test programs: built, asked for their tests, and run, a process for each test.
//!
//! A process of its own for each test keeps one that hangs from taking the others with it, and its servers end with it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context, ensure};
use ports::clock::{Clock, HostClock};
use serde_json::Value;

use crate::{compat::SCRATCH, shell::root};

/// One test of a test program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test {
    /// `PROGRAM::path::of::test`; the program of the library's own tests is called after the library.
    pub(crate) name: String,
    path: String,
    program: PathBuf,
}

/// How a test ended.
pub(crate) struct Outcome {
    pub(crate) passed: bool,
}

/// How many tests run at once, and how long each may take.
pub(crate) struct Limits {
    pub(crate) jobs: usize,
    pub(crate) seconds: u32,
}

/// Builds the test programs of a crate, slow tests included, and lists their tests, ignored ones too. They go without
/// debug information: that halves the time to build them, and a panic tells its line all the same.
///
/// # Errors
/// When they cannot be built.
pub(crate) fn tests(folder: &Path) -> anyhow::Result<Vec<Test>> {
    eprintln!("xtask: building the tests of {}", folder.display());
    let build = ["test", "--tests", "--no-run", "--features", "slow_tests", "--message-format", "json"];
    let target = root().join(SCRATCH).join("target");
    let environment = [("CARGO_TARGET_DIR", target.as_os_str()), ("CARGO_PROFILE_DEV_DEBUG", "none".as_ref())];
    let output = Command::new("cargo").args(build).envs(environment).current_dir(folder).output()?;
    ensure!(output.status.success(), "the tests cannot be built:\n{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout)?;
    let mut tests = Vec::new();
    for (name, program) in messages.lines().filter_map(program) {
        let listed = Command::new(&program).args(["--list", "--format", "terse"]).current_dir(folder).output()?;
        ensure!(listed.status.success(), "{name} does not list its tests");
        let paths = String::from_utf8(listed.stdout)?;
        let test = |path: &str| Test { name: format!("{name}::{path}"), path: path.into(), program: program.clone() };
        tests.extend(paths.lines().filter_map(|line| line.strip_suffix(": test")).map(test));
    }
    Ok(tests)
}

/// The name and file of a test program, if this line of cargo's messages tells of one.
fn program(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_test = message["profile"]["test"].as_bool()?;
    let file = message["executable"].as_str()?;
    let name = message["target"]["name"].as_str()?;
    is_test.then(|| (name.to_owned(), PathBuf::from(file)))
}

/// Runs the tests with the servers of a folder; prints what a failing one said. The outcomes are in the order of the tests.
///
/// # Errors
/// When a test program cannot be started.
pub(crate) fn run(tests: &[Test], folder: &Path, servers: &Path, limits: &Limits) -> anyhow::Result<Vec<Outcome>> {
    let next = Mutex::new(tests.iter().enumerate());
    let work = || {
        let mut done = Vec::new();
        while let Some((number, test)) = take(&next) {
            done.push((number, one(test, folder, servers, limits.seconds)?));
        }
        Ok(done)
    };
    let results: Vec<anyhow::Result<Vec<_>>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..limits.jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    let mut outcomes: Vec<_> = results.into_iter().collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten().collect();
    outcomes.sort_by_key(|(number, _)| *number);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

fn take<T>(next: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    next.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// The program is killed with all that it started when its time is over.
fn one(test: &Test, folder: &Path, servers: &Path, seconds: u32) -> anyhow::Result<Outcome> {
    let mut command = Command::new("sh");
    command.args(["-c", "PATH=\"$0:$PATH\" exec timeout --signal=KILL \"$@\""]).arg(servers);
    command.arg(seconds.to_string()).arg(&test.program).args(["--exact", &test.path, "--include-ignored"]);
    let clock = HostClock::start();
    let begun = clock.now();
    let output = command.current_dir(folder).output().with_context(|| format!("{} cannot be started", test.name))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && ran_one(&said);
    let (how, took) = (if passed { "passed" } else { "FAILED" }, clock.now().since(begun).as_secs_f32());
    eprintln!("{how} {took:6.1} s  {}", test.name);
    if !passed {
        eprintln!("{said}{}{}", String::from_utf8_lossy(&output.stderr), output.status);
    }
    Ok(Outcome { passed })
}

/// That nothing failed says little where nothing ran.
fn ran_one(said: &str) -> bool {
    said.contains("test result: ok. 1 passed")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{program, ran_one};

    #[test]
    fn programs_are_told_by_cargo() {
        let message = |is_test: bool, executable: &str| {
            let target = r#""target":{"name":"kv_tests"}"#;
            format!(
                r#"{{"reason":"compiler-artifact",{target},"profile":{{"test":{is_test}}},"executable":{executable}}}"#
            )
        };
        let expected = Some(("kv_tests".to_owned(), PathBuf::from("/t/kv_tests-1")));
        assert_eq!(program(&message(true, "\"/t/kv_tests-1\"")), expected);
        assert_eq!(program(&message(true, "null")), None);
        assert_eq!(program(&message(false, "\"/t/async_nats\"")), None);
        assert_eq!(program("warning: no JSON"), None);
    }

    #[test]
    fn a_test_that_did_not_run_did_not_pass() {
        assert!(ran_one("test result: ok. 1 passed; 0 failed; 0 ignored"));
        assert!(!ran_one("test result: ok. 0 passed; 0 failed; 1 ignored"));
    }
}
