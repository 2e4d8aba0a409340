//! The migration of a release that is rolled out: one service's after the other, before the first new instance.

use logic::rollout::{Action, Cause, Event};
use model::{ServiceName, status::Trouble};
use ports::workloads::WorkloadId;

use super::{
    super::{Supervisor, input::Input},
    Rollout,
};

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
    /// The service whose migration runs.
    pub(in super::super) fn migrating(&self) -> Option<&ServiceName> {
        self.migrating.as_ref().map(|migrating| &migrating.service)
    }

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
        self.start_migration(&name, &bundle);
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

    pub(in super::super) fn migrated_in_rollout(&mut self, name: &ServiceName, outcome: Result<(), Trouble>) {
        let Some(rollout) = self.active() else { return };
        let Some(migrating) = rollout.migrating.as_mut().filter(|migrating| migrating.service == *name) else { return };
        let stage = std::mem::replace(&mut migrating.stage, Stage::Over);
        match outcome {
            Ok(()) => {
                rollout.migrated.insert(name.clone());
                // The next one, once that is stored.
                rollout.waiting.insert(Action::Migrate);
                self.note(name, None, "its migration has run".into());
            }
            Err(trouble) if stage == Stage::Stops => {
                if rollout.machine.cause() == Some(&Cause::MigrationTooLong) {
                    rollout.problem = Some(Trouble { cause: format!("`{name}`"), ..trouble });
                }
                self.tell_rollout(Event::Migrated(Err(STOPPED.into())));
            }
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

    /// Whether a migration that an earlier platform process began is the rollout's.
    pub(in super::super) fn adopt_in_rollout(&mut self, name: &ServiceName) -> bool {
        let Some(rollout) = self.rollout.as_mut().filter(|r| r.next_migration().as_ref() == Some(name)) else {
            return false;
        };
        rollout.migrating = Some(Migrating { service: name.clone(), stage: Stage::Runs });
        true
    }
}
