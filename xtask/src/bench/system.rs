//! The whole platform at rest and at its start.

use std::{fs, path::Path, thread, time::Duration};

use anyhow::{Context as _, bail};
use ports::clock::{Clock, HostClock};

use super::{
    figure::{Figure, median, table},
    process, recovery,
    shop::{self, SERVICES},
    stand::{self, Stand},
};

/// How often a start is measured.
const RUNS: usize = 9;
/// What a system gets to come to rest, and how long it is watched then.
const REST: Duration = Duration::from_secs(10);
const WATCHED: Duration = Duration::from_secs(60);
const MIB: f64 = 1024.0 * 1024.0;

/// Measures all figures and prints them.
///
/// # Errors
/// When one cannot be measured, or a bound does not hold.
pub(super) fn run() -> anyhow::Result<()> {
    let program = stand::build()?;
    let programs = shop::build()?;
    let clock = HostClock::start();
    let [memory, processor] = at_rest(&program, &programs, &clock)?;
    let figures = [
        start(&program, &programs, &clock)?,
        recovery::run(&program, &programs, &clock)?,
        memory,
        processor,
        many(&program, &programs, &clock)?,
        size(&program)?,
    ];
    println!("{}\n\n{}", machine()?, table(&figures));
    let broken: Vec<_> = figures.iter().filter(|figure| !figure.holds()).map(|figure| figure.what).collect();
    if !broken.is_empty() {
        bail!("a bound does not hold: {}", broken.join(", "));
    }
    Ok(())
}

fn start(program: &Path, programs: &Path, clock: &HostClock) -> anyhow::Result<Figure> {
    let stand = Stand::new(program, &shop::manifest(programs)?)?;
    let (mut whole, mut own) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        whole.push(stand.up(clock)?.as_secs_f64() * 1000.0);
        stand.down()?;
        let starts = SERVICES.map(|service| shop::own_start(programs, service, clock));
        let starts: Vec<_> = starts.into_iter().collect::<anyhow::Result<_>>()?;
        own.push(starts.into_iter().max().unwrap_or_default().as_secs_f64() * 1000.0);
    }
    let (whole, own) = (median(&whole), median(&own));
    Ok(Figure {
        what: "`isles up` of the built shop, over its slowest service's own start",
        value: whole - own,
        bound: 300.0,
        unit: "ms",
        details: format!("{whole:.0} ms less {own:.0} ms, medians of {RUNS}"),
    })
}

fn at_rest(program: &Path, programs: &Path, clock: &HostClock) -> anyhow::Result<[Figure; 2]> {
    let stand = Stand::new(program, &shop::stocks(programs, 11, 2))?;
    stand.up(clock)?;
    thread::sleep(REST);
    let pids = process::of_program(program, stand.folder())?;
    let (begun, before) = (clock.now(), process::processor_time(&pids)?);
    thread::sleep(WATCHED);
    let (after, ended) = (process::processor_time(&pids)?, clock.now());
    let used = (after - before).as_secs_f64();
    let watched = ended.since(begun).as_secs_f64();
    let resident = process::resident_kib(&pids)?;
    stand.down()?;
    let processes = pids.len();
    Ok([
        Figure {
            what: "memory at rest, 11 services of 2 instances",
            value: f64::from(u32::try_from(resident)?) / 1024.0,
            bound: 20.0,
            unit: "MiB",
            details: format!("VmRSS of the {processes} processes of Isles"),
        },
        Figure {
            what: "processor at rest, 11 services of 2 instances",
            value: 100.0 * used / watched,
            bound: 0.2,
            unit: "% of a core",
            details: format!("{:.0} ms in {watched:.0} s, health checks every 5 s", used * 1000.0),
        },
    ])
}

fn many(program: &Path, programs: &Path, clock: &HostClock) -> anyhow::Result<Figure> {
    let stand = Stand::new(program, &shop::stocks(programs, 1, 200))?;
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(stand.up(clock)?.as_secs_f64());
        stand.down()?;
    }
    Ok(Figure {
        what: "200 instances of `stock`, started and healthy",
        value: median(&taken),
        bound: 3.0,
        unit: "s",
        details: format!("`isles up -d` as a whole, median of {}", taken.len()),
    })
}

fn size(program: &Path) -> anyhow::Result<Figure> {
    let bytes = u32::try_from(fs::metadata(program)?.len())?;
    let details = "`target/release/isles`, stripped".into();
    Ok(Figure { what: "release binary", value: f64::from(bytes) / MIB, bound: 15.0, unit: "MiB", details })
}

/// What else the host does, before a measurement adds to it.
///
/// # Errors
/// When the host does not say.
pub(super) fn load_average() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().into())
}

/// The machine in a line.
///
/// # Errors
/// When `/proc` does not tell.
pub(super) fn machine() -> anyhow::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let cpu = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    let cpu = cpu.map_or("unknown processor", |(_, name)| name);
    let cores = thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib =
        memory.lines().next().and_then(|line| line.split_whitespace().nth(1)).context("/proc/meminfo is empty")?;
    let gib = kib.parse::<u64>()?.div_ceil(1 << 20);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!("{cpu}, {cores} cores, {gib} GiB, Linux {}", kernel.trim()))
}
