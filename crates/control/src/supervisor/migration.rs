//! Migrations: the program that runs before the first instance of a service's new code. Here is what all have in common, and those
//! of the release that the system comes up with.

use std::{collections::BTreeMap, sync::Arc};

use model::{ServiceName, Timestamp, status::Trouble};
use ports::workloads::{Exit, StartError, Workload, WorkloadId};

use super::{
    Supervisor,
    input::Input,
    start::{make_store, not_remembered, without_secrets},
};
use crate::{
    addresses::Reach,
    environment::{self, Given},
    release::Bundle,
    store,
};

/// The lines of a migration's log that are shown.
const LOG_LINES: usize = 40;

/// A migration that runs.
pub(super) struct Running {
    late_at: Timestamp,
    /// Whether it is killed for that.
    is_late: bool,
}

impl Supervisor {
    /// Starts the migration of a service; how it ends comes as an input.
    pub(super) fn start_migration(&mut self, name: &ServiceName, bundle: &Bundle) {
        self.note(name, None, "its migration runs".into());
        let began_at = self.now();
        self.watch_migration(name, began_at);
        let name = name.clone();
        let found = self.find_secrets(&name, bundle).map_err(without_secrets);
        let workload = self.migration(&name, bundle);
        let database = store::path(&self.config, &name, &bundle.spec);
        let (workloads, records) = (self.engines.workloads.clone(), self.records.clone());
        self.beside("migration", async move {
            let started = async {
                found?;
                records.put_migration(&name, began_at).await.map_err(not_remembered)?;
                make_store(database).await?;
                workloads.start(workload).await
            };
            started.await.map_or_else(|error| Input::Migrated(name, Err(not_started(error))), |_| Input::Nothing)
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

    /// The process of a migration ended: its log says how it went.
    pub(super) fn migration_exited(&mut self, name: ServiceName, exit: Exit) {
        let cause = match exit {
            Exit::Code(0) => return self.migrated(&name, Ok(())),
            Exit::Code(code) => format!("that of `{name}` exited with code {code}"),
            Exit::Signal(signal) => format!("that of `{name}` was ended by signal {signal}"),
        };
        let command = self.migrating_bundle(&name).and_then(|bundle| bundle.spec.migrate.clone());
        let hint = format!("the command is: {}", command.map(|migrate| migrate.command).unwrap_or_default());
        let logs = self.engines.logs.clone();
        self.beside("migration", async move {
            let log = logs.tail(&WorkloadId::Migration(name.clone()), LOG_LINES).await;
            Input::Migrated(name, Err(Trouble { log, ..Trouble::new(cause, hint) }))
        });
    }

    /// What the instances will run that wait for the service's migration.
    fn migrating_bundle(&self, name: &ServiceName) -> Option<Arc<Bundle>> {
        let coming = self.rollout.as_ref().and_then(|rollout| rollout.bundle(name));
        let own = self.services.get(name).and_then(|service| service.own_bundle());
        coming.or(own).cloned()
    }

    pub(super) fn migrated(&mut self, name: &ServiceName, outcome: Result<(), Trouble>) {
        let is_late = self.migrations.get(name).is_some_and(|running| running.is_late);
        let late = |trouble| Trouble { cause: format!("that of `{name}` took longer than its deadline"), ..trouble };
        let outcome = outcome.map_err(|trouble| if is_late { late(trouble) } else { trouble });
        if self.rollout.as_ref().and_then(|rollout| rollout.migrating()) == Some(name) {
            self.migrations.remove(name);
            self.migrated_in_rollout(name, outcome);
        } else {
            self.migrated_first(name, outcome);
        }
    }

    /// An earlier platform process began a migration, and it runs still or has ended meanwhile. Says whether it is wanted. It has no
    /// more time than it had.
    pub(super) fn adopt_migration(&mut self, name: &ServiceName, began_at: Timestamp, exit: Option<Exit>) -> bool {
        let is_wanted = self.must_migrate_first(name) || self.adopt_in_rollout(name);
        if !is_wanted {
            return false;
        }
        self.watch_migration(name, began_at);
        if let Some(exit) = exit {
            self.migration_exited(name.clone(), exit);
        }
        true
    }

    /// The system stops: what has not run to its end does so again when it comes up.
    pub(super) fn kill_migrations(&self) {
        self.migrations.keys().for_each(|name| self.kill(WorkloadId::Migration(name.clone())));
    }

    /// Whether the service's migration must run before its first instance; it does from now on.
    pub(super) fn migrates_first(&mut self, name: &ServiceName) -> bool {
        if self.migrations.contains_key(name) {
            return true;
        }
        let bundle = self.migrating_bundle(name).filter(|_| self.must_migrate_first(name));
        if let Some(bundle) = &bundle {
            self.start_migration(name, bundle);
        }
        bundle.is_some()
    }

    fn must_migrate_first(&self, name: &ServiceName) -> bool {
        self.releases.ledger().unmigrated().contains(name)
    }

    /// Its time runs from when it began, whichever platform process that was in.
    fn watch_migration(&mut self, name: &ServiceName, began_at: Timestamp) {
        let bundle = self.migrating_bundle(name);
        let deadline = bundle.and_then(|bundle| Some(bundle.spec.migrate.as_ref()?.deadline)).unwrap_or_default();
        self.migrations.insert(name.clone(), Running { late_at: began_at + deadline, is_late: false });
    }

    /// When the next migration must have ended.
    pub(super) fn migration_deadline(&self) -> Option<Timestamp> {
        self.migrations.values().filter(|one| !one.is_late).map(|one| one.late_at).min()
    }

    /// Kills those that take too long; that they ended is told in time.
    pub(super) fn migrations_due(&mut self) {
        let now = self.now();
        let late = self.migrations.iter_mut().filter(|(_, one)| !one.is_late && one.late_at <= now);
        let late: Vec<_> = late.map(|(name, one)| (one.is_late = true, name.clone()).1).collect();
        late.into_iter().for_each(|name| self.kill(WorkloadId::Migration(name)));
    }

    fn migrated_first(&mut self, name: &ServiceName, outcome: Result<(), Trouble>) {
        if let Err(trouble) = outcome {
            let cause = format!("the migration failed: {}", trouble.cause);
            return self.cannot_come_up(name, Trouble { cause, ..trouble });
        }
        self.note(name, None, "its migration has run".into());
        let (workloads, releases, name) = (self.engines.workloads.clone(), self.releases.clone(), name.clone());
        self.beside("migration", async move {
            workloads.remove(&WorkloadId::Migration(name.clone())).await;
            let written = releases.change(|ledger| ledger.migrated(&name)).await;
            Input::MigrationRemembered(name, written.map_err(|error| error.to_string()))
        });
    }

    /// It does not run again; the service can start.
    pub(super) fn migration_remembered(&mut self, name: &ServiceName, outcome: Result<(), String>) {
        self.migrations.remove(name);
        outcome.unwrap_or_else(|cause| self.cannot_remember(cause));
    }
}

fn not_started(error: StartError) -> Trouble {
    Trouble::new(format!("it did not start: {}", error.cause), error.hint)
}
