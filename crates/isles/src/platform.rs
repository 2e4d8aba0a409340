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
use client::Client;
use control::{Api, Config, Recorded, ReleaseError, Releases, Supervisor};
use manifest::Disk;
use mesh::{Mesh, MeshError};
use model::{Gather, spec::System};
use ports::{
    keeper::Keeper,
    messages::Messages,
    streams::StreamsError,
    tasks::{TaskKind, Tasks},
    workloads::Workloads,
};
use runtime::KeeperClient;
use streams::{Buckets, ConnectError};
use tokio::{
    net::UnixListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    engines::{self, Connected, Started},
    preflight,
    state::State,
    up::RESUME,
    view,
};

/// The time that streams of the API have to end.
const API_PATIENCE: Duration = Duration::from_secs(1);
/// The time that requests in flight have to end when another platform process follows.
const LEAVE_PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked, each time after a pause, whether the journal is free for that process.
const JOURNAL_TRIES: u32 = 500;
const JOURNAL_PAUSE: Duration = Duration::from_millis(2);
/// The time that tasks have to end.
const TASKS_PATIENCE: Duration = Duration::from_secs(1);
/// What a person can do about the content store.
const STORE_HINT: &str =
    "check the permissions and the free space of the state folder, or move its folder `store` away and run `isles up`";
/// What programs see of the host's environment.
const HOST_VARIABLES: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// The hidden command `platform`: started by the keeper with the manifest, and whether to go on with what ran last.
pub(crate) fn run(args: &[OsString], environment: &Environment) -> anyhow::Result<ExitCode> {
    let manifest = args.first().map(PathBuf::from).context("the manifest is not named")?;
    let folder = manifest.parent().context("the manifest lies in no folder")?.to_path_buf();
    let resume = args.get(1).is_some_and(|argument| argument == RESUME);
    view::block_on(run_system(Place { state: State(folder.join(".isles")), manifest, folder }, resume, environment))
}

/// Where a system is.
struct Place {
    manifest: PathBuf,
    /// The manifest's.
    folder: PathBuf,
    state: State,
}

/// What runs at first.
struct First {
    system: System,
    /// The manifest's text, if the system comes from there.
    text: String,
    recorded: Option<Recorded>,
    /// Whether it goes on with what ran last.
    ran_before: bool,
}

/// A system that can run.
struct Ready {
    supervisor: Supervisor,
    workloads: Arc<dyn Workloads>,
    messages: Option<Arc<dyn Messages>>,
    mesh: Arc<Mesh>,
    api: Api,
    socket: UnixListener,
    sockets: PathBuf,
}

