//! One service in the supervisor's memory.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
};

use logic::{
    cold_starts::ColdStarts,
    order,
    service::{Event, Machine, Settings},
    transcript::Transcript,
};
use model::{
    Gather, InstanceId, ServiceName, Timestamp,
    api::ServiceEvent,
    spec::{Policy, Service},
    status::{ServiceStatus, Trouble},
};
use ports::{
    probes::Probe,
    streams::StreamsError,
    traffic::{Caller, Split, Upstream},
};
use tokio::sync::oneshot;

use super::{Supervisor, act::remembered, request::Answer, scaling::Scaler};
use crate::{
    addresses::Place,
    records::{InstanceRecord, Remembered, ScaleRecord},
    release::Bundle,
};

/// Events that are kept of a service.
const EVENTS_MAX: usize = 50;

/// One service.
pub(super) struct ServiceState {
    pub(super) spec: Arc<Service>,
    pub(super) machine: Machine,
    pub(super) build: Build,
    /// Slots that run another bundle than the service's: those of a rollout, and those that one has left.
    pub(super) others: BTreeMap<u32, Arc<Bundle>>,
    pub(super) instances: BTreeMap<InstanceId, InstanceState>,
    /// By slot: the run that it is about, and what is wrong.
    pub(super) troubles: BTreeMap<u32, (u64, Trouble)>,
    pub(super) events: VecDeque<ServiceEvent>,
    pub(super) upstream: Arc<Upstream>,
    /// How requests are shared between two releases, and whether they are held meanwhile.
    pub(super) split: Option<Split>,
    pub(super) hold: bool,
    /// Whether it is no longer in the system, and goes with its last instance.
    pub(super) leaves: bool,
    pub(super) timer: Option<Timestamp>,
    /// What scales it, if its number of instances follows the load.
    pub(super) scaler: Option<Scaler>,
    /// How it woke when it slept.
    pub(super) cold_starts: ColdStarts,
    /// The number at which a person holds it instead, as long as the manifest says what it says.
    pub(super) fixed: Option<ScaleRecord>,
    pub(super) told_to_go: bool,
    pub(super) told_to_stop: bool,
    pub(super) stopped: bool,
    /// Where the operator's calls enter.
    pub(super) operator: SocketAddr,
    pub(super) restart_waiters: Vec<oneshot::Sender<Answer<ServiceStatus>>>,
    pub(super) scale_waiters: Vec<oneshot::Sender<Answer<ServiceStatus>>>,
}

/// Where a service's build stands.
pub(super) enum Build {
    /// Not begun.
    Waiting,
    /// Under way.
    Running,
    /// What the service runs.
    Done(Arc<Bundle>),
    /// Failed.
    Failed(Trouble),
}

/// One instance.
pub(super) struct InstanceState {
    pub(super) record: InstanceRecord,
    pub(super) pid: Option<u32>,
    pub(super) transcript: Transcript,
}

impl InstanceState {
    pub(super) fn new(record: InstanceRecord, pid: Option<u32>) -> Self {
        Self { record, pid, transcript: Transcript::default() }
    }
}

impl ServiceState {
    /// What runs in a slot, if it is built.
    pub(super) fn bundle(&self, index: u32) -> Option<&Arc<Bundle>> {
        self.others.get(&index).or(self.own_bundle())
    }

    /// What the service's own slots run, if it is built.
    pub(super) fn own_bundle(&self) -> Option<&Arc<Bundle>> {
        if let Build::Done(bundle) = &self.build { Some(bundle) } else { None }
    }

    /// What is asked for in a slot.
    pub(super) fn spec_of(&self, index: u32) -> &Arc<Service> {
        self.others.get(&index).map_or(&self.spec, |bundle| &bundle.spec)
    }

    /// How many instances are asked for, beside those of a rollout.
    pub(super) fn own_count(&self) -> u32 {
        count(self.machine.own_slots())
    }

    /// Whether something is still to be done about it that may come at any time.
    pub(super) fn is_pending(&self) -> bool {
        !self.told_to_go || self.leaves || !self.scale_waiters.is_empty()
    }

    /// How the health of an instance is checked.
    pub(super) fn probe(&self, id: &InstanceId) -> Option<Probe> {
        let target = self.instances.get(id)?.record.target()?;
        let spec = self.spec_of(id.slot.index);
        let (protocol, health) = (spec.protocol, &spec.health);
        Some(Probe { target, protocol, path: health.path.clone(), timeout: health.timeout })
    }
}

impl Supervisor {
    pub(super) async fn make_services(&mut self, known: &Remembered) -> Result<(), StreamsError> {
        let system = self.config.system.clone();
        for (name, spec) in system.services {
            let (operator, new) = self.addresses.of(&Caller::Operator, &name);
            if let Some((key, number)) = new {
                self.records.put_address(&key, number).await?;
            }
            let mut service = self.make_service(&name, spec, operator, known);
            // Of a release that runs already, the folders are there.
            let running = self.release.as_ref().filter(|_| self.config.resumed);
            if let Some(bundle) = running.and_then(|release| release.bundles.get(&name)) {
                service.build = Build::Done(bundle.clone());
            }
            self.services.insert(name.clone(), service);
            self.pending.insert(name.clone());
            self.make_scaler(&name);
            self.connect_operator(&name);
        }
        Ok(())
    }

