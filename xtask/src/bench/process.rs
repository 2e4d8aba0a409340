//! What processes use, from `/proc`.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;

/// The unit of times in `/proc`, which is the same on every Linux host.
const TICK: Duration = Duration::from_millis(10);

/// The processes of a program that name a folder in their arguments.
///
/// # Errors
/// When there are none.
pub(super) fn of_program(program: &Path, folder: &Path) -> anyhow::Result<Vec<u32>> {
    let program = program.canonicalize()?;
    let folder = folder.display().to_string();
    let entries = fs::read_dir("/proc")?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_ours = |pid: &u32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let runs = fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
        runs && String::from_utf8_lossy(&arguments).contains(&folder)
    };
    let pids: Vec<u32> = pids.filter(is_ours).collect();
    anyhow::ensure!(!pids.is_empty(), "no process of {} runs", program.display());
    Ok(pids)
}

/// The resident memory of processes, in KiB (`VmRSS`).
///
/// # Errors
/// When one has gone.
pub(super) fn resident_kib(pids: &[u32]) -> anyhow::Result<u64> {
    pids.iter().map(|pid| one_resident_kib(*pid)).sum()
}

fn one_resident_kib(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("it has no memory")?;
    Ok(line.split_whitespace().next().context("it has no number")?.parse()?)
}

/// The processor time of processes so far, ended threads included: `utime` and `stime` of proc_pid_stat(5).
///
/// # Errors
/// When one has gone.
pub(super) fn processor_time(pids: &[u32]) -> anyhow::Result<Duration> {
    pids.iter().map(|pid| one_processor_time(*pid)).sum()
}

fn one_processor_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("it has no fields")?;
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| Ok(ticks.parse::<u64>()?));
    Ok(TICK * u32::try_from(ticks.sum::<anyhow::Result<u64>>()?)?)
}

/// The time that a core was busy so far, with what the kernel did on behalf of the network and accounts to no process.
///
/// # Errors
/// When the host does not say.
pub(super) fn busy_time(core: usize) -> anyhow::Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} "))).context("no such core")?;
    let ticks: Vec<u32> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    // user, nice, system, idle, iowait, irq, softirq.
    let [user, nice, system, _, _, irq, softirq, ..] = ticks[..] else { anyhow::bail!("an odd line: {line}") };
    Ok(TICK * (user + nice + system + irq + softirq))
}

/// The processor time of the live threads of processes, to the nanosecond: `schedstat` of proc(5).
///
/// # Errors
/// When one has gone.
pub(super) fn exact_processor_time(pids: &[u32]) -> anyhow::Result<Duration> {
    let mut sum = Duration::ZERO;
    for pid in pids {
        for thread in fs::read_dir(format!("/proc/{pid}/task")).context("a process has gone")? {
            // A thread that ends meanwhile is none of those that carry requests.
            let figures = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            let on_core = figures.split(' ').next().filter(|word| !word.is_empty());
            sum += Duration::from_nanos(on_core.map_or(Ok(0), str::parse)?);
        }
    }
    Ok(sum)
}
