//! Builds: a service's inputs are copied to a folder named by their hash, built there, and run there.

mod copy;
mod inputs;
mod keep;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{ServiceName, spec::Service, status::Trouble};
use ports::workloads::{Exit, Workload, WorkloadId};
use tokio::sync::{Semaphore, oneshot};

use crate::{Config, Engines, environment};

/// The lines of a failed build's log that are shown.
const LOG_LINES: usize = 40;
/// How many builds of a service are kept beside the one in use.
const BUILDS_KEPT: usize = 3;

/// How the process of a build ended.
pub(crate) type BuildExit = (Exit, bool);

/// Builds services.
#[derive(Clone)]
pub(crate) struct Builder {
    config: Arc<Config>,
    engines: Engines,
    permits: Arc<Semaphore>,
}

/// Where a build happens.
struct Place {
    /// `builds/SERVICE/HASH`: mirrors the manifest's folder.
    root: PathBuf,
    /// Where the build command runs, and the program: `root`, or `dir` in it.
    folder: PathBuf,
    /// Made last; without it the folder is not whole.
    done: PathBuf,
}

impl Builder {
    pub(crate) fn new(config: Arc<Config>, engines: Engines) -> Self {
        let permits = Arc::new(Semaphore::new(config.builds_at_once.max(1)));
        Self { config, engines, permits }
    }

    /// Makes sure that the service is built; returns the folder that it runs in. `exit` brings the end of the build's
    /// process, if one is started.
    pub(crate) async fn build(
        &self,
        name: &ServiceName,
        service: &Service,
        exit: oneshot::Receiver<BuildExit>,
    ) -> Result<PathBuf, Trouble> {
        let dir = service.dir.clone().unwrap_or_default();
        let Some(command) = &service.build else { return Ok(self.config.folder.join(dir)) };
        let inputs = self.blocking("reading the inputs", inputs_of(&self.config, name, service)).await?;
        let builds = self.config.state.join("builds").join(name.as_str());
        let root = builds.join(&inputs.hash);
        let place = Place { folder: root.join(&dir), done: builds.join(format!("{}.done", inputs.hash)), root };
        if place.done.exists() && place.folder.exists() {
            return Ok(place.folder);
        }
        let _permit = self.permits.acquire().await.map_err(|_| trouble("the build was given up".into(), ""))?;
        let place = self.prepare(service, inputs, place).await?;
        self.run(name, service, command, &place.folder, exit).await?;
        self.finish(service, place).await
    }

    async fn prepare(&self, service: &Service, inputs: inputs::Inputs, place: Place) -> Result<Place, Trouble> {
        let (from, state, service) = (self.config.folder.clone(), self.config.state.clone(), service.clone());
        let work = move || {
            remove_if_there(&place.root)?;
            copy::files(&from, &place.root, &inputs.files)?;
            std::fs::create_dir_all(&place.folder)?;
            keep::link_caches(&state, &service, &place.folder)?;
            Ok(place)
        };
        self.blocking("copying the inputs", work).await
    }

    async fn run(
        &self,
        name: &ServiceName,
        service: &Service,
        command: &str,
        folder: &Path,
        exit: oneshot::Receiver<BuildExit>,
    ) -> Result<(), Trouble> {
        let id = WorkloadId::Build(name.clone());
        let workload = Workload {
            id: id.clone(),
            command: command.into(),
            env: environment::of_build(&self.config, name, service).into_iter().collect(),
            folder: folder.into(),
            limits: Default::default(),
            secrets: Vec::new(),
        };
        self.engines.workloads.start(workload).await.map_err(|error| trouble(error.cause, &error.hint))?;
        let ended = exit.await;
        self.engines.workloads.remove(&id).await;
        let cause = match ended {
            Ok((Exit::Code(0), _)) => return Ok(()),
            Ok((Exit::Code(code), _)) => format!("the build failed with exit code {code}"),
            Ok((Exit::Signal(signal), _)) => format!("the build was ended by signal {signal}"),
            Err(_) => "the build was given up".into(),
        };
        let log = self.engines.logs.tail(&id, LOG_LINES).await;
        Err(Trouble { cause, hint: format!("the build command is: {command}"), log })
    }

    async fn finish(&self, service: &Service, place: Place) -> Result<PathBuf, Trouble> {
        let service = service.clone();
        let work = move || {
            if !service.artifact.is_empty() {
                keep::only_artifact(&service, &place.root, &place.folder)?;
            }
            std::fs::File::create(&place.done)?.sync_all()?;
            keep::prune(place.root.parent().unwrap_or(&place.root), &place.root, BUILDS_KEPT)?;
            Ok(place.folder)
        };
        self.blocking("keeping the artifact", work).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        doing: &str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, Trouble> {
        let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        done.map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::StorageFull => "free some space on the disk of the state folder",
                io::ErrorKind::NotFound => "check `dir`, `inputs` and `artifact` in the manifest",
                _ => "check the permissions of the state folder and of the sources",
            };
            trouble(format!("{doing} failed: {error}"), hint)
        })
    }
}

fn inputs_of(
    config: &Arc<Config>,
    name: &ServiceName,
    service: &Service,
) -> impl FnOnce() -> io::Result<inputs::Inputs> + Send + 'static {
    let (config, service) = (config.clone(), service.clone());
    let env = environment::of_build(&config, name, &service);
    move || inputs::collect(&config, &service, &env)
}

fn trouble(cause: String, hint: &str) -> Trouble {
    Trouble { cause, hint: hint.into(), log: Vec::new() }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
