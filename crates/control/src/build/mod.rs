//! Builds: a service's inputs are copied to a folder named by their hash, built there, and run there.

mod copy;
mod inputs;
mod keep;
mod take;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{
    ServiceName, format_duration,
    spec::{Service, System},
    status::Trouble,
};
use ports::workloads::{Exit, Workload, WorkloadId};
use tokio::{
    select,
    sync::{Semaphore, oneshot},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{Config, Engines, environment, release::StoreError};

pub(crate) use inputs::Inputs;
pub(crate) use keep::prune;

/// The lines of a failed build's log that are shown.
const LOG_LINES: usize = 40;
/// Why something is not built that somebody has ended.
pub(crate) const GAVE_UP: &str = "the build was given up";

/// Builds services.
#[derive(Clone)]
pub(crate) struct Builder {
    config: Arc<Config>,
    engines: Engines,
    permits: Arc<Semaphore>,
    /// Builds whose processes run, and who waits for their ends.
    running: Arc<Mutex<BTreeMap<ServiceName, oneshot::Sender<Exit>>>>,
    /// Ends when no build shall begin or go on any more.
    pub(crate) closing: CancellationToken,
}

/// A service to build.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) name: ServiceName,
    pub(crate) spec: Arc<Service>,
    /// Whose stores are no inputs.
    pub(crate) system: Arc<System>,
    pub(crate) env_file: BTreeMap<String, String>,
}

/// Why a service is not built.
pub(crate) enum BuildError {
    /// Its build failed, or something about it is wrong.
    Failed(Trouble),
    /// The host has no room for it.
    DiskFull(StoreError),
}

/// Where a build happens.
struct Place {
    /// `builds/SERVICE/HASH`: mirrors the manifest's folder.
    root: PathBuf,
    /// Where the build command runs, and the program: `root`, or `dir` in it.
    folder: PathBuf,
}

impl Job {
    fn env(&self, config: &Config) -> BTreeMap<String, String> {
        environment::own(config, self.env_file.clone(), &self.spec)
    }

    fn inputs(&self, config: &Config) -> io::Result<Inputs> {
        inputs::collect(config, &self.system, &self.spec, &self.env(config))
    }
}

impl Place {
    fn of(config: &Config, job: &Job, hash: &str) -> Self {
        let root = config.state.join("builds").join(job.name.as_str()).join(hash);
        Self { folder: root.join(job.spec.dir.clone().unwrap_or_default()), root }
    }
}

impl Builder {
    pub(crate) fn new(config: Arc<Config>, engines: Engines) -> Self {
        let permits = Arc::new(Semaphore::new(config.builds_at_once.max(1)));
        Self { config, engines, permits, running: Arc::default(), closing: CancellationToken::new() }
    }

    /// What the service is made of; `None` if it runs in place.
    pub(crate) async fn inputs(&self, job: &Job) -> Result<Option<Inputs>, BuildError> {
        if job.spec.runs_in_place() {
            return Ok(None);
        }
        let (config, job) = (self.config.clone(), job.clone());
        self.blocking("reading the inputs", move || job.inputs(&config)).await.map(Some)
    }

    /// Makes sure that it is built from these inputs, or from what they have become meanwhile, unless that is given up before it
    /// begins. The hash of what it is built from.
    pub(crate) async fn build(
        &self,
        job: &Job,
        inputs: Inputs,
        given_up: &CancellationToken,
    ) -> Result<String, BuildError> {
        if is_whole(&Place::of(&self.config, job, &inputs.hash).root) {
            return Ok(inputs.hash);
        }
        let _permit = self.permits.acquire().await.map_err(|_| gave_up())?;
        let (hash, place) = self.prepare(job, inputs).await?;
        if let Some(place) = place {
            let root = place.root.clone();
            let built = self.build_in(job, place, given_up).await;
            if matches!(built, Err(BuildError::DiskFull(_))) {
                // Half of a build must not keep the disk full.
                self.blocking("removing the build", move || discard(&root)).await?;
            }
            built?;
        }
        Ok(hash)
    }

    async fn build_in(&self, job: &Job, place: Place, given_up: &CancellationToken) -> Result<(), BuildError> {
        if given_up.is_cancelled() {
            return Err(gave_up());
        }
        if let Some(command) = &job.spec.build {
            self.run(job, command, &place.folder, given_up).await?;
        }
        self.finish(&job.spec, place).await
    }

