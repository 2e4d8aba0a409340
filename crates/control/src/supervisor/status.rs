//! What the system is doing, as `ps`, `status`, `why` and the API show it.

use std::{collections::BTreeMap, time::Duration};

use logic::service::{Instance, Phase};
use model::{
    InstanceId, Reason, ServiceName, Timestamp,
    api::{Finding, Why},
    format_duration,
    spec::{Listen, NO_RIGHTS},
    status::{
        Failure, Inbound, InstancePhase, InstanceStatus, ServicePhase, ServiceStatus, SystemPhase, SystemStatus,
        Trouble,
    },
};
use ports::{wall_clock, workloads::WorkloadId};

use super::{
    Supervisor,
    service::{Build, ServiceState},
};
use crate::findings;

/// How long a failed request is told of in the first line.
const LATELY: Duration = Duration::from_secs(5 * 60);

impl Supervisor {
    pub(super) fn status(&self, memory: bool) -> SystemStatus {
        let mut notices = self.engines.workloads.notices();
        notices.extend(self.engines.traffic.notices());
        notices.extend(wall_clock::notice(&*self.engines.clock));
        let is_one_user = self.config.system.nats.as_ref().is_some_and(|nats| !nats.users);
        notices.extend(is_one_user.then(|| NO_RIGHTS.to_owned()));
        notices.extend(self.notices.iter().cloned());
        notices.extend(self.rollout_notice());
        notices.extend(self.secrets_notice());
        SystemStatus {
            name: self.config.system.name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            phase: self.phase,
            keeper_pid: self.config.keeper_pid,
            platform_pid: self.config.platform_pid,
            started_at: self.started_at,
            up_since: self.config.up_since,
            gateway: self.config.system.gateway.as_ref().map(|gateway| gateway.listen),
            gateway_tls: self.config.system.gateway.as_ref().is_some_and(|gateway| gateway.tls.is_some()),
            problem: self.problem.clone(),
            notices,
            entries: self.engines.traffic.entries(),
            services: self.services.keys().filter_map(|name| self.service_status(name, memory)).collect(),
        }
    }

    pub(super) fn service_status(&self, name: &ServiceName, memory: bool) -> Option<ServiceStatus> {
        let service = self.services.get(name)?;
        let phase = phase_of(service, self.phase == SystemPhase::Starting);
        let mut instances: BTreeMap<InstanceId, InstanceStatus> = BTreeMap::new();
        for (instance, crashes) in service.machine.instances() {
            instances.insert(instance.id.clone(), self.instance_status(service, instance, crashes, memory));
        }
        for (id, crashes, _) in service.machine.pausing() {
            instances.insert(id.clone(), pausing(service, id, crashes));
        }
        let healthy = instances.values().filter(|instance| instance.phase == InstancePhase::Healthy).count();
        Some(ServiceStatus {
            name: name.clone(),
            phase,
            replicas: self.asked_in_rollout(name).unwrap_or_else(|| service.machine.wanted()),
            fixed: service.fixed.is_some(),
            rolling_out: self.is_rolled_out(name),
            healthy: u32::try_from(healthy).unwrap_or(u32::MAX),
            problem: problem_of(service),
            address: Some(service.operator),
            inbound: match service.spec.listen {
                Listen::Port => Inbound::Open,
                Listen::Unix => Inbound::MeshOnly,
            },
            calls: service.spec.calls.keys().cloned().collect(),
            instances: instances.into_values().collect(),
        })
    }

