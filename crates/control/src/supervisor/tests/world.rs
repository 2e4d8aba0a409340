//! A system of one service in a simulated runtime.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use model::{
    InstanceId, ServiceName,
    api::{Deploy, RolloutStatus},
    status::{InstancePhase, ServiceStatus, SystemPhase},
};
use ports::{
    clock::HostClock,
    fakes::{Counts, Mesh, Programs},
    tasks::{TaskKind, Tasks},
    workloads::{Exit, Held, WorkloadEvent, WorkloadId},
};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

use super::{
    super::{Answer, Input, Outcome, Supervisor, SystemHandle, Work, request::Request},
    BY_HAND,
    records::Records,
};
use crate::{Config, Engines, HostEnv, Releases, Secrets};

const EVENTS_MAX: usize = 256;
/// It ends as soon as there is what is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The system, and what was asked of it.
pub(super) struct World {
    pub(super) system: SystemHandle,
    pub(super) records: Arc<Records>,
    inputs: mpsc::Sender<Input>,
    folder: TempDir,
    tasks: Tasks,
}

/// What a platform process begins with.
enum With {
    Manifest,
    LastRelease,
    /// What the keeper of the process before holds.
    Held(Vec<Held>),
}

impl World {
    /// The service `web`, up, with these keys of its table `upgrade`.
    pub(super) async fn up(upgrade: &str) -> Self {
        let folder = tempfile::tempdir().expect("the host has a folder for this");
        let text = manifest("", upgrade);
        for made in ["web", ".isles"] {
            fs::create_dir(folder.path().join(made)).expect("the folder is new");
        }
        fs::write(folder.path().join("isles.toml"), &text).expect("the folder can be written");
        fs::write(folder.path().join("web/web"), "1").expect("the folder can be written");
        let counts = Arc::new(Counts::default());
        let records = Arc::new(Records::new(counts.clone()));
        Self::start(folder, records, counts, With::Manifest).await
    }

    /// The same, and the rollout of release 2, which waits for a person before that has any requests.
    pub(super) async fn in_preview() -> (Self, RolloutStatus) {
        let world = Self::up(BY_HAND).await;
        begun(world.deploy("2", Deploy::default()).await).await;
        let status = world.rollout("the preview", |it| it.paused).await;
        (world, status)
    }

    /// Takes the system down, and up again.
    pub(super) async fn down_and_up(self) -> Self {
        self.system.down().await;
        self.until("the end", |system| async move { system.last().map(drop) }).await;
        Self::start(self.folder, self.records, Arc::default(), With::Manifest).await
    }

    /// Kills the platform process, and goes on with the next one, which finds these programs.
    pub(super) async fn killed(self, held: Vec<Held>) -> Self {
        self.end().await;
        Self::start(self.folder, self.records, Arc::default(), With::Held(held)).await
    }

    /// Ends everything where it stands, as a host does that loses its power, and brings up what ran last.
    pub(super) async fn reboot(self) -> Self {
        self.end().await;
        self.records.release();
        Self::start(self.folder, self.records, Arc::default(), With::LastRelease).await
    }

    /// Ends the platform process where it stands.
    pub(super) async fn end(&self) {
        assert_eq!(self.tasks.stop(PATIENCE).await, 0, "it ends");
    }

    async fn start(folder: TempDir, records: Arc<Records>, counts: Arc<Counts>, with: With) -> Self {
        let text = fs::read_to_string(folder.path().join("isles.toml")).expect("the manifest is there");
        let (tasks, (events, received)) = (Tasks::default(), mpsc::channel(EVENTS_MAX));
        let resume = matches!(with, With::LastRelease);
        let (resumed, held) = if let With::Held(held) = with { (true, held) } else { (false, Vec::new()) };
        let programs = Arc::new(Programs { counts: counts.clone(), events, held });
        let engines = Engines {
            workloads: programs.clone(),
            logs: programs.clone(),
            probes: programs,
            traffic: Arc::new(Mesh(counts)),
            streams: records.clone(),
            messages: None,
            clock: Arc::new(HostClock::start()),
            tasks: tasks.clone(),
        };
        let state = folder.path().join(".isles");
        let releases = Releases::open(records.clone(), folder.path().into(), state).await.expect("it is empty");
        let recorded = match (resumed, resume) {
            (true, _) => releases.gone_on_with().await.expect("it is in memory"),
            (_, true) => releases.last_run().await.expect("it is in memory"),
            _ => None,
        };
        let mut config = Config { resumed, ran_before: resume, ..config(folder.path(), text) };
        if let Some(recorded) = recorded {
            config.system = recorded.system().clone();
            config.recorded = Some(recorded);
        }
        let (supervisor, system) = Supervisor::start(config, releases, engines, received).await.expect("it starts");
        let inputs = supervisor.sender.clone();
        tasks.spawn(TaskKind::Loop("control"), async move { _ = supervisor.run().await });
        let world = Self { system, records, inputs, folder, tasks };
        let running = |system: SystemHandle| async move {
            system.status(false).await.filter(|status| status.phase == SystemPhase::Running).map(drop)
        };
        world.until("the system to run", running).await;
        world
    }

