//! Processes of the host, by their ids.

use std::{fs, path::Path};

use model::status::SystemStatus;
use rustix::process::{Pid, Signal, kill_process};

/// Whether a process with this id exists and has not ended.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Sends a signal; that the process has gone is no error.
///
/// # Panics
/// When the id is none.
pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id is above 0");
    let _ = kill_process(pid, signal);
}

/// The living processes that work in this folder or name it in their arguments, as `pid arguments`.
pub fn about(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let about = |pid: u32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        let works_there = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        let named = arguments.contains(&folder.display().to_string());
        ((works_there || named) && pid != std::process::id() && is_alive(pid)).then(|| format!("{pid} {arguments}"))
    };
    pids.filter_map(about).collect()
}

/// The environment variables that a process was started with.
pub fn environment(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).split_terminator('\0').map(str::to_owned).collect()
}

/// A field of `/proc/PID/status` in KiB, such as `VmRSS`.
pub fn status_kib(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.split(':').next() == Some(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The process ids of all instances, by service and slot; `None` for one without a process.
pub fn pids(status: &SystemStatus) -> Vec<Option<u32>> {
    status.services.iter().flat_map(|service| &service.instances).map(|instance| instance.pid).collect()
}
