//! Control with a simulated runtime: `reconcile SERVICES CHANGES` brings up so many services of 2 instances, changes the number of
//! instances of one of them so often, and prints what one change took on average: steps of instances, records, entries of the
//! routing state, routing states, microseconds of processor time, and microseconds until it was answered.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use client::Client;
use control::{Api, Config, Engines, Releases, Secrets, Supervisor};
use model::{ServiceName, spec::System, status::SystemPhase};
use ports::{
    clock::{Clock, HostClock},
    fakes::{Counts, Memory, Mesh, Programs},
    tasks::{TaskKind, Tasks},
};
use rustix::time::{ClockId, clock_gettime};
use tokio::{net::UnixListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

const EVENTS_MAX: usize = 4096;
/// The number of instances alternates.
const REPLICAS: [u32; 2] = [3, 2];
/// Changes before those that are counted.
const WARM: u32 = 2;
const CONNECTION_PORT: u16 = 19_999;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [services, changes] = &arguments[..] else { anyhow::bail!("usage: reconcile SERVICES CHANGES") };
    let (services, changes): (usize, u32) = (services.parse()?, changes.parse()?);
    let folder = tempfile::tempdir()?;
    let (counts, clock) = (Arc::new(Counts::default()), Arc::new(HostClock::start()));
    let tasks = Tasks::default();
    let client = start(folder.path(), &manifest(services), &counts, clock.clone(), &tasks).await?;
    let mut states = client.watch().await?;
    while states.next().await?.context("it has ended")?.phase != SystemPhase::Running {}
    drop(states);
    let name: ServiceName = format!("service-{}", services.div_ceil(2)).parse()?;
    scale(&client, &name, WARM).await?;
    counts.reset();
    let (used, begun) = (processor_time()?, clock.now());
    scale(&client, &name, changes).await?;
    let (used, taken) = (processor_time()? - used, clock.now().since(begun));
    let times = [used, taken].map(|time| usize::try_from(time.as_micros()).unwrap_or(usize::MAX));
    let sums = counts.counted().into_iter().chain(times).map(|sum| u32::try_from(sum).map_or(f64::MAX, f64::from));
    let words: Vec<_> = sums.map(|sum| (sum / f64::from(changes)).to_string()).collect();
    println!("{}", words.join(" "));
    Ok(())
}

async fn scale(client: &Client, name: &ServiceName, changes: u32) -> anyhow::Result<()> {
    for replicas in (0..changes).map(|change| REPLICAS[change as usize % 2]) {
        client.scale(name, Some(replicas)).await?;
    }
    Ok(())
}

fn processor_time() -> anyhow::Result<Duration> {
    Ok(Duration::try_from(clock_gettime(ClockId::ProcessCPUTime))?)
}

/// Health checks come once an hour, so that they are not among what is counted.
fn manifest(services: usize) -> String {
    let service = |number| {
        format!("[services.service-{number}]\nrun = \"true\"\nreplicas = 2\nhealth = {{ interval = \"1h\" }}\n")
    };
    let services: String = (1..=services).map(service).collect();
    format!("[system]\nname = \"reconcile\"\n{services}")
}

/// Starts control and its API.
async fn start(
    folder: &Path,
    text: &str,
    counts: &Arc<Counts>,
    clock: Arc<dyn Clock>,
    tasks: &Tasks,
) -> anyhow::Result<Client> {
    let (path, state) = (folder.join("isles.toml"), folder.join(".isles"));
    std::fs::create_dir(&state)?;
    std::fs::write(&path, text)?;
    let parsed = manifest::parse(text, &manifest::Disk::new(folder));
    let system = parsed.system.with_context(|| format!("{:?}", parsed.diagnostics))?;
    let (events, received) = mpsc::channel(EVENTS_MAX);
    let programs = Arc::new(Programs { counts: counts.clone(), events, held: Vec::new() });
    let engines = Engines {
        workloads: programs.clone(),
        logs: programs.clone(),
        probes: programs,
        traffic: Arc::new(Mesh(counts.clone())),
        streams: Arc::new(Memory::new(counts.clone())),
        messages: None,
        clock: clock.clone(),
        tasks: tasks.clone(),
    };
    let releases = Releases::open(engines.streams.clone(), folder.into(), state.clone()).await?;
    let (logs, traffic) = (engines.logs.clone(), engines.traffic.clone());
    let config = config(folder, &state, text, system);
    let (supervisor, system) = Supervisor::start(config, releases.clone(), engines, received).await?;
    let (streams, closing) = (Tasks::default(), CancellationToken::new());
    let api = Api { system, releases, logs, traffic, messaging: None, clock, tasks: tasks.clone(), streams, closing };
    let socket = state.join("api.sock");
    tasks.spawn(TaskKind::Loop("api"), control::serve(UnixListener::bind(&socket)?, api));
    tasks.spawn(TaskKind::Loop("control"), async move {
        // It ends with this program.
        let _ = supervisor.run().await;
    });
    Ok(Client::new(socket))
}

fn config(folder: &Path, state: &Path, text: &str, system: System) -> Config {
    Config {
        system,
        manifest: folder.join("isles.toml"),
        text: text.into(),
        recorded: None,
        ran_before: false,
        folder: folder.into(),
        state: state.into(),
        sockets: folder.into(),
        host_env: control::HostEnv::default(),
        secrets: Secrets { variables: control::HostEnv::default(), file: state.join("secrets") },
        connection_port: CONNECTION_PORT,
        keeper_pid: 1,
        up_since: None,
        platform_pid: std::process::id(),
        resumed: false,
        builds_at_once: 2,
        seed: 1,
    }
}