    /// An instance ends by itself.
    pub(super) async fn ends(&self, id: &InstanceId) {
        let id = WorkloadId::Instance(id.clone());
        let exited = WorkloadEvent::Exited { id, exit: Exit::Code(1), out_of_memory: false };
        assert!(self.inputs.send(Input::Workload(exited)).await.is_ok(), "it runs");
    }

    /// A request is held for a service that sleeps.
    pub(super) async fn calls(&self, service: &str) {
        let names = [service.parse().expect("it is a name")].into();
        assert!(self.inputs.send(Input::Awaited(names)).await.is_ok(), "it runs");
    }

    /// Asks for a deploy or a rollback; whoever drops what comes back has left.
    pub(super) async fn ask(&self, work: Work) -> oneshot::Receiver<Answer<Outcome>> {
        let (answer, answered) = oneshot::channel();
        let asked = self.inputs.send(Input::Request(Request::Change { work, answer })).await;
        assert!(asked.is_ok(), "it runs");
        answered
    }

    /// Asks for a deploy of a program with this content.
    pub(super) async fn deploy(&self, program: &str, deploy: Deploy) -> oneshot::Receiver<Answer<Outcome>> {
        fs::write(self.folder.path().join("web/web"), program).expect("the folder can be written");
        self.ask(Work::Deploy(deploy)).await
    }

    /// Writes the manifest anew, with these keys of `web` and these tables after it.
    pub(super) fn manifest(&self, keys: &str, more: &str) {
        fs::write(self.folder.path().join("isles.toml"), manifest(keys, more)).expect("the folder can be written");
    }

    /// Writes the file of secrets anew.
    pub(super) fn secrets(&self, text: &str) {
        let file = self.folder.path().join(".isles/secrets");
        fs::write(&file, text).expect("the folder can be written");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
    }

    /// The files in the content store.
    pub(super) fn objects(&self) -> usize {
        let list = |folder: &Path| fs::read_dir(folder).expect("it is there").flatten();
        let shards = list(&self.folder.path().join(".isles/store/objects"));
        shards.map(|shard| list(&shard.path()).count()).sum()
    }

    /// Waits until a service has so many instances, all of them healthy, and no other.
    pub(super) async fn has(&self, service: &str, instances: usize) {
        let is_so = move |status: &ServiceStatus| {
            let healthy = status.instances.iter().filter(|one| one.phase == InstancePhase::Healthy).count();
            healthy == instances && status.instances.len() == instances
        };
        let name: ServiceName = service.parse().expect("it is a name");
        let status = |system: SystemHandle| {
            let name = name.clone();
            async move { system.service(name).await.ok().filter(is_so).map(drop) }
        };
        self.until(&format!("{instances} instances of {service}"), status).await;
    }

    /// The rollout once it is so.
    pub(super) async fn rollout(&self, what: &str, is_so: impl Fn(&RolloutStatus) -> bool) -> RolloutStatus {
        let is_so = &is_so;
        self.until(what, |system| async move { system.rollout().await.ok().filter(is_so) }).await
    }

    pub(super) async fn until<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        value: impl Fn(SystemHandle) -> F,
    ) -> T {
        let mut changes = self.system.changes();
        let found = async {
            loop {
                if let Some(value) = value(self.system.clone()).await {
                    return value;
                }
                changes.changed().await.expect("it runs");
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("in vain waited for {what}"))
    }
}

/// What came of a deploy or a rollback: the rollout.
pub(super) async fn begun(answered: oneshot::Receiver<Answer<Outcome>>) -> RolloutStatus {
    match answer(answered).await {
        Ok(Outcome::Rollout(status)) => *status,
        Ok(Outcome::Plan(plan)) => panic!("nothing differs: {plan:?}"),
        Err(problem) => panic!("{problem:?}"),
    }
}

/// The reason for which one was refused.
pub(super) async fn refused(answered: oneshot::Receiver<Answer<Outcome>>) -> String {
    answer(answered).await.err().map(|problem| problem.reason).expect("it is refused")
}

/// What came of it.
pub(super) async fn answer(answered: oneshot::Receiver<Answer<Outcome>>) -> Answer<Outcome> {
    tokio::time::timeout(PATIENCE, answered).await.expect("it is answered in time").expect("the supervisor runs")
}

fn manifest(keys: &str, more: &str) -> String {
    format!(
        "[system]\nname = \"test\"\n[services.web]\ndir = \"web\"\nrun = \"./web\"\nartifact = [\"web\"]\n{keys}\n\
         [services.web.upgrade]\nmin_healthy_time = \"1ms\"\n{more}"
    )
}

fn config(folder: &Path, text: String) -> Config {
    let state = folder.join(".isles");
    let parsed = manifest::parse(&text, &manifest::Disk::new(folder));
    Config {
        system: parsed.system.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics)),
        manifest: folder.join("isles.toml"),
        text,
        recorded: None,
        ran_before: false,
        folder: folder.into(),
        sockets: state.clone(),
        host_env: HostEnv::default(),
        secrets: Secrets { variables: HostEnv::default(), file: state.join("secrets") },
        state,
        connection_port: 19_999,
        keeper_pid: 1,
        up_since: None,
        platform_pid: std::process::id(),
        resumed: false,
        builds_at_once: 1,
        seed: 1,
    }
}
