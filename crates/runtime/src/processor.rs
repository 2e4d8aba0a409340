//! The processor time of processes, where no controller counts it.

use std::{fs, time::Duration};

/// What the processes have used, and those of their children that they have waited for (proc_pid_stat(5)).
pub(crate) fn time(pids: &[i32]) -> Option<Duration> {
    let each: Vec<u64> = pids.iter().filter_map(|pid| ticks(*pid)).collect();
    let second = rustix::param::clock_ticks_per_second().max(1);
    (!each.is_empty()).then(|| Duration::from_millis(each.iter().sum::<u64>() * 1000 / second))
}

/// `utime`, `stime`, `cutime` and `cstime`: the twelfth to the fifteenth field after the name, which may hold anything.
fn ticks(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_the_processor() {
        let me = i32::try_from(std::process::id()).unwrap();
        let before = time(&[me, i32::MAX]).unwrap();
        let reads = (0..10_000_000).take_while(|_| time(&[me]).unwrap() < before + Duration::from_millis(30)).count();
        assert!(reads < 10_000_000, "it has worked all the time");
        assert_eq!(time(&[i32::MAX]), None);
    }
}