    /// A service that a rollout brings: it has no instances yet, and may have some.
    pub(super) fn add_service(&mut self, name: &ServiceName, bundle: Arc<Bundle>) {
        let (operator, new) = self.addresses.of(&Caller::Operator, name);
        if let Some((key, number)) = new {
            let records = self.records.clone();
            self.beside("remember", async move { remembered(records.put_address(&key, number).await) });
        }
        let spec = Service { replicas: 0, ..Service::clone(&bundle.spec) };
        let mut service = self.make_service(name, spec, operator, &Remembered::default());
        (service.spec, service.build) = (bundle.spec.clone(), Build::Done(bundle));
        service.told_to_go = true;
        self.services.insert(name.clone(), service);
        self.make_scaler(name);
        self.connect_operator(name);
        self.tell(name, Event::Go);
    }

    /// A service that is no longer in the system, and of which nothing is left.
    pub(super) fn remove_service(&mut self, name: &ServiceName) {
        let Some(service) = self.services.remove(name) else { return };
        self.past_runs.extend(service.machine.last_runs().map(|id| (id.slot, id.run)));
        if let Some(timer) = service.timer {
            self.timers.remove(&(timer, name.clone()));
        }
        self.forget_scaler(service.scaler, name);
        self.routing.forget(name);
        if let Some((key, address)) = self.addresses.disconnect(&Caller::Operator, name) {
            self.routing.disconnect_address(address);
            let records = self.records.clone();
            self.beside("remember", async move { remembered(records.forget_address(&key).await) });
        }
    }

    /// Where the operator's calls enter.
    pub(super) fn connect_operator(&mut self, name: &ServiceName) {
        let Some(service) = self.services.get(name) else { return };
        let policy = Policy { protocol: service.spec.protocol, ..Policy::default() };
        let place = Place { address: service.operator, socket: None };
        self.routing.connect(Caller::Operator, name.clone(), &place, Arc::new(policy), None);
    }

    fn make_service(
        &self,
        name: &ServiceName,
        spec: Service,
        operator: SocketAddr,
        known: &Remembered,
    ) -> ServiceState {
        let runs = self.past_runs.iter().filter(|(slot, _)| slot.service == *name);
        let last_runs = runs.map(|(slot, run)| (slot.index, *run)).gather();
        let seed = self.config.seed ^ u64::from(u32::from_be_bytes(hash_of(name)));
        let slots = known.slots.get(name).cloned().unwrap_or_default();
        let mut machine = Machine::new(name.clone(), settings(&spec), slots, last_runs, seed);
        let scaled = known.scales.get(name).filter(|scale| scale.is_in_force(&spec));
        let followed = spec.scaling.as_ref().and(known.slots.get(name)).map(|slots| count(slots.iter()));
        let wanted = scaled.map(|scale| scale.replicas).or(followed).unwrap_or(spec.replicas);
        machine.handle(Event::Scale(wanted), self.now(), &mut Vec::new());
        ServiceState {
            fixed: scaled.filter(|_| spec.scaling.is_some()).cloned(),
            spec: Arc::new(spec),
            machine,
            build: Build::Waiting,
            others: BTreeMap::new(),
            instances: BTreeMap::new(),
            troubles: BTreeMap::new(),
            events: VecDeque::new(),
            upstream: Arc::default(),
            split: None,
            hold: false,
            leaves: false,
            timer: None,
            scaler: None,
            cold_starts: ColdStarts::default(),
            told_to_go: false,
            told_to_stop: false,
            stopped: false,
            operator,
            restart_waiters: Vec::new(),
            scale_waiters: Vec::new(),
        }
    }

    /// Lets services start that are built and wait for nothing else.
    pub(super) fn go_where_possible(&mut self) {
        if self.stop.is_some() {
            return;
        }
        let ready = |service: &ServiceState| !service.told_to_go && matches!(service.build, Build::Done(_));
        let is_ready = |name: &&ServiceName| self.services.get(*name).is_some_and(ready);
        let candidates: Vec<_> = self.pending.iter().filter(is_ready).cloned().collect();
        if candidates.is_empty() {
            return;
        }
        let healthy = self.services.iter().filter(|(_, s)| s.machine.has_been_healthy() || s.machine.wanted() == 0);
        let healthy = healthy.map(|(name, _)| name.clone()).gather();
        for name in candidates {
            if order::waits_for(self.system(), &name, &healthy).is_empty() && !self.migrates_first(&name) {
                if let Some(service) = self.services.get_mut(&name) {
                    service.told_to_go = true;
                }
                self.tell(&name, Event::Go);
            }
        }
    }

    /// Keeps which slots a service has.
    pub(super) fn remember_slots(&self, name: &ServiceName) {
        let Some(service) = self.services.get(name) else { return };
        let slots = service.machine.own_slots().gather();
        let (records, name) = (self.records.clone(), name.clone());
        self.beside("remember", async move { remembered(records.put_slots(&name, &slots).await) });
    }

    /// Writes an event into a service's history.
    pub(super) fn note(&mut self, name: &ServiceName, instance: Option<&InstanceId>, what: String) {
        self.note_at(self.now(), name, instance, what);
    }

    pub(super) fn note_at(&mut self, at: Timestamp, name: &ServiceName, instance: Option<&InstanceId>, what: String) {
        if let Some(service) = self.services.get_mut(name) {
            if service.events.len() == EVENTS_MAX {
                service.events.pop_front();
            }
            service.events.push_back(ServiceEvent { at, instance: instance.cloned(), what });
        }
    }
}

/// How instances with this specification are treated.
pub(super) fn settings(spec: &Service) -> Settings {
    Settings { health: spec.health.clone(), stop_grace: spec.stop_grace, drain_timeout: spec.drain_timeout }
}

fn count(slots: impl Iterator) -> u32 {
    u32::try_from(slots.count()).unwrap_or(u32::MAX)
}

fn hash_of(name: &ServiceName) -> [u8; 4] {
    let hash = blake3::hash(name.as_str().as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}