async fn run_system(place: Place, resume: bool, environment: &Environment) -> anyhow::Result<ExitCode> {
    let asked_to_leave = signal(SignalKind::terminate()).context("signals cannot be awaited")?;
    let tasks = Tasks::default();
    let connected = engines::connect(&tasks).await?;
    let (keeper, resumed) = (connected.keeper.clone(), connected.is_resumed());
    // On the stack there would be room for both, and more than once.
    match Box::pin(prepare(connected, &place, resume, environment, &tasks)).await {
        Ok(ready) => Box::pin(serve(ready, keeper, &place.state, &tasks, asked_to_leave)).await,
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
    let streams = match error.downcast_ref::<ReleaseError>() {
        Some(ReleaseError::Streams(error)) => Some(error),
        Some(_) => return UserError::failed(error.to_string(), STORE_HINT).into(),
        None => error.downcast_ref::<StreamsError>(),
    };
    let hint = match streams {
        Some(StreamsError::Damaged { .. }) => {
            "restore the file from a copy. Without one, move the folder that it lies in away: all messages, keys, objects and the \
             list of releases are gone then; databases stay"
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
    place: &Place,
    resume: bool,
    environment: &Environment,
    tasks: &Tasks,
) -> anyhow::Result<Ready> {
    let Place { folder, state, .. } = place;
    let text = std::fs::read_to_string(state.manifest()).context("the manifest in force cannot be read")?;
    let stated = manifest::parse(&text, &Disk::new(folder)).system;
    let buckets = Arc::new(Buckets::new(state.buckets()));
    let releases = Releases::open(buckets.clone(), folder.clone(), state.0.clone()).await?;
    let recorded = recorded(&releases, resume, connected.is_resumed()).await?;
    let (system, text) = match &recorded {
        Some(release) => (release.system().clone(), String::new()),
        None => (stated.context("the manifest in force has errors")?, text),
    };
    let first = First { system, text, recorded, ran_before: resume };
    let started = engines::start(connected, buckets, &first.system, folder, state, environment, tasks).await?;
    let config = config(first, place, environment, &started);
    let Started { engines, wall_clock, events, messages, mesh, api: socket, sockets, .. } = started;
    let (workloads, logs, traffic) = (engines.workloads.clone(), engines.logs.clone(), engines.traffic.clone());
    let (messaging, clock) = (engines.messages.clone(), wall_clock);
    let (supervisor, handle) = Supervisor::start(config, releases.clone(), engines, events).await?;
    let (tasks, streams, closing) = (tasks.clone(), Tasks::default(), CancellationToken::new());
    let api = Api { system: handle, releases, logs, traffic, messaging, clock, tasks, streams, closing };
    Ok(Ready { supervisor, workloads, messages, mesh, api, socket, sockets })
}

/// What an earlier platform process ran, or what ran last if that is asked for; else the manifest says what runs.
async fn recorded(releases: &Releases, resume: bool, resumed: bool) -> anyhow::Result<Option<Recorded>> {
    if resumed {
        return Ok(releases.gone_on_with().await?);
    }
    let none = || UserError::failed("no release has run yet", "run `isles up`");
    Ok(if resume { Some(releases.last_run().await?.ok_or_else(none)?) } else { None })
}

async fn serve(
    ready: Ready,
    keeper: Arc<KeeperClient>,
    state: &State,
    tasks: &Tasks,
    mut asked_to_leave: Signal,
) -> anyhow::Result<ExitCode> {
    let (closing, streams) = (ready.api.closing.clone(), ready.api.streams.clone());
    tasks.spawn(TaskKind::Loop("api"), control::serve(ready.socket, ready.api));
    tasks.spawn(TaskKind::Work("ready"), tell_ready(keeper.clone(), state.0.join("api.sock")));
    let code = tokio::select! {
        code = ready.supervisor.run() => Some(code),
        _ = asked_to_leave.recv() => None,
        () = tasks.cancelled() => anyhow::bail!("a part of the platform has ended"),
    };
    if code.is_none() {
        ready.mesh.retire().await;
    }
    if let Some(messages) = ready.messages {
        messages.stop().await;
    }
    closing.cancel();
    // A reader that does not read must not hold up the end.
    streams.finish(API_PATIENCE).await;
    let Some(code) = code else {
        leave(&ready.mesh, &keeper, state, tasks).await;
        return Ok(ExitCode::SUCCESS);
    };
    // With the API's socket in it, it stays: the keeper still holds that.
    let (link, sockets) = (state.0.join("run"), ready.sockets);
    // It is another system's if the state folder was replaced.
    let is_own = std::fs::read_link(&link).is_ok_and(|target| target == sockets);
    let _ = std::fs::remove_dir(sockets).and_then(|()| if is_own { std::fs::remove_file(link) } else { Ok(()) });
    ready.workloads.stop_keeper(code).await;
    tasks.stop(TASKS_PATIENCE).await;
    Ok(code.into())
}

/// Says that this process serves the system, once the API has answered as it does to everybody.
async fn tell_ready(keeper: Arc<dyn Keeper>, api: PathBuf) {
    if Client::new(api).system().await.is_ok() {
        let _ = keeper.ready().await;
    }
}

/// Leaves all but the requests in flight to the next platform process.
async fn leave(mesh: &Mesh, keeper: &KeeperClient, state: &State, tasks: &Tasks) {
    tasks.stop(TASKS_PATIENCE).await;
    // Where it is not free, this process ends: then it is.
    if journal_is_free(state).await {
        keeper.leave();
        mesh.left_alone(LEAVE_PATIENCE).await;
    }
}

/// Waits until the threads that have it have ended, which nothing tells of.
async fn journal_is_free(state: &State) -> bool {
    for _ in 0..JOURNAL_TRIES {
        if streams::is_free(&state.buckets()) {
            return true;
        }
        tokio::time::sleep(JOURNAL_PAUSE).await;
    }
    false
}

fn config(first: First, place: &Place, environment: &Environment, started: &Started) -> Config {
    let variable = |name: &&str| environment.variables.get(Path::new(name).as_os_str())?.to_str().map(str::to_owned);
    let host_env = HOST_VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?))).gather();
    let keeper = i32::try_from(started.keeper_pid).ok();
    let now = started.engines.clock.now();
    Config {
        system: first.system,
        text: first.text,
        recorded: first.recorded,
        ran_before: first.ran_before,
        manifest: place.manifest.clone(),
        folder: place.folder.clone(),
        secrets: place.state.secrets(environment),
        host_env,
        state: place.state.0.clone(),
        sockets: started.sockets.clone(),
        connection_port: started.connection_port,
        keeper_pid: started.keeper_pid,
        up_since: keeper.and_then(keeper::stat::age).map(|age| now - age),
        platform_pid: std::process::id(),
        resumed: started.resumed,
        builds_at_once: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        seed: fastrand::u64(..),
    }
}
