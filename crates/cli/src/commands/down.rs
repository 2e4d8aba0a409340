use std::time::Duration;

use client::{Client, ClientError};
use model::status::SystemStatus;
use serde::Serialize;

use crate::{
    Context,
    exit::ExitCode,
    report::UserError,
    view::{plain, watch::Watch},
};

/// The time from the end of the API's socket to the end of the process that held it: both are its exit.
const KEEPER_END: Duration = Duration::from_secs(5);

#[derive(Serialize)]
struct Stopped<'a> {
    system: &'a str,
    stopped: bool,
}

pub(crate) async fn run(context: Context<'_>) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let before = client.system().await?;
    let keeper = process::Watched::new(before.keeper_pid);
    let (name, keeper_pid) = (before.name.clone(), before.keeper_pid);
    match stop(&client, before, |text| context.terminal.say(text)).await {
        // Since it was asked, it may be gone at any time: that is what was wanted.
        Ok(()) | Err(ClientError::NotRunning { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    if !keeper.has_ended_within(KEEPER_END) {
        let cause = format!("{name} is down, but its keeper (pid {keeper_pid}) has not ended");
        return Err(UserError::new(ExitCode::TimedOut, cause, "look at that process").into());
    }
    if context.settings.json {
        context.terminal.print_json(&Stopped { system: name.as_str(), stopped: true })?;
    } else {
        context.terminal.print(&format!("{name} is down\n"))?;
    }
    Ok(ExitCode::Ok)
}

/// Asks the system to stop, and says what changes until it has ended.
async fn stop(client: &Client, mut before: SystemStatus, mut say: impl FnMut(&str)) -> Result<(), ClientError> {
    match client.down().await {
        Ok(_) | Err(ClientError::Lost(_)) => {}
        Err(error) => return Err(error),
    }
    let mut watch = Watch::new(client, ());
    while let Some(status) = watch.next().await? {
        say(&plain::changes(Some(&before), &status));
        before = status;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod process {
    use std::{os::fd::OwnedFd, time::Duration};

    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        process::{Pid, PidfdFlags, pidfd_open},
    };

    /// A process whose end can be awaited: the next `up` finds the lock of an ended one free.
    pub(super) struct Watched(Option<OwnedFd>);

    impl Watched {
        /// The process with this id, if it is still there.
        pub(super) fn new(pid: u32) -> Self {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            Self(pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()))
        }

        /// Waits until it has ended, or for `limit`; says whether it has. It blocks, for nothing else is left to do.
        pub(super) fn has_ended_within(&self, limit: Duration) -> bool {
            let Some(pidfd) = &self.0 else { return true };
            let limit = Timespec::try_from(limit).ok();
            poll(&mut [PollFd::new(pidfd, PollFlags::IN)], limit.as_ref()).is_ok_and(|ready| ready > 0)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_end_of_a_process_is_awaited() {
            let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
            let watched = Watched::new(child.id());
            assert!(!watched.has_ended_within(Duration::ZERO));
            drop(child.stdin.take());
            assert!(watched.has_ended_within(Duration::from_secs(60)));
            child.wait().unwrap();
            assert!(Watched::new(child.id()).has_ended_within(Duration::ZERO));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod process {
    /// Without pidfds the end of the API's socket is all that is awaited.
    pub(super) struct Watched;

    impl Watched {
        pub(super) fn new(_pid: u32) -> Self {
            Self
        }

        pub(super) fn has_ended_within(&self, _limit: std::time::Duration) -> bool {
            true
        }
    }
}
