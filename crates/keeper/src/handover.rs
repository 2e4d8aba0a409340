//! What a keeper leaves to the program that it becomes: all that it holds, as JSON in memory, descriptors by their numbers.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    os::fd::{AsFd, AsRawFd, RawFd},
    os::unix::process::CommandExt,
    process::Command,
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    io::{FdFlags, fcntl_setfd},
};
use serde::{Deserialize, Serialize};

use crate::{fd::Fd, host, keeper::Keeper, protocol};

/// The version of what is left. A field that is added has a default; what changes otherwise is another version.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Left<'a> {
    version: u32,
    protocol: u32,
    keeper: &'a Keeper,
}

/// What is read first: the rest may mean something else.
#[derive(Deserialize)]
struct Head {
    version: u32,
    protocol: u32,
}

#[derive(Deserialize)]
struct Taken {
    keeper: Keeper,
}

/// Whether this program could go on with what a keeper has left at this descriptor. For a process of its own.
///
/// # Errors
/// The cause in a line.
pub fn check(number: RawFd) -> Result<(), String> {
    read(number).map(drop)
}

/// The keeper whose process this was under another program.
pub(crate) fn read(number: RawFd) -> Result<Keeper, String> {
    let mut text = Vec::new();
    let fd = Fd::take_over(number).and_then(|fd| fd.try_clone());
    fd.and_then(|fd| File::from(fd).read_to_end(&mut text)).map_err(|error| format!("nothing was left: {error}"))?;
    let head: Head = serde_json::from_slice(&text).map_err(|error| format!("it cannot be read: {error}"))?;
    for (what, left, known) in
        [("state of keepers", head.version, VERSION), ("protocol of keepers", head.protocol, protocol::VERSION)]
    {
        if left != known {
            return Err(format!("the {what} has version {left} in the Isles that runs, and {known} in this one"));
        }
    }
    let taken: Taken = serde_json::from_slice(&text).map_err(|error| format!("it cannot be read: {error}"))?;
    Ok(taken.keeper)
}

/// Starts a process of the program that checks whether it could take over; what it says goes to `errors`.
pub(crate) fn start_check(keeper: &Keeper, program: &str, errors: File) -> io::Result<u32> {
    let started = command(keeper, program, "check").and_then(|(mut command, _left)| {
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(errors).spawn()
    });
    host::close_on_exec();
    started.map(|child| child.id())
}

/// Becomes the program. Returns only if that is not possible.
pub(crate) fn become_program(keeper: &Keeper, program: &str) -> io::Error {
    let error = match command(keeper, program, "resume") {
        Ok((mut command, _left)) => command.exec(),
        Err(error) => error,
    };
    host::close_on_exec();
    error
}

/// The program's own way to read what is left, and what is left: all its descriptors stay open over the next `execve`.
fn command(keeper: &Keeper, program: &str, what: &str) -> io::Result<(Command, File)> {
    let mut left = File::from(memfd_create("isles-keeper", MemfdFlags::CLOEXEC)?);
    let state = Left { version: VERSION, protocol: protocol::VERSION, keeper };
    left.write_all(&serde_json::to_vec(&state)?)?;
    left.rewind()?;
    fcntl_setfd(left.as_fd(), FdFlags::empty())?;
    let mut command = Command::new(program);
    command.args(keeper.successor_arguments()).arg(what).arg(left.as_raw_fd().to_string());
    Ok((command, left))
}

/// Process ids in what is left.
pub(crate) mod pid {
    use rustix::process::Pid;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(pid: &Pid, serializer: S) -> Result<S::Ok, S::Error> {
        pid.as_raw_pid().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pid, D::Error> {
        let number = i32::deserialize(deserializer)?;
        Pid::from_raw(number).ok_or_else(|| D::Error::custom("not a process id"))
    }
}

/// Limits in what is left.
#[derive(Serialize, Deserialize)]
#[serde(remote = "rustix::process::Rlimit")]
pub(crate) struct Rlimit {
    current: Option<u64>,
    maximum: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str) -> RawFd {
        let mut file = File::from(memfd_create("isles-test", MemfdFlags::CLOEXEC).unwrap());
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        std::os::fd::IntoRawFd::into_raw_fd(file)
    }

    #[test]
    fn what_another_version_has_left_is_refused() {
        for (text, cause) in [
            ("", "it cannot be read: "),
            ("{}", "it cannot be read: missing field `version`"),
            (
                r#"{"version": 99, "protocol": 2}"#,
                "the state of keepers has version 99 in the Isles that runs, and 1 in this one",
            ),
            (
                r#"{"version": 1, "protocol": 99}"#,
                "the protocol of keepers has version 99 in the Isles that runs, and 2 in this one",
            ),
            (r#"{"version": 1, "protocol": 2, "keeper": {}}"#, "it cannot be read: missing field `config`"),
        ] {
            let found = check(left(text)).unwrap_err();
            assert!(found.starts_with(cause), "{found}");
        }
        assert!(check(-1).unwrap_err().starts_with("nothing was left: "));
    }
}
