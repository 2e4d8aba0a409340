//! The supervisor: the one task that owns every machine and every record in memory.

mod abort;
mod act;
mod adopt;
mod deploy;
mod figures;
mod handle;
mod input;
mod migration;
mod queue;
mod request;
mod rollout;
mod routing;
mod scaling;
mod secrets;
mod service;
mod shutdown;
mod start;
mod status;
#[cfg(test)]
mod tests;
mod trouble;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use model::{
    ServiceName, Slot, Timestamp,
    api::RolloutStatus,
    figures::RolloutOutcomes,
    spec::System,
    status::{SystemPhase, Trouble},
};
use ports::{
    streams::StreamsError,
    tasks::TaskKind,
    workloads::{WorkloadEvent, WorkloadEvents},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, Sleep},
};

use crate::{
    Config, Engines,
    addresses::Addresses,
    build::Builder,
    free_ports::FreePorts,
    messaging::Ensure,
    records::{Records, Remembered},
    release::{Preparer, Release, Releases, Vault},
};
pub use handle::SystemHandle;
use handle::Version;
pub(crate) use input::Input;
pub(crate) use queue::{Outcome, Work};
pub(crate) use request::Answer;
use rollout::Rollout;
pub(crate) use rollout::{Part, RolloutRecord, Whole};
use routing::Change;
use service::ServiceState;

/// Inputs that may wait for the supervisor.
const INPUTS_MAX: usize = 4096;
/// How long the supervisor sleeps when nothing is due.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);
/// Inputs handled before the routing state and the status are brought up to date.
const BATCH_MAX: usize = 256;

/// Owns the state of a system. Made by [`Supervisor::start`], run to its end by [`Supervisor::run`].
pub struct Supervisor {
    config: Arc<Config>,
    engines: Engines,
    records: Records,
    builder: Builder,
    preparer: Preparer,
    releases: Releases,
    /// What runs, once it is built.
    release: Option<Arc<Release>>,
    vault: Vault,
    /// The system that runs, for whoever looks.
    spec: watch::Sender<Arc<System>>,
    deploys: queue::Deploys,
    rollout: Option<Rollout>,
    /// A rollout that is over, until that is remembered.
    ending: Option<rollout::Ending>,
    /// The last rollouts that ended, the newest one at the end.
    ended: VecDeque<RolloutStatus>,
    /// How those ended that ended under this process.
    outcomes: RolloutOutcomes,
    services: BTreeMap<ServiceName, ServiceState>,
    /// The migrations that run.
    migrations: BTreeMap<ServiceName, migration::Running>,
    /// Those that have not been told to go, leave, or whose number of instances somebody waits for.
    pending: BTreeSet<ServiceName>,
    /// The runs that slots have had whose service is not there.
    past_runs: BTreeMap<Slot, u64>,
    addresses: Addresses,
    free_ports: FreePorts,
    timers: BTreeSet<(Timestamp, ServiceName)>,
    /// When each service that scales is looked at.
    scalings: BTreeSet<(Timestamp, ServiceName)>,
    inputs: mpsc::Receiver<Input>,
    sender: mpsc::Sender<Input>,
    workload_events: WorkloadEvents,
    routing: routing::State,
    routing_changes: mpsc::Sender<Change>,
    /// The number of the last change in force.
    in_force: watch::Receiver<u64>,
    changed: watch::Sender<Version>,
    /// Instances that are being given up.
    removing: BTreeSet<model::InstanceId>,
    notices: BTreeSet<String>,
    phase: SystemPhase,
    problem: Option<Trouble>,
    started_at: Timestamp,
    stop: Option<shutdown::Stop>,
    exit: Option<u8>,
}

