//! Processes that end with the measurement, however it ends.

use std::{
    ffi::OsStr,
    fmt::Display,
    fs,
    io::Read as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

/// How often the end of a process is awaited, each time after `PAUSE`, before it is killed.
const TRIES: u32 = 3_000;
const PAUSE: Duration = Duration::from_millis(10);
/// Enough for the connections of every measurement.
const DESCRIPTORS: &str = "--nofile=20000:20000";

/// A started process; it is ended when this is dropped.
pub(super) struct Started(Child);

/// A command that runs on a core, or on a list of them. The kernel tells it to end when this process ends, even if it is killed.
pub(super) fn on_core(core: impl Display, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "prlimit", DESCRIPTORS, "taskset", "--cpu-list", &core.to_string()]);
    command.arg(program).stdin(Stdio::null());
    command
}

impl Started {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let shown = format!("{command:?}");
        Ok(Self(command.spawn().with_context(|| format!("{shown} cannot be started"))?))
    }

    /// The process.
    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// It and its children.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let pid = self.0.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).context("it has ended")?;
        let children = children.split_whitespace().map(|pid| Ok(pid.parse()?));
        std::iter::once(Ok(pid)).chain(children).collect()
    }

    /// Waits until it has ended by itself; returns what it said.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn output(mut self) -> anyhow::Result<Output> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        if let Some(pipe) = &mut self.0.stdout {
            pipe.read_to_end(&mut stdout)?;
        }
        if let Some(pipe) = &mut self.0.stderr {
            pipe.read_to_end(&mut stderr)?;
        }
        Ok(Output { status: self.0.wait()?, stdout, stderr })
    }

    /// Tells it to end and waits for that.
    ///
    /// # Errors
    /// When it has to be killed.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        self.terminate()
    }

    fn terminate(&mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).context("no process id")?;
        if self.0.try_wait()?.is_some() {
            return Ok(());
        }
        kill_process(pid, Signal::TERM)?;
        for _ in 0..TRIES {
            if self.0.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        self.0.kill()?;
        self.0.wait()?;
        anyhow::bail!("process {pid} had to be killed")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // After `end` there is nothing left to do; after a failure the first error counts.
        let _ = self.terminate();
    }
}

/// A file for what a process says.
///
/// # Errors
/// When it cannot be made.
pub(super) fn log(folder: &Path, name: &str) -> anyhow::Result<Stdio> {
    Ok(fs::File::create(folder.join(name))?.into())
}
