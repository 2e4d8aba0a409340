//! The end: nothing that was started is left.

use std::{fs, path::PathBuf, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{self, Signal},
};

use crate::{
    host,
    keeper::Keeper,
    process::{kill, remove_groups},
    protocol::Whom,
    socket::Socket,
    stat,
};

const KILL_PATIENCE: Duration = Duration::from_secs(5);
const PLATFORM_PATIENCE: Duration = Duration::from_secs(2);
const VIEWER_PATIENCE: Duration = Duration::from_secs(5);

impl Keeper {
    /// Leaves nothing behind; returns the exit code. What lies in a state folder that is not its own any more is another's.
    pub(crate) fn finish(&mut self, code: u8) -> u8 {
        let is_held = self.config.lock.is_held();
        self.config.manager.is_stopping();
        self.processes.values().for_each(|process| process.signal(libc::SIGKILL, Whom::Tree));
        self.reap_until(KILL_PATIENCE, |keeper| {
            let left = keeper.left();
            left.iter().for_each(|stat| kill(stat.pid, Signal::KILL));
            left.is_empty()
        });
        self.end_platform();
        // Closed before the viewer is awaited: it ends when nobody listens any more.
        let sockets = std::mem::take(&mut self.sockets);
        let own = |socket: &&Socket| is_held || !socket.lies_in(self.config.lock.folder());
        sockets.values().filter(own).for_each(Socket::unlink);
        remove_groups(self.processes.values().flat_map(|it| &it.spawn.cgroups).map(PathBuf::as_path));
        self.groups.iter().for_each(|group| _ = fs::remove_dir(group));
        self.reap_until(VIEWER_PATIENCE, |keeper| keeper.config.viewer.is_none());
        for stat in stat::descendants(process::getpid().as_raw_pid()) {
            kill(stat.pid, Signal::KILL);
        }
        self.config.lock.end();
        if is_held { code } else { code.max(1) }
    }

    fn end_platform(&mut self) {
        if let Some(process) = &self.platform.process {
            let _ = rustix::net::shutdown(&process.socket, rustix::net::Shutdown::Both);
        }
        self.reap_until(PLATFORM_PATIENCE, |keeper| keeper.platform.process.is_none());
        self.platform.kill("it has not ended by itself");
        self.reap_until(PLATFORM_PATIENCE, |keeper| keeper.platform.process.is_none());
    }

    /// All processes below this one, but for the platform process and the viewer.
    fn left(&self) -> Vec<stat::Stat> {
        let platform = self.platform.process.as_ref().map(|process| process.pid.as_raw_pid());
        let viewer = self.config.viewer.and_then(|pid| i32::try_from(pid).ok());
        let mut left = stat::descendants(process::getpid().as_raw_pid());
        left.retain(|stat| ![platform, viewer].contains(&Some(stat.pid)));
        left
    }

    fn reap_until(&mut self, patience: Duration, mut done: impl FnMut(&Self) -> bool) {
        let deadline = host::now() + patience;
        while !done(self) && host::now() < deadline {
            let mut fds = [PollFd::new(&self.signals, PollFlags::IN)];
            let _ = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 20_000_000 }));
            host::read_signals(&self.signals);
            self.reap();
        }
    }
}
