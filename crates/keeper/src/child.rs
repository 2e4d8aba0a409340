//! From a request to a running program: fork, prepare, exec.

use std::{
    fmt::Display,
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    process::{Command, Stdio},
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::{ioctl_fionbio, read, write},
    pipe::{PipeFlags, pipe_with},
    process::{self, Pid, Resource, Signal},
};

use crate::{
    host,
    protocol::{LimitedResource, Refusal, Spawn},
};

/// What may fail between fork and exec; the child tells which by its index.
const STEPS: [&str; 4] = ["session", "cgroup", "chdir", "limit"];

/// Makes a refusal of an error.
pub(crate) fn refusal<E: Into<io::Error>>(step: &str, what: impl Display) -> impl Fn(E) -> Refusal {
    move |error| {
        let error: io::Error = error.into();
        Refusal { step: step.into(), errno: error.raw_os_error().unwrap_or(0), cause: format!("{what}: {error}") }
    }
}

/// Starts a program; gives the read end of its output. `descriptors` is its limit unless it asks for another.
pub(crate) fn start(spawn: &Spawn, descriptors: process::Rlimit) -> Result<(Pid, OwnedFd), Refusal> {
    let (output, output_end) = pipe_with(PipeFlags::CLOEXEC).map_err(refusal("fd", "no pipe"))?;
    ioctl_fionbio(&output, true).map_err(refusal("fd", "no pipe"))?;
    let (failed, failed_end) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(refusal("fd", "no pipe"))?;
    let mut command = command(spawn, output_end)?;
    prepare(&mut command, Child::new(spawn, descriptors, failed_end)?);
    let child = command.spawn().map_err(|error| refused(spawn, &failed, error))?;
    Ok((Pid::from_child(&child), output))
}

fn command(spawn: &Spawn, output: OwnedFd) -> Result<Command, Refusal> {
    let (program, arguments) = spawn.argv.split_first().ok_or_else(|| Refusal {
        step: "exec".into(),
        errno: 0,
        cause: "there is no program to run".into(),
    })?;
    let errors = output.try_clone().map_err(refusal("fd", "no descriptor"))?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(spawn.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    Ok(command)
}

fn refused(spawn: &Spawn, failed: &OwnedFd, error: io::Error) -> Refusal {
    let mut index = [0];
    match read(failed, &mut index) {
        Ok(1) => refusal(STEPS[usize::from(index[0])], format!("cannot prepare `{}`", spawn.key))(error),
        _ => refusal("exec", format!("cannot run `{}`", spawn.argv[0]))(error),
    }
}

/// What the new process needs between fork and exec, opened before.
struct Child {
    keeper: Pid,
    folder: OwnedFd,
    groups: Vec<OwnedFd>,
    limits: Vec<(Resource, process::Rlimit)>,
    failed: OwnedFd,
}

impl Child {
    fn new(spawn: &Spawn, descriptors: process::Rlimit, failed: OwnedFd) -> Result<Self, Refusal> {
        let folder = open(&spawn.folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let folder = folder.map_err(refusal("chdir", format!("the folder `{}`", spawn.folder.display())))?;
        let group = |group: &std::path::PathBuf| {
            let opened = open(group.join("cgroup.procs"), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
            opened.map_err(refusal("cgroup", format!("the group `{}`", group.display())))
        };
        let groups = spawn.cgroups.iter().map(group).collect::<Result<_, _>>()?;
        let mut limits = vec![(Resource::Nofile, descriptors)];
        limits.extend(spawn.rlimits.iter().map(|limit| (resource(limit.resource), same(limit.value))));
        Ok(Self { keeper: process::getpid(), folder, groups, limits, failed })
    }

    /// Runs in the new process; allocates nothing.
    fn prepare(&self) -> io::Result<()> {
        self.step(0, process::setsid().map(drop))?;
        for group in &self.groups {
            self.step(1, write(group, b"0").map(drop))?;
        }
        self.step(2, process::fchdir(&self.folder))?;
        for (resource, limit) in &self.limits {
            self.step(3, process::setrlimit(*resource, *limit))?;
        }
        process::set_parent_process_death_signal(Some(Signal::KILL))?;
        if process::getppid() != Some(self.keeper) {
            return Err(rustix::io::Errno::SRCH.into());
        }
        host::reset_signals();
        Ok(())
    }

    fn step(&self, index: u8, result: rustix::io::Result<()>) -> io::Result<()> {
        result.map_err(|error| {
            let _ = write(&self.failed, &[index]);
            error.into()
        })
    }
}

#[allow(unsafe_code)]
fn prepare(command: &mut Command, child: Child) {
    // SAFETY: `Child::prepare` only makes system calls on what was opened before the fork.
    unsafe { command.pre_exec(move || child.prepare()) };
}

fn resource(resource: LimitedResource) -> Resource {
    match resource {
        LimitedResource::AddressSpace => Resource::As,
        LimitedResource::Descriptors => Resource::Nofile,
    }
}

fn same(value: u64) -> process::Rlimit {
    process::Rlimit { current: Some(value), maximum: Some(value) }
}
