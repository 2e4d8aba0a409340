//! The migration of a release: one service's after the other, before the first new instance.

use std::collections::BTreeMap;

use logic::rollout::{Action, Event};
use model::{ServiceName, status::Trouble};
use ports::workloads::{Exit, StartError, Workload, WorkloadId};

use super::{
    super::{Supervisor, input::Input},
    Rollout,
};
use crate::{
    addresses::Reach,
    environment::{self, Given},
    release::Bundle,
    store,
};

/// The lines of a migration's log that are shown.
const LOG_LINES: usize = 40;
const STOPPED: &str = "it was stopped";

/// A migration, from its start until it is stored how it ended.
pub(super) struct Migrating {
    service: ServiceName,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Runs,
    /// It is killed, because the rollout goes back.
    Stops,
    Over,
}

impl Rollout {
    /// The services that have a migration, and whether it has run.
    fn next_migration(&self) -> Option<ServiceName> {
        let begins = |target: &&logic::rollout::Target| {
            let old = self.from.bundles.get(&target.service).map(|bundle| &bundle.id);
            old != self.to.bundles.get(&target.service).map(|bundle| &bundle.id)
        };
        let has = |name: &ServiceName| self.to.system.services.get(name).is_some_and(|spec| spec.migrate.is_some());
        let names = self.targets().filter(begins).map(|target| &target.service);
        names.filter(|name| has(name) && !self.migrated.contains(*name)).min().cloned()
    }
}

impl Supervisor {
    /// Runs what has not run yet.
    pub(super) fn migrate(&mut self) {
        self.forget_migration();
        let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.migrating.is_none()) else { return };
        let Some(name) = rollout.next_migration() else { return self.tell_rollout(Event::Migrated(Ok(()))) };
        rollout.migrating = Some(Migrating { service: name.clone(), stage: Stage::Runs });
        let Some(bundle) = rollout.bundle(&name).cloned() else { return };
        self.note(&name, None, "its migration runs".into());
        let workload = self.migration(&name, &bundle);
        let database = store::path(&self.config, &name, &bundle.spec);
        let workloads = self.engines.workloads.clone();
        self.beside("migration", async move {
            let made = super::super::start::make_store(database).await;
            let started = match made {
                Ok(()) => workloads.start(workload).await,
                Err(error) => Err(error),
            };
            started.map_or_else(|error| Input::Migrated(name, Err(not_started(error))), |_| Input::Nothing)
        });
    }

    fn migration(&self, name: &ServiceName, bundle: &Bundle) -> Workload {
        let spec = &bundle.spec;
        let database = store::path(&self.config, name, spec);
        let secrets = self.vault.of(bundle);
        let hidden = secrets.values().cloned().collect();
        let reach = Reach { connections: BTreeMap::new(), messages: None };
        let given = Given { target: None, reach: &reach, database: database.as_deref(), secrets, nats: None };
        Workload {
            id: WorkloadId::Migration(name.clone()),
            command: spec.migrate.as_ref().map(|migrate| migrate.command.clone()).unwrap_or_default(),
            env: environment::of_instance(&self.config, bundle, &given),
            folder: bundle.folder.clone(),
            limits: spec.limits.clone(),
            secrets: hidden,
        }
    }

    /// Its process is killed; that it ended is told in time.
    pub(super) fn stop_migration(&mut self) {
        let Some(rollout) = &mut self.rollout else { return };
        let Some(migrating) = rollout.migrating.as_mut().filter(|migrating| migrating.stage != Stage::Over) else {
            return self.tell_rollout(Event::Migrated(Err(STOPPED.into())));
        };
        migrating.stage = Stage::Stops;
        let id = WorkloadId::Migration(migrating.service.clone());
        self.kill(id);
    }

    /// The system stops: what has not run to its end does so again when it comes up.
    pub(in super::super) fn kill_migration(&self) {
        if let Some(migrating) = self.rollout.as_ref().and_then(|rollout| rollout.migrating.as_ref()) {
            self.kill(WorkloadId::Migration(migrating.service.clone()));
        }
    }

    /// The process of a migration ended: its log says how it went.
    pub(in super::super) fn migration_exited(&mut self, name: ServiceName, exit: Exit) {
        let Some(rollout) = self.active() else { return };
        let command = rollout.bundle(&name).and_then(|bundle| bundle.spec.migrate.clone());
        let hint = format!("the command is: {}", command.map(|migrate| migrate.command).unwrap_or_default());
        let logs = self.engines.logs.clone();
        let cause = match exit {
            Exit::Code(0) => return self.migrated(&name, Ok(())),
            Exit::Code(code) => format!("that of `{name}` exited with code {code}"),
            Exit::Signal(signal) => format!("that of `{name}` was ended by signal {signal}"),
        };
        self.beside("migration", async move {
            let log = logs.tail(&WorkloadId::Migration(name.clone()), LOG_LINES).await;
            Input::Migrated(name, Err(Trouble { log, ..Trouble::new(cause, hint) }))
        });
    }

    pub(in super::super) fn migrated(&mut self, name: &ServiceName, outcome: Result<(), Trouble>) {
        let Some(rollout) = self.active() else { return };
        let Some(migrating) = rollout.migrating.as_mut().filter(|migrating| migrating.service == *name) else { return };
        let stage = std::mem::replace(&mut migrating.stage, Stage::Over);
        match outcome {
            Ok(()) => {
                rollout.migrated.insert(name.clone());
                // The next one, once that is stored.
                rollout.waiting.push(Action::Migrate);
                self.note(name, None, "its migration has run".into());
            }
            Err(_) if stage == Stage::Stops => self.tell_rollout(Event::Migrated(Err(STOPPED.into()))),
            Err(trouble) => {
                let why = trouble.cause.clone();
                rollout.problem = Some(trouble);
                self.note(name, None, why.clone());
                self.tell_rollout(Event::Migrated(Err(why)));
            }
        }
    }

    /// Gives up what is kept of a migration that is over.
    pub(super) fn forget_migration(&mut self) {
        let Some(rollout) = &mut self.rollout else { return };
        let Some(over) = rollout.migrating.take_if(|migrating| migrating.stage == Stage::Over) else { return };
        let (workloads, id) = (self.engines.workloads.clone(), WorkloadId::Migration(over.service));
        self.beside("migration", async move {
            workloads.remove(&id).await;
            Input::Nothing
        });
    }

    /// An earlier platform process began a migration, and it runs still or has ended meanwhile. Says whether it is the
    /// rollout's.
    pub(in super::super) fn adopt_migration(&mut self, name: &ServiceName, exit: Option<Exit>) -> bool {
        let Some(rollout) = self.rollout.as_mut().filter(|r| r.next_migration().as_ref() == Some(name)) else {
            return false;
        };
        rollout.migrating = Some(Migrating { service: name.clone(), stage: Stage::Runs });
        if let Some(exit) = exit {
            self.migration_exited(name.clone(), exit);
        }
        true
    }
}

fn not_started(error: StartError) -> Trouble {
    Trouble::new(format!("it did not start: {}", error.cause), error.hint)
}
