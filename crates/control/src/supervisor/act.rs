//! Carries out what a service's machine asks for.

use logic::service::{Action, Cause, Event, Phase};
use model::{InstanceId, ServiceName, Slot, spec::Side};
use ports::{
    streams::StreamsError,
    traffic::{Caller, Endpoint},
    workloads::WorkloadId,
};

use super::{Supervisor, input::Input, service::ServiceState};
use crate::records::Records;

impl Supervisor {
    /// Tells a machine an event and does what it asks for.
    pub(super) fn tell(&mut self, name: &ServiceName, event: Event) {
        let now = self.now();
        let Some(service) = self.services.get_mut(name) else { return };
        let mut actions = Vec::new();
        service.machine.handle(event, now, &mut actions);
        let deadline = service.machine.deadline();
        if service.timer != deadline {
            if let Some(old) = std::mem::replace(&mut service.timer, deadline) {
                self.timers.remove(&(old, name.clone()));
            }
            self.timers.extend(deadline.map(|at| (at, name.clone())));
        }
        for action in actions {
            self.act(name, action);
        }
        self.observe(name);
    }

    fn act(&mut self, name: &ServiceName, action: Action) {
        match action {
            Action::Start(id) => self.start_instance(&id),
            Action::Probe(id) => self.probe(id),
            Action::Enter(id) => self.enter(&id),
            Action::Leave(id) => self.leave(&id),
            Action::Drain(id) => self.drain(&id),
            Action::Terminate(id) => {
                let workloads = self.engines.workloads.clone();
                self.beside("terminate", async move {
                    workloads.terminate(&WorkloadId::Instance(id)).await;
                    Input::Nothing
                });
            }
            Action::Kill(id) => {
                self.note(name, Some(&id), "did not end within stop_grace and is killed".into());
                self.kill(WorkloadId::Instance(id));
            }
            Action::Remove(id) => self.remove(&id),
            Action::Trouble(id, cause) => self.find_trouble(id, cause, false),
            Action::GaveUp(id, cause) => self.find_trouble(id, cause, true),
            Action::RestartEnded(outcome) => {
                self.restart_ended(name, outcome.map_err(|cause: Cause| cause.to_string()));
            }
            Action::Vacated(slot, cause) => self.vacated(&slot, &cause),
            Action::Stopped => {
                if let Some(service) = self.services.get_mut(name) {
                    service.stopped = true;
                }
            }
        }
    }

    pub(super) fn probe(&mut self, id: InstanceId) {
        let Some(probe) = self.services.get(&id.slot.service).and_then(|service| service.probe(&id)) else { return };
        let probes = self.engines.probes.clone();
        self.beside("probe", async move { Input::Probed(id, probes.probe(probe).await) });
    }

    fn enter(&mut self, id: &InstanceId) {
        if let Some(service) = self.services.get_mut(&id.slot.service) {
            service.troubles.remove(&id.slot.index);
        }
        self.note(&id.slot.service, Some(id), "healthy".into());
        self.set_healthy(id, true);
    }

    fn leave(&mut self, id: &InstanceId) {
        self.set_healthy(id, false);
    }

    fn drain(&mut self, id: &InstanceId) {
        let timeout = self
            .services
            .get(&id.slot.service)
            .map_or_else(Default::default, |s| s.spec_of(id.slot.index).drain_timeout);
        self.note(&id.slot.service, Some(id), "draining".into());
        self.set_healthy(id, false);
        self.routing.drain_after_change(id.clone(), timeout);
    }

    /// Nothing is left in a slot.
    fn vacated(&mut self, slot: &Slot, cause: &Cause) {
        self.slot_ended(slot, cause);
        if let Some(service) = self.services.get_mut(&slot.service) {
            service.others.remove(&slot.index);
            service.troubles.remove(&slot.index);
        }
    }

    fn set_healthy(&mut self, id: &InstanceId, healthy: bool) {
        let since = healthy.then(|| self.now());
        let Some(service) = self.services.get_mut(&id.slot.service) else { return };
        if let Some(now) = since {
            service.cold_starts.serves(now);
            if let Some(scaler) = &mut service.scaler {
                scaler.asleep = false;
            }
        }
        refresh_upstream(service);
        self.routing.mark(&id.slot.service);
        let Some(instance) = service.instances.get_mut(id) else { return };
        if instance.record.healthy_since.is_some() != healthy {
            instance.record.healthy_since = since;
            let (records, record, id) = (self.records.clone(), instance.record.clone(), id.clone());
            self.beside("remember", async move { remembered(records.put_instance(&id, &record).await) });
        }
    }

    fn remove(&mut self, id: &InstanceId) {
        let name = &id.slot.service;
        let Some(service) = self.services.get_mut(name) else { return };
        let instance = service.instances.remove(id);
        if let Some(port) = instance.as_ref().and_then(|instance| instance.record.port) {
            self.free_ports.release(port);
        }
        refresh_upstream(service);
        self.routing.mark(name);
        let is_last = !service.instances.keys().any(|other| other.slot == id.slot);
        let slot_is_gone = is_last && !service.machine.is_wanted(id.slot.index);
        if slot_is_gone || is_last && self.stop.is_some() {
            self.routing.disconnect(&id.slot);
            self.message_server().into_iter().for_each(|server| server.dismiss(&id.slot));
        }
        let caller = Caller::Slot(id.slot.clone());
        let addresses = if slot_is_gone { self.addresses.release(&caller) } else { Vec::new() };
        self.removing.insert(id.clone());
        let (workloads, records, id) = (self.engines.workloads.clone(), self.records.clone(), id.clone());
        self.beside("remove", async move {
            workloads.remove(&WorkloadId::Instance(id.clone())).await;
            if let Some(socket) = instance.and_then(|instance| instance.record.socket) {
                let _ = std::fs::remove_file(socket);
            }
            let forgotten = forget(&records, &id, &addresses).await.map_err(|error| error.to_string());
            Input::Removed(id, forgotten)
        });
    }
}

async fn forget(records: &Records, id: &InstanceId, addresses: &[String]) -> Result<(), StreamsError> {
    for key in addresses {
        records.forget_address(key).await?;
    }
    records.forget_instance(id).await
}

/// The outcome of writing a record, as an input.
pub(super) fn remembered(outcome: Result<(), StreamsError>) -> Input {
    outcome.map_or_else(|error| Input::NotRemembered(error.to_string()), |()| Input::Nothing)
}

/// Makes the routing state's part of a service from its machine.
pub(super) fn refresh_upstream(service: &mut ServiceState) {
    let healthy = service.machine.instances().filter(|(instance, _)| instance.phase == Phase::Healthy);
    let endpoints = healthy.filter_map(|(instance, _)| {
        let target = service.instances.get(&instance.id)?.record.target()?;
        let is_other = service.others.contains_key(&instance.id.slot.index);
        let side = if is_other { Side::New } else { Side::Old };
        Some(Endpoint { instance: instance.id.clone(), target, side })
    });
    let endpoints: Vec<_> = endpoints.collect();
    service.upstream = std::sync::Arc::new(ports::traffic::Upstream {
        asleep: endpoints.is_empty() && service.scaler.as_ref().is_some_and(|scaler| scaler.asleep),
        endpoints,
        has_been_healthy: service.machine.has_been_healthy(),
        adaptive_concurrency: service.spec.adaptive_concurrency,
        hold: service.hold,
        split: service.split.clone(),
    });
}
