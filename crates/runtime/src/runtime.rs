//! The engine: what runs, and what happens to it.

use std::{
    collections::BTreeMap,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::Slot;
use ports::{
    clock::Clock,
    keeper::{Keeper, Spawn, Spawned, Whom},
    tasks::{TaskKind, Tasks},
    workloads::{Held, StartError, Workload, WorkloadEvent, WorkloadEvents, WorkloadId},
};
use rustix::process::Signal;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{
    cgroups::{Cgroups, Group, Made},
    client::{HeldProcess, Inventory, KeeperEvent, KeeperEvents},
    command_line::command_line,
    config::RuntimeConfig,
    identities::names_of,
    logs::LogStore,
    output::Output,
    start_error,
    workload::{Running, group_name, id_of, key_of, run_of},
};

/// The longest wait for the kernel to end what it was told to kill.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at a tree that no cgroup tells of.
const KILL_PAUSE: Duration = Duration::from_millis(5);
/// The events that may wait for control.
const EVENTS_MAX: usize = 1024;

/// Runs programs through the keeper.
pub struct Runtime {
    pub(crate) keeper: Arc<dyn Keeper>,
    pub(crate) tasks: Tasks,
    pub(crate) cgroups: Cgroups,
    pub(crate) logs: Arc<LogStore>,
    pub(crate) is_stopping: AtomicBool,
    workloads: Mutex<BTreeMap<WorkloadId, Arc<Running>>>,
    held: Mutex<Vec<HeldProcess>>,
    events: mpsc::Sender<WorkloadEvent>,
}

impl Runtime {
    /// Starts the engine on a tokio runtime. `inventory` and `keeper_events` came with `keeper`.
    pub fn start(
        config: RuntimeConfig,
        keeper: Arc<dyn Keeper>,
        inventory: Inventory,
        keeper_events: KeeperEvents,
        clock: Arc<dyn Clock>,
        tasks: Tasks,
    ) -> (Arc<Self>, WorkloadEvents) {
        let folders: Vec<_> = inventory.processes.iter().flat_map(|held| held.cgroups.clone()).collect();
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        // Known before the first event: one may end before control takes it over.
        let workloads = inventory.processes.iter().filter_map(|held| {
            let id = id_of(&held.key)?;
            let group = Group { folders: held.cgroups.clone() };
            Some((id.clone(), Running::new(id, group, held.pid, held.exit)))
        });
        let runtime = Arc::new(Self {
            keeper,
            tasks,
            cgroups: Cgroups::open(&config.cgroups, &config.system_id, inventory.pid, &folders),
            logs: Arc::new(LogStore::open(config.logs_folder, config.log_limits, clock)),
            is_stopping: AtomicBool::new(false),
            workloads: Mutex::new(workloads.collect()),
            held: Mutex::new(inventory.processes),
            events,
        });
        runtime.tasks.spawn(TaskKind::Loop("workloads"), runtime.clone().hear(keeper_events));
        (runtime, receiver)
    }

    /// Never waits for control, for control may be waiting for a reply that comes behind the event.
    async fn hear(self: Arc<Self>, mut keeper_events: KeeperEvents) {
        while let Some(event) = keeper_events.recv().await {
            match event {
                KeeperEvent::Exited(key, exit) => {
                    let running = id_of(&key).and_then(|id| self.find(&id));
                    let _ = running.map(|running| running.has_ended(exit));
                }
                KeeperEvent::StopRequested(signal) => self.tell(WorkloadEvent::StopRequested { signal }),
                KeeperEvent::Gone if self.is_stopping.load(Ordering::Relaxed) => {}
                KeeperEvent::Gone => {
                    self.all().values().for_each(|running| running.kill());
                    self.tell(WorkloadEvent::KeeperGone);
                }
            }
        }
        std::future::pending::<()>().await;
    }

    fn tell(&self, event: WorkloadEvent) {
        let events = self.events.clone();
        self.tasks.spawn(TaskKind::Work("workload event"), async move { _ = events.send(event).await });
    }

    pub(crate) fn find(&self, id: &WorkloadId) -> Option<Arc<Running>> {
        self.all().get(id).cloned()
    }

    /// The instances of a slot that run, one or, while one follows the other, two.
    pub(crate) fn instances_of(&self, slot: &Slot) -> Vec<Arc<Running>> {
        self.all().range(names_of(slot)).map(|(_, running)| running.clone()).collect()
    }

    pub(crate) fn all(&self) -> MutexGuard<'_, BTreeMap<WorkloadId, Arc<Running>>> {
        self.workloads.lock().expect("nothing panics under the lock")
    }

    pub(crate) async fn begin(&self, workload: Workload) -> Result<u32, StartError> {
        if self.find(&workload.id).is_some() {
            let cause = format!("`{}` runs already", key_of(&workload.id));
            return Err(start_error::new(cause, "wait until it has been removed", true));
        }
        let made = self.cgroups.make(&group_name(&workload.id), &workload.limits);
        let running = Running::new(workload.id.clone(), made.group.clone(), 0, None);
        // Its end may be heard of, and its first call come, before its start is heard of.
        self.all().insert(workload.id.clone(), running.clone());
        let Spawned { pid, output } = match self.keeper.spawn(self.order(&workload, made)).await {
            Ok(spawned) => spawned,
            Err(error) => {
                self.drop_all_of(&running).await;
                let Some(error) = start_error::start_error(error, &workload) else {
                    // This process ends, and until then nobody shall take it for a fault of the program.
                    return std::future::pending().await;
                };
                return Err(error);
            }
        };
        running.has_pid(pid);
        let attended = self.attend(&running, output, &workload.secrets, true);
        if attended.is_err() {
            self.remove_all_of(&running).await;
        }
        attended.map(|()| pid)
    }

    /// What the keeper is asked for.
    fn order(&self, workload: &Workload, made: Made) -> Spawn {
        let log = self.logs.of(&workload.id);
        if run_of(&workload.id).is_none() {
            log.begin_file();
        }
        Spawn {
            key: key_of(&workload.id),
            argv: command_line(&workload.command),
            env: workload.env.clone(),
            folder: workload.folder.clone(),
            cgroups: made.group.folders,
            rlimits: made.rlimits,
            log: log.path(),
            run: run_of(&workload.id),
            secrets: workload.secrets.clone(),
        }
    }

    /// Takes over what is held; what has a name that nobody can know is killed.
    pub(crate) async fn take_over(&self) -> Vec<Held> {
        let held = std::mem::take(&mut *self.held.lock().expect("nothing panics under the lock"));
        let mut adopted = Vec::new();
        for HeldProcess { key, pid, exit, secrets, output, .. } in held {
            let Some(running) = id_of(&key).and_then(|id| self.find(&id)) else {
                let _ = self.keeper.signal(&key, Signal::KILL.as_raw(), Whom::Tree).await;
                let _ = self.keeper.forget(&key).await;
                continue;
            };
            match self.attend(&running, output, &secrets, exit.is_none()) {
                Ok(()) => adopted.push(Held { id: running.id.clone(), pid, exit }),
                Err(_) => self.remove_all_of(&running).await,
            }
        }
        adopted
    }

    /// Reads a workload's output from now on, and tells of its end unless that is known.
    fn attend(&self, running: &Arc<Running>, pipe: OwnedFd, secrets: &[String], tell: bool) -> Result<(), StartError> {
        let log = self.logs.of(&running.id);
        let output = Output::open(pipe, secrets, self.logs.clone(), log, run_of(&running.id)).map_err(|error| {
            running.finished.cancel();
            start_error::new(format!("its output cannot be read: {error}"), "raise the limit of open files", true)
        })?;
        let events = tell.then(|| self.events.clone());
        self.tasks.spawn(TaskKind::Work("workload"), copy(running.clone(), output, events));
        Ok(())
    }

    /// Kills a whole tree; returns when none of it is left, as far as the host can tell.
    pub(crate) async fn kill_tree(&self, running: &Running) {
        let killed = async {
            let key = key_of(&running.id);
            while self.keeper.signal(&key, Signal::KILL.as_raw(), Whom::Tree).await.is_ok() {
                running.exit().await;
                running.group.emptied().await;
                if running.pids().is_empty() {
                    break;
                }
                running.kill();
                sleep(KILL_PAUSE).await;
            }
        };
        let _ = timeout(KILL_PATIENCE, killed).await;
    }

    pub(crate) async fn remove_all_of(&self, running: &Running) {
        self.kill_tree(running).await;
        running.removed.cancel();
        let _ = timeout(KILL_PATIENCE, running.finished.cancelled()).await;
        let _ = self.keeper.forget(&key_of(&running.id)).await;
        self.drop_all_of(running).await;
    }

    async fn drop_all_of(&self, running: &Running) {
        running.removed.cancel();
        running.group.remove().await;
        self.all().remove(&running.id);
    }
}

/// Copies what a workload writes until it is removed; tells of its leader's end once what came before is in the log.
async fn copy(running: Arc<Running>, mut output: Output, events: Option<mpsc::Sender<WorkloadEvent>>) {
    if let Some(events) = events {
        tokio::select! {
            biased;
            exit = running.exit() => {
                output.drain();
                let (id, out_of_memory) = (running.id.clone(), running.group.out_of_memory());
                let _ = events.send(WorkloadEvent::Exited { id, exit, out_of_memory }).await;
            }
            () = running.removed.cancelled() => {}
            () = output.copy() => {}
        }
    }
    // What its leader left behind may still write.
    tokio::select! {
        biased;
        () = running.removed.cancelled() => {}
        () = output.copy() => {}
    }
    output.drain();
    running.finished.cancel();
}
