//! What can reach the supervisor, and where each goes.

use std::collections::BTreeSet;

use logic::service::{Cause, Ending, Event, ProbeVerdict};
use model::{InstanceId, ServiceName, status::Trouble};
use ports::{
    probes::ProbeFailure,
    workloads::{Exit, StartError, WorkloadEvent, WorkloadId},
};

use super::{Supervisor, deploy::Ended, request::Request, rollout::Stored, service::Build};

/// What can reach the supervisor.
pub(crate) enum Input {
    /// From the workloads.
    Workload(WorkloadEvent),
    /// A service is built, or cannot be.
    Built(ServiceName, Option<Trouble>),
    /// A release is made, or cannot be.
    Deployed(Box<Ended>),
    /// An instance's process was started, or not.
    Started(InstanceId, Result<u32, StartError>),
    /// Every worker routes by this epoch of the rollout.
    Routed(u64),
    /// The migration of a service ended.
    Migrated(ServiceName, Result<(), Trouble>),
    /// That the migration of a service has run is remembered, or cannot be.
    MigrationRemembered(ServiceName, Result<(), String>),
    /// A state of the rollout is stored, or could not be.
    Stored(Box<Stored>),
    /// The end of a rollout is remembered, or could not be.
    EndRemembered(Result<(), String>),
    /// A health check ended.
    Probed(InstanceId, Result<(), ProbeFailure>),
    /// Nothing is in flight to the instance any more; so many requests were cut off.
    Drained(InstanceId, u32),
    /// What is wrong with an instance, with its log; whether the system gives up because of it.
    Trouble(InstanceId, Trouble, bool),
    /// Everything of an instance is given up, or a record of it could not be.
    Removed(InstanceId, Result<(), String>),
    /// A record could not be written.
    NotRemembered(String),
    /// Somebody asks.
    Request(Request),
    /// Requests wait for these services, which sleep.
    Awaited(BTreeSet<ServiceName>),
    /// A deadline may have passed.
    Due,
    /// Nothing to do.
    Nothing,
}

impl Supervisor {
    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::Workload(event) => self.workload_event(event),
            Input::Built(name, failure) => self.built(&name, failure),
            Input::Deployed(ended) => self.deployed(*ended),
            Input::Started(id, started) => self.started(&id, started),
            Input::Routed(epoch) => self.routed(epoch),
            Input::Migrated(name, outcome) => self.migrated(&name, outcome),
            Input::MigrationRemembered(name, outcome) => self.migration_remembered(&name, outcome),
            Input::Stored(stored) => self.stored(*stored),
            Input::EndRemembered(outcome) => self.end_remembered(outcome),
            Input::Probed(id, probed) => self.probed(id, probed),
            Input::Drained(id, cut_off) => self.drained(id, cut_off),
            Input::Trouble(id, trouble, give_up) => self.found_trouble(&id, trouble, give_up),
            Input::Removed(id, outcome) => {
                self.removing.remove(&id);
                outcome.unwrap_or_else(|cause| self.cannot_remember(cause));
            }
            Input::NotRemembered(cause) => self.cannot_remember(cause),
            Input::Request(request) => self.request(request),
            Input::Awaited(names) => self.awaited(names),
            Input::Due => self.due(),
            Input::Nothing => {}
        }
    }

    fn workload_event(&mut self, event: WorkloadEvent) {
        match event {
            WorkloadEvent::Exited { id: WorkloadId::Instance(id), exit, out_of_memory } => {
                self.note(&id.slot.service.clone(), Some(&id), describe(exit, out_of_memory));
                self.tell(&id.slot.service.clone(), Event::Exited(id, ending(exit, out_of_memory)));
            }
            WorkloadEvent::Exited { id: WorkloadId::Build(name), exit, .. } => self.builder.ended(&name, exit),
            WorkloadEvent::Exited { id: WorkloadId::Migration(name), exit, .. } => self.migration_exited(name, exit),
            WorkloadEvent::StopRequested { signal } => self.stop_requested(signal),
            WorkloadEvent::KeeperGone => self.exit = Some(1),
        }
    }

    /// While the system comes up; later ones are told by what becomes of the deploy.
    fn built(&mut self, name: &ServiceName, failure: Option<Trouble>) {
        let Some(service) = self.services.get_mut(name).filter(|s| matches!(s.build, Build::Running)) else { return };
        service.build = failure.clone().map_or(Build::Waiting, Build::Failed);
        if let Some(trouble) = failure {
            self.note(name, None, trouble.cause);
        }
    }

    fn started(&mut self, id: &InstanceId, started: Result<u32, StartError>) {
        let name = id.slot.service.clone();
        match started {
            Ok(pid) => {
                if let Some(instance) = self.services.get_mut(&name).and_then(|s| s.instances.get_mut(id)) {
                    instance.pid = Some(pid);
                }
                self.note(&name, Some(id), format!("started with pid {pid}"));
                self.tell(&name, Event::Started(id.clone()));
            }
            Err(error) => {
                self.note(&name, Some(id), format!("did not start: {}", error.cause));
                let StartError { cause, hint, retry } = error;
                self.tell(&name, Event::StartFailed(id.clone(), Cause::NotStarted { cause, hint, retry }));
            }
        }
    }

    fn probed(&mut self, id: InstanceId, probed: Result<(), ProbeFailure>) {
        let passed = probed.is_ok();
        self.note_check(&id, probed.as_ref().err());
        self.tell(&id.slot.service, Event::Probed(id.clone(), verdict(probed)));
        self.confirmed(&id, passed);
    }

    fn drained(&mut self, id: InstanceId, cut_off: u32) {
        let name = id.slot.service.clone();
        if cut_off > 0 {
            let what = format!("{cut_off} requests in flight were cut off at the drain timeout");
            self.note(&name, Some(&id), what);
        }
        self.tell(&name, Event::Drained(id));
    }

    fn due(&mut self) {
        let now = self.now();
        while let Some((at, name)) = self.timers.first().filter(|(at, _)| *at <= now).cloned() {
            self.timers.remove(&(at, name.clone()));
            if let Some(service) = self.services.get_mut(&name) {
                service.timer = None;
            }
            self.tell(&name, Event::Due);
        }
        self.migrations_due();
        self.scale_due();
        self.rollout_due();
    }
}

fn verdict(probed: Result<(), ProbeFailure>) -> ProbeVerdict {
    match probed {
        Ok(()) => ProbeVerdict::Passed,
        Err(failure @ ProbeFailure::Refused(_)) => ProbeVerdict::Refused(failure.to_string()),
        Err(failure) => ProbeVerdict::Failed(failure.to_string()),
    }
}

fn ending(exit: Exit, out_of_memory: bool) -> Ending {
    match exit {
        _ if out_of_memory => Ending::OutOfMemory,
        Exit::Code(code) => Ending::Code(code),
        Exit::Signal(signal) => Ending::Signal(signal),
    }
}

fn describe(exit: Exit, out_of_memory: bool) -> String {
    match exit {
        _ if out_of_memory => "was killed for using more memory than its limit".into(),
        Exit::Code(code) => format!("exited with code {code}"),
        Exit::Signal(signal) => format!("was ended by signal {signal}"),
    }
}