impl Supervisor {
    /// Reads what is remembered and takes over what still runs.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub async fn start(
        config: Config,
        releases: Releases,
        engines: Engines,
        workload_events: WorkloadEvents,
    ) -> Result<(Self, SystemHandle), StreamsError> {
        let records = Records::new(engines.streams.clone());
        let remembered = records.load().await?;
        let held = engines.workloads.adopt().await;
        let (sender, inputs) = mpsc::channel(INPUTS_MAX);
        let (changed, watched) = watch::channel(Version::default());
        let (spec, system) = watch::channel(Arc::new(config.system.clone()));
        let handle = SystemHandle::new(sender.clone(), watched, system);
        let (routing_changes, in_force) = routing::start_applier(&engines, sender.clone());
        let config = Arc::new(config);
        let builder = Builder::new(config.clone(), engines.clone());
        let preparer = Preparer {
            config: config.clone(),
            builder: builder.clone(),
            releases: releases.clone(),
            clock: engines.clock.clone(),
            streams: engines.messages.as_ref().map(|messages| Ensure(messages.topics.clone())),
            inputs: sender.clone(),
        };
        let mut supervisor = Self {
            builder,
            vault: preparer.vault(&config.system),
            preparer,
            releases,
            release: config.recorded.as_ref().map(|recorded| recorded.0.clone()),
            spec,
            deploys: queue::Deploys::default(),
            rollout: None,
            ending: None,
            ended: remembered.last_rollout.iter().cloned().collect(),
            outcomes: RolloutOutcomes::default(),
            records,
            services: BTreeMap::new(),
            migrations: BTreeMap::new(),
            pending: BTreeSet::new(),
            past_runs: remembered.last_runs.clone(),
            addresses: Addresses::new(config.connection_port, BTreeMap::new()),
            free_ports: FreePorts::new(config.seed),
            timers: BTreeSet::new(),
            scalings: BTreeSet::new(),
            inputs,
            sender,
            workload_events,
            routing: routing::State::new(&config),
            routing_changes,
            in_force,
            changed,
            removing: BTreeSet::new(),
            notices: BTreeSet::new(),
            phase: SystemPhase::Starting,
            problem: None,
            started_at: engines.clock.now(),
            stop: None,
            exit: None,
            config,
            engines,
        };
        supervisor.free_ports.keep(supervisor.config.connection_port);
        supervisor.restore(remembered, held).await?;
        Ok((supervisor, handle))
    }

    async fn restore(&mut self, remembered: Remembered, held: Vec<ports::workloads::Held>) -> Result<(), StreamsError> {
        let came_up = self.config.resumed && remembered.came_up;
        if !came_up {
            self.records.put_came_up(false).await?;
        }
        self.remember_coming_up(remembered.rollout.as_ref()).await?;
        self.addresses = Addresses::new(self.config.connection_port, remembered.addresses.clone());
        self.make_services(&remembered).await?;
        remembered.last_rollout.iter().for_each(|last| self.recall(last));
        self.take_up_rollout(remembered.rollout.clone(), came_up).await;
        self.forget_unbegun().await?;
        self.adopt(&remembered, held).await;
        if came_up {
            self.phase = SystemPhase::Running;
            self.came_up();
        }
        Ok(())
    }

    /// Runs until the system has stopped; returns the exit code.
    pub async fn run(mut self) -> u8 {
        self.begin();
        self.watch_sleepers();
        if self.config.resumed {
            self.resume_rollout();
        }
        self.settle().await;
        let mut alarm = Box::pin(tokio::time::sleep(Duration::ZERO));
        let mut set_for = None;
        while self.exit.is_none() {
            self.set_alarm(&mut alarm, &mut set_for);
            let input = self.next_input(alarm.as_mut()).await;
            if matches!(input, Input::Due) {
                set_for = None;
            }
            self.take(input);
            for _ in 1..BATCH_MAX {
                match self.inputs.try_recv() {
                    Ok(input) => self.take(input),
                    Err(_) => break,
                }
            }
            self.settle().await;
        }
        // The sockets of those who called are closed with it.
        let last_change = self.routing.needed();
        let _ = self.in_force.wait_for(|number| *number >= last_change).await;
        let last = self.status(false);
        self.changed.send_modify(|version| version.last = Some(last));
        self.exit.unwrap_or(1)
    }

    /// Sets the alarm for the next deadline; costs nothing while that stays the same.
    fn set_alarm(&self, alarm: &mut Pin<Box<Sleep>>, set_for: &mut Option<Timestamp>) {
        let now = self.now();
        let first = |timers: &BTreeSet<(Timestamp, _)>| timers.first().map(|(at, _)| *at);
        let timers = first(&self.timers).into_iter().chain(first(&self.scalings)).chain(self.rollout_deadline());
        let next = timers.chain(self.migration_deadline()).min().unwrap_or(now + LONGEST_SLEEP);
        if *set_for != Some(next) {
            *set_for = Some(next);
            alarm.as_mut().reset(alarm_time(next.since(now)));
        }
    }

    async fn next_input(&mut self, alarm: Pin<&mut Sleep>) -> Input {
        tokio::select! {
            Some(input) = self.inputs.recv() => input,
            event = self.workload_events.recv() => Input::Workload(event.unwrap_or(WorkloadEvent::KeeperGone)),
            () = alarm => Input::Due,
        }
    }

    /// Brings the outside up to date with what the inputs changed.
    async fn settle(&mut self) {
        self.go_where_possible();
        self.note_came_up();
        self.answer_scales();
        self.go_on_rolling_out();
        self.remove_services();
        self.pending.retain(|name| self.services.get(name).is_some_and(ServiceState::is_pending));
        self.go_on_stopping();
        self.go_on_deploying();
        if let Some(change) = self.routing.take_change(&self.services, self.stop.is_some()) {
            // The applier ends only after this task.
            let _ = self.routing_changes.send(change).await;
        }
        self.changed.send_modify(|version| version.number += 1);
    }

    /// Runs something beside the supervisor; what it returns comes back as an input.
    fn beside(&self, what: &'static str, work: impl Future<Output = Input> + Send + 'static) {
        let sender = self.sender.clone();
        self.engines.tasks.spawn(TaskKind::Work(what), async move {
            let _ = sender.send(work.await).await;
        });
    }

    fn now(&self) -> Timestamp {
        self.engines.clock.now()
    }
}

/// On the clock of the runtime, which no decision sees.
fn alarm_time(pause: Duration) -> Instant {
    Instant::now() + pause
}