    fn instance_status(&self, service: &ServiceState, i: &Instance, crashes: u32, memory: bool) -> InstanceStatus {
        let state = service.instances.get(&i.id);
        let (release, side) = self.release_of(&i.id.slot);
        let workload = memory.then(|| WorkloadId::Instance(i.id.clone()));
        InstanceStatus {
            id: i.id.clone(),
            phase: match i.phase {
                Phase::Starting => InstancePhase::Starting,
                Phase::Healthy => InstancePhase::Healthy,
                Phase::Unhealthy => InstancePhase::Unhealthy,
                Phase::Draining => InstancePhase::Draining,
                Phase::Stopping => InstancePhase::Stopping,
            },
            pid: state.and_then(|state| state.pid),
            address: state.and_then(|state| state.record.target()).map(|target| target.to_string()),
            started_at: state.map(|state| state.record.started_at),
            crashes,
            in_flight: self.engines.traffic.in_flight(&i.id),
            memory_bytes: workload.and_then(|workload| self.engines.workloads.memory_bytes(&workload)),
            release: release.map(|release| release.number),
            side,
            problem: service.troubles.get(&i.id.slot.index).map(|(_, trouble)| trouble.clone()),
        }
    }

    pub(super) fn why(&self, name: &ServiceName) -> Option<Why> {
        let service = self.service_status(name, true)?;
        let events = self.services.get(name)?.events.iter().cloned().collect();
        let failures = self.engines.traffic.failures(name);
        let mut connections = self.engines.traffic.connections();
        connections.retain(|figures| figures.is_of(name));
        let findings = findings::of(name, &connections, &self.engines.traffic.entries());
        let urgent = findings.iter().find(|finding| finding.now);
        Some(Why {
            summary: summary(&service, urgent, failed_lately(&failures, self.now())),
            service,
            findings,
            connections,
            events,
            failures,
        })
    }

    /// Notes that every service has been healthy at once.
    pub(super) fn note_came_up(&mut self) {
        let has_come_up = |s: &ServiceState| s.told_to_go && s.machine.has_come_up();
        if self.phase == SystemPhase::Starting && self.services.values().all(has_come_up) {
            self.note_up();
        }
    }

    /// Notes that the system runs, whatever becomes of a service.
    pub(super) fn note_up(&mut self) {
        if self.phase != SystemPhase::Starting {
            return;
        }
        self.phase = SystemPhase::Running;
        self.came_up();
        let records = self.records.clone();
        self.beside("remember", async move { super::act::remembered(records.put_came_up(true).await) });
    }
}

fn phase_of(service: &ServiceState, coming_up: bool) -> ServicePhase {
    let machine = &service.machine;
    // While the system comes up, a service that never was healthy ends it all instead: see `cannot_come_up`.
    let is_in_crash_loop = machine.is_in_crash_loop() && (machine.has_been_healthy() || !coming_up);
    let instances = machine.instances().count();
    let healthy = machine.instances().filter(|(instance, _)| instance.phase == Phase::Healthy).count();
    match &service.build {
        _ if service.told_to_stop && instances > 0 => ServicePhase::Stopping,
        Build::Failed(_) => ServicePhase::BuildFailed,
        _ if service.told_to_stop => ServicePhase::Stopped,
        Build::Running => ServicePhase::Building,
        _ if !service.told_to_go => ServicePhase::Waiting,
        _ if machine.wanted() == 0 && instances == 0 && service.scaler.is_some() => ServicePhase::Asleep,
        _ if machine.wanted() == 0 && instances == 0 => ServicePhase::Stopped,
        _ if machine.wanted() == 0 => ServicePhase::Stopping,
        _ if healthy >= machine.wanted() as usize => ServicePhase::Healthy,
        _ if is_in_crash_loop => ServicePhase::CrashLoop,
        _ if !machine.has_been_healthy() || service.troubles.is_empty() => ServicePhase::Starting,
        _ if healthy == 0 => ServicePhase::Unhealthy,
        _ => ServicePhase::Degraded,
    }
}

fn pausing(service: &ServiceState, id: InstanceId, crashes: u32) -> InstanceStatus {
    let problem = service.troubles.get(&id.slot.index).map(|(_, trouble)| trouble.clone());
    InstanceStatus {
        id,
        phase: InstancePhase::Backoff,
        pid: None,
        address: None,
        started_at: None,
        crashes,
        in_flight: 0,
        memory_bytes: None,
        release: None,
        side: None,
        problem,
    }
}

