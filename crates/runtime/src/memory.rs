//! The memory of processes, where no controller counts it.

use std::fs;

/// What the processes have in memory, in bytes: pages that they share count for each (`VmRSS`, proc_pid_status(5)).
pub(crate) fn resident_bytes(pids: &[i32]) -> Option<u64> {
    let each: Vec<u64> = pids.iter().filter_map(|pid| resident(*pid)).collect();
    (!each.is_empty()).then(|| each.iter().sum())
}

fn resident(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() {
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(resident_bytes(&[me, i32::MAX]) > Some(1 << 16));
        assert_eq!(resident_bytes(&[i32::MAX]), None);
    }
}
