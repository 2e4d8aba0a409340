//! The platform process: connects the engines, runs control and the API, and ends when the system has stopped.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use cli::{report::UserError, settings::Environment};
use control::{Api, Config, Engines, Messaging, Supervisor};
use manifest::Disk;
use mesh::MeshError;
use model::spec::System;
use ports::{
    clock::{Clock, HostClock},
    keeper::Keeper,
    messages::Messages,
    streams::StreamsError,
    tasks::{TaskKind, Tasks},
    workloads::Workloads,
};
use streams::ConnectError;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use crate::{
    engines::{self, Connected, Started},
    preflight, secrets,
    state::State,
    view,
};

/// The time that streams of the API have to end.
const API_PATIENCE: Duration = Duration::from_secs(1);
/// The time that tasks have to end.
const TASKS_PATIENCE: Duration = Duration::from_secs(1);
/// What programs see of the host's environment.
const HOST_VARIABLES: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// The hidden command `platform`: started by the keeper with the folder of the manifest.
pub(crate) fn run(args: &[OsString], environment: &Environment) -> anyhow::Result<ExitCode> {
    let folder = args.first().map(PathBuf::from).context("the folder of the manifest is not named")?;
    let state = State(folder.join(".isles"));
    let text = std::fs::read_to_string(state.manifest()).context("the manifest in force cannot be read")?;
    let system = manifest::parse(&text, &Disk::new(&folder)).system.context("the manifest in force has errors")?;
    view::block_on(run_system(system, folder, state, environment))
}

/// A system that can run.
struct Ready {
    supervisor: Supervisor,
    workloads: Arc<dyn Workloads>,
    messages: Option<Arc<dyn Messages>>,
    api: Api,
    socket: UnixListener,
    sockets: PathBuf,
}

async fn run_system(
    system: System,
    folder: PathBuf,
    state: State,
    environment: &Environment,
) -> anyhow::Result<ExitCode> {
    let tasks = Tasks::default();
    let connected = engines::connect(&tasks).await?;
    let (keeper, resumed) = (connected.keeper.clone(), connected.is_resumed());
    match prepare(connected, system, folder, &state, environment, &tasks).await {
        Ok(ready) => serve(ready, &state, &tasks).await,
        Err(error) => {
            // Nothing runs yet, and what fails at the first start would fail at the next.
            if !resumed {
                let _ = keeper.stop(1).await;
            }
            Err(explain(error))
        }
    }
}

/// Says what a person can do about records that cannot be read.
fn explain(error: anyhow::Error) -> anyhow::Error {
    if let Some(MeshError::Tls(error)) = error.downcast_ref() {
        return preflight::no_certificate(error).into();
    }
    if let Some(error) = error.downcast_ref::<ConnectError>() {
        return UserError::failed(error.to_string(), error.hint()).into();
    }
    let hint = match error.downcast_ref::<StreamsError>() {
        Some(StreamsError::Damaged { .. }) => {
            "restore the file from a copy, or move the folder that it lies in away: Isles then makes a new one, and the stores stay"
        }
        Some(StreamsError::Newer { .. }) => "use the newer Isles that wrote it",
        Some(StreamsError::Unreachable(_)) => "see whether the NATS server is up, and try again",
        Some(StreamsError::Refused { .. }) => "change it back, or give it another name: what exists keeps its messages",
        Some(_) => "check the permissions and the free space of the state folder",
        None => return error,
    };
    UserError::failed(error.to_string(), hint).into()
}

async fn prepare(
    connected: Connected,
    system: System,
    folder: PathBuf,
    state: &State,
    environment: &Environment,
    tasks: &Tasks,
) -> anyhow::Result<Ready> {
    let clock: Arc<dyn Clock> = Arc::new(HostClock::start());
    let started = engines::start(connected, &system, &folder, state, environment, clock, tasks).await?;
    let config = config(system, folder, state, environment, &started)?;
    let Started { engines, events, messages, api: socket, sockets, .. } = started;
    let (workloads, logs, traffic) = (engines.workloads.clone(), engines.logs.clone(), engines.traffic.clone());
    let messaging = messaging(&config.system, &engines);
    let (supervisor, handle) = Supervisor::start(config, engines, events).await?;
    let (tasks, streams, closing) = (tasks.clone(), Tasks::default(), CancellationToken::new());
    let api = Api { system: handle, logs, traffic, messaging, tasks, streams, closing };
    Ok(Ready { supervisor, workloads, messages, api, socket, sockets })
}

/// What the API reaches topics and buckets by, if there are any.
fn messaging(system: &System, engines: &Engines) -> Option<Arc<Messaging>> {
    let (system, clock) = (system.clone(), engines.clock.clone());
    engines.messages.clone().map(|streams| Arc::new(Messaging { system, streams, clock }))
}

async fn serve(ready: Ready, state: &State, tasks: &Tasks) -> anyhow::Result<ExitCode> {
    let (closing, streams) = (ready.api.closing.clone(), ready.api.streams.clone());
    tasks.spawn(TaskKind::Loop("api"), control::serve(ready.socket, ready.api));
    let code = tokio::select! {
        code = ready.supervisor.run() => code,
        () = tasks.cancelled() => anyhow::bail!("a part of the platform has ended"),
    };
    if let Some(messages) = ready.messages {
        messages.stop().await;
    }
    closing.cancel();
    // A reader that does not read must not hold up the end.
    streams.finish(API_PATIENCE).await;
    // With the API's socket in it, it stays: the keeper still holds that.
    let _ = std::fs::remove_dir(ready.sockets).and_then(|()| std::fs::remove_file(state.0.join("run")));
    ready.workloads.stop_keeper(code).await;
    tasks.stop(TASKS_PATIENCE).await;
    Ok(code.into())
}

fn config(
    system: System,
    folder: PathBuf,
    state: &State,
    environment: &Environment,
    started: &Started,
) -> anyhow::Result<Config> {
    let variable = |name: &&str| environment.variables.get(Path::new(name).as_os_str())?.to_str().map(str::to_owned);
    let host_env = HOST_VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect();
    Ok(Config {
        secrets: secrets::read(&system, &environment.variables, &state.secrets())?,
        env_files: preflight::env_files(&system, &folder)?,
        host_env,
        state: state.0.clone(),
        sockets: started.sockets.clone(),
        connection_port: started.connection_port,
        keeper_pid: started.keeper_pid,
        platform_pid: std::process::id(),
        resumed: started.resumed,
        builds_at_once: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        seed: fastrand::u64(..),
        system,
        folder,
    })
}