    /// The process of a build has ended.
    pub(crate) fn ended(&self, name: &ServiceName, exit: Exit) {
        let waiter = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        waiter.map(|waiter| waiter.send(exit));
    }

    /// A folder with the inputs, and their hash; no folder if it is built already.
    async fn prepare(&self, job: &Job, inputs: Inputs) -> Result<(String, Option<Place>), BuildError> {
        let (config, job) = (self.config.clone(), job.clone());
        let work = move || {
            let (hash, place) = take::inputs(&config, &job, inputs)?;
            if let Some(place) = &place {
                std::fs::create_dir_all(&place.folder)?;
                keep::link_caches(&config.state, &job.spec, &place.folder)?;
            }
            Ok((hash, place))
        };
        self.blocking("copying the inputs", work).await
    }

    async fn run(
        &self,
        job: &Job,
        command: &str,
        folder: &Path,
        given_up: &CancellationToken,
    ) -> Result<(), BuildError> {
        let id = WorkloadId::Build(job.name.clone());
        let workload = Workload {
            id: id.clone(),
            command: command.into(),
            env: job.env(&self.config).into_iter().collect(),
            folder: folder.into(),
            limits: Default::default(),
            secrets: Vec::new(),
        };
        let (ended, end) = oneshot::channel();
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(job.name.clone(), ended);
        let started = self.engines.workloads.start(workload).await;
        if let Err(error) = started {
            self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.name);
            return Err(trouble(error.cause, &error.hint));
        }
        let end = self.end_of(&id, end, job.spec.build_deadline, given_up).await;
        self.engines.workloads.remove(&id).await;
        let cause = match end {
            Ok(Exit::Code(0)) => return Ok(()),
            Ok(Exit::Code(code)) => format!("the build failed with exit code {code}"),
            Ok(Exit::Signal(signal)) => format!("the build was ended by signal {signal}"),
            Err(why) => why,
        };
        let log = self.engines.logs.tail(&id, LOG_LINES).await;
        Err(BuildError::Failed(Trouble { log, ..Trouble::new(cause, format!("the build command is: {command}")) }))
    }

    /// Waits for the end of a build; ends it, and says why, if it is given up or takes too long.
    async fn end_of(
        &self,
        id: &WorkloadId,
        mut end: oneshot::Receiver<Exit>,
        deadline: Duration,
        given_up: &CancellationToken,
    ) -> Result<Exit, String> {
        let why = select! {
            end = &mut end => return end.map_err(|_| GAVE_UP.into()),
            () = given_up.cancelled() => GAVE_UP.into(),
            () = sleep(deadline) => format!("the build took longer than its `build_deadline`, {}", format_duration(deadline)),
        };
        self.engines.workloads.kill(id).await;
        let _ = end.await;
        Err(why)
    }

    async fn finish(&self, service: &Service, place: Place) -> Result<(), BuildError> {
        let service = service.clone();
        let work = move || {
            if !service.artifact.is_empty() {
                keep::only_artifact(&service, &place.root, &place.folder)?;
            }
            mark_whole(&place.root)
        };
        self.blocking("keeping the artifact", work).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        doing: &str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, BuildError> {
        let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        done.map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    return BuildError::DiskFull(StoreError { path: self.config.state.clone(), source: error });
                }
                ErrorKind::ResourceBusy => "deploy again when nothing writes to them",
                ErrorKind::NotFound => "check `dir`, `inputs` and `artifact` in the manifest",
                _ => "check the permissions of the state folder and of the sources",
            };
            trouble(format!("{doing} failed: {error}"), hint)
        })
    }
}

/// Whether a build folder is there and nothing of it is missing.
pub(crate) fn is_whole(root: &Path) -> bool {
    done_file(root).exists() && root.exists()
}

/// Says so, after all else, once all else is on the disk.
pub(crate) fn mark_whole(root: &Path) -> io::Result<()> {
    rustix::fs::syncfs(std::fs::File::open(root)?)?;
    std::fs::File::create(done_file(root))?.sync_all()
}

/// Removes a build folder: first the word that it is whole.
pub(crate) fn discard(root: &Path) -> io::Result<()> {
    let _ = std::fs::remove_file(done_file(root));
    remove_if_there(root)
}

fn done_file(root: &Path) -> PathBuf {
    root.with_extension("done")
}

fn gave_up() -> BuildError {
    trouble(GAVE_UP.into(), "")
}

fn trouble(cause: String, hint: &str) -> BuildError {
    BuildError::Failed(Trouble::new(cause, hint))
}

pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
