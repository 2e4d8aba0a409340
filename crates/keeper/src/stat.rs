//! Processes as `/proc` shows them (proc(5)).

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use rustix::{param::clock_ticks_per_second, time::ClockId};

use crate::host::since_zero;

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The process id.
    pub pid: i32,
    /// The parent's process id.
    pub parent: i32,
    /// The session: the process id of its leader.
    pub session: i32,
    /// When it started, in clock ticks since the host did. With `pid` it names one process for ever.
    pub start: u64,
    /// Whether all its threads have ended, so that it holds nothing open any more, but it has not been waited for.
    pub ended: bool,
}

/// One process; `None` if there is none.
pub fn read(pid: i32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// How long a process has been there, to a tick of a hundredth of a second; `None` if there is none.
pub fn age(pid: i32) -> Option<Duration> {
    let started = Duration::from_millis(read(pid)?.start * 1000 / clock_ticks_per_second());
    Some(since_zero(ClockId::Boottime).saturating_sub(started))
}

/// All processes that have not ended.
pub fn all() -> Vec<Stat> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(read).filter(|stat| !stat.ended).collect()
}

/// The processes below one, itself left out.
pub fn descendants(root: i32) -> Vec<Stat> {
    let (mut rest, mut found, mut parents) = (all(), Vec::new(), BTreeSet::from([root]));
    loop {
        let (below, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|stat| parents.contains(&stat.parent));
        if below.is_empty() {
            return found;
        }
        parents.extend(below.iter().map(|stat| stat.pid));
        found.extend(below);
        rest = others;
    }
}

/// The number of this boot of the host.
pub fn boot_id() -> String {
    fs::read_to_string(Path::new("/proc/sys/kernel/random/boot_id")).unwrap_or_default().trim().into()
}

/// Whether a process has blocked a signal: it would not end by it.
pub(crate) fn blocks(pid: u32, signal: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    let blocked = blocked.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    blocked >> (signal - 1) & 1 == 1
}

fn parse(stat: &str) -> Option<Stat> {
    let (pid, rest) = stat.split_once(" (")?;
    let fields: Vec<&str> = rest.rsplit_once(") ")?.1.split(' ').collect();
    let number = |index: usize| -> Option<i32> { fields.get(index)?.parse().ok() };
    Some(Stat {
        pid: pid.parse().ok()?,
        parent: number(1)?,
        session: number(3)?,
        start: fields.get(19)?.parse().ok()?,
        // The first thread may have ended before others.
        ended: matches!(*fields.first()?, "Z" | "X") && number(17).is_none_or(|threads| threads <= 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::now;

    #[test]
    fn a_name_may_contain_anything() {
        let line = "42 (a ) b (c) S 7 42 41 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 1\n";
        assert_eq!(parse(line), Some(Stat { pid: 42, parent: 7, session: 41, start: 987_654, ended: false }));
        assert_eq!(parse("42 (a) Z"), None);
    }

    #[test]
    fn it_has_ended_with_its_last_thread() {
        for (state, threads, expected) in [("Z", 1, true), ("Z", 2, false), ("X", 0, true), ("S", 1, false)] {
            let line = format!("42 (a) {state} 7 42 41 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 {threads} 0 987654 1 1\n");
            assert_eq!(parse(&line).map(|stat| stat.ended), Some(expected), "{line}");
        }
    }

    #[test]
    fn this_process_is_there() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let me = read(pid).unwrap();
        assert!(all().contains(&me));
        assert!(!descendants(pid).contains(&me));
        assert!(descendants(me.parent).contains(&me));
    }

    #[test]
    fn another_process_ages_until_it_ends() {
        let before = now();
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let first = age(pid).unwrap();
        // Of this process that could not be asked: while a thread begins, the one that makes it blocks all signals.
        assert!(!blocks(child.id(), libc::SIGUSR2) && !blocks(0, libc::SIGUSR2));
        drop(child.stdin.take());
        // What has ended is there until it is waited for.
        while !read(pid).unwrap().ended {
            std::thread::yield_now();
        }
        let (last, most) = (age(pid).unwrap(), now() - before + Duration::from_millis(20));
        assert!(first <= last && last <= most, "{first:?} {last:?} {most:?}");
        child.wait().unwrap();
        assert_eq!(age(pid), None);
    }
}