fn problem_of(service: &ServiceState) -> Option<Trouble> {
    match &service.build {
        Build::Failed(trouble) => Some(trouble.clone()),
        _ => service.troubles.values().max_by_key(|(run, _)| *run).map(|(_, trouble)| trouble.clone()),
    }
}

fn summary(service: &ServiceStatus, urgent: Option<&Finding>, failures: usize) -> String {
    let name = &service.name;
    let (healthy, replicas) = (service.healthy, service.replicas);
    let state = match service.phase {
        ServicePhase::Healthy => format!("{name} is healthy: {healthy} of {replicas} instances take requests"),
        ServicePhase::Building => format!("{name} is being built"),
        ServicePhase::BuildFailed => format!("{name} could not be built"),
        ServicePhase::Waiting => format!("{name} waits for the services named in `after`"),
        ServicePhase::Starting => format!("{name} is starting: {healthy} of {replicas} instances are healthy"),
        ServicePhase::Degraded => format!("{name} is degraded: {healthy} of {replicas} instances take requests"),
        ServicePhase::Unhealthy => format!("{name} is unhealthy: none of its {replicas} instances takes requests"),
        ServicePhase::CrashLoop => format!("{name} is in a crash loop: its program ends again and again"),
        ServicePhase::Asleep => format!("{name} is asleep: the next call wakes it"),
        ServicePhase::Stopping => format!("{name} is stopping"),
        ServicePhase::Stopped if replicas == 0 => {
            format!("{name} is stopped: it is to have no instances; `isles scale {name}=1` starts one")
        }
        ServicePhase::Stopped => format!("{name} is stopped"),
    };
    match (&service.problem, urgent, failures) {
        (Some(problem), _, _) => format!("{state}; {}", problem.cause),
        (None, Some(finding), _) => format!("{state}; {}: {}", finding.connection, finding.what),
        (None, None, 0) => state,
        (None, None, count) => {
            let requests = if count == 1 { "request" } else { "requests" };
            format!("{state}; at least {count} {requests} to it failed in the last {}", format_duration(LATELY))
        }
    }
}

/// How many are remembered that are no fault of who asked.
fn failed_lately(failures: &[Failure], now: Timestamp) -> usize {
    let own = failures.iter().filter(|failure| !failure.reason.is_some_and(Reason::blames_caller));
    own.filter(|failure| now.since(failure.at) < LATELY).count()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000_000);

    fn failure(minutes: u64, cause: Value) -> Failure {
        let at = NOW.0 - minutes * 60_000_000;
        let mut value = json!({
            "at": at, "connection": "orders/1 -> users", "service": "users", "request": "GET /", "detail": "", "instances": [],
        });
        let (Value::Object(fields), Value::Object(cause)) = (&mut value, cause) else { panic!("no object") };
        fields.extend(cause);
        serde_json::from_value(value).expect("it is one")
    }

    #[test]
    fn the_first_line_counts_what_is_the_services_own_and_not_long_ago() {
        let service = json!({
            "name": "users", "phase": "healthy", "replicas": 1, "healthy": 1, "inbound": "open", "calls": [], "instances": [],
        });
        let service = serde_json::from_value(service).unwrap();
        let told = |failures: &[Failure]| summary(&service, None, failed_lately(failures, NOW));
        let healthy = "users is healthy: 1 of 1 instances take requests";
        let of_clients = ["body-too-large", "rate-limited", "not-attested"].map(|reason| json!({ "reason": reason }));
        let mut failures: Vec<_> = of_clients.into_iter().map(|cause| failure(0, cause)).collect();
        failures.push(failure(5, json!({ "reason": "reset" })));
        assert_eq!(told(&failures), healthy);
        failures.push(failure(4, json!({ "reason": "reset" })));
        assert_eq!(told(&failures), format!("{healthy}; at least 1 request to it failed in the last 5m"));
        failures.push(failure(1, json!({ "status": 500 })));
        assert_eq!(told(&failures), format!("{healthy}; at least 2 requests to it failed in the last 5m"));
    }
}
