//! Starts an instance: a place to listen, addresses for its calls, a record, and then the process.

use model::{InstanceId, spec::Listen, status::Trouble};
use ports::{
    streams::StreamsError,
    traffic::Caller,
    workloads::{StartError, Workload, WorkloadId},
};

use super::{Supervisor, input::Input, service::InstanceState};
use crate::{
    addresses::{Place, Reach},
    environment::{self, Given},
    records::{InstanceRecord, Records},
    release::Bundle,
    store,
};

impl Supervisor {
    pub(super) fn start_instance(&mut self, id: &InstanceId) {
        let service = self.services.get(&id.slot.service);
        let Some(bundle) = service.and_then(|service| service.bundle(id.slot.index)).cloned() else { return };
        let is_known = self.find_secrets(&id.slot.service, &bundle);
        let record = match is_known.map_err(without_secrets).and_then(|()| self.place(id, &bundle)) {
            Ok(record) => record,
            Err(error) => {
                let id = id.clone();
                return self.beside("start", async move { Input::Started(id, Err(error)) });
            }
        };
        let (reach, new_addresses) = self.connect_slot(id);
        let workload = self.workload(id, &bundle, &record, &reach);
        let Some(service) = self.services.get_mut(&id.slot.service) else { return };
        let state = InstanceState::new(record.clone(), None);
        service.instances.insert(id.clone(), state);
        let database = store::path(&self.config, &id.slot.service, &bundle.spec);
        let (records, workloads, id) = (self.records.clone(), self.engines.workloads.clone(), id.clone());
        let (mut in_force, needed) = (self.in_force.clone(), self.routing.needed());
        self.beside("start", async move {
            let prepared = prepare(&records, &id, &record, new_addresses, database).await;
            // Its first call may come with its first instruction. The applier ends only after this task.
            let _ = in_force.wait_for(|number| *number >= needed).await;
            let started = match prepared {
                Ok(()) => workloads.start(workload).await,
                Err(error) => Err(error),
            };
            Input::Started(id, started)
        });
    }

    fn place(&mut self, id: &InstanceId, bundle: &Bundle) -> Result<InstanceRecord, StartError> {
        let mut record = InstanceRecord {
            port: None,
            socket: None,
            bundle: bundle.id.clone(),
            started_at: self.now(),
            healthy_since: None,
        };
        match bundle.spec.listen {
            Listen::Unix => record.socket = Some(self.config.sockets.join(format!("{}.sock", id.file_name()))),
            Listen::Port => record.port = Some(self.free_ports.take().ok_or_else(no_port)?),
        }
        Ok(record)
    }

    /// Where a slot reaches what it may use, and the addresses that are new.
    pub(super) fn connect_slot(&mut self, id: &InstanceId) -> (Reach, Vec<(String, u32)>) {
        let Some(service) = self.services.get(&id.slot.service) else { return Default::default() };
        let spec = service.spec_of(id.slot.index).clone();
        let caller = Caller::Slot(id.slot.clone());
        let side = self.pinned_side(&id.slot.service, id.slot.index);
        let mut reach = Reach::default();
        let mut new = Vec::new();
        for (callee, policy) in &spec.calls {
            let (address, made) = self.addresses.of(&caller, callee);
            let place = Place::new(address, &self.config.sockets);
            let policy = std::sync::Arc::new(policy.clone());
            self.routing.connect(caller.clone(), callee.clone(), &place, policy, side);
            reach.connections.insert(callee.clone(), place);
            new.extend(made);
        }
        if spec.uses_messages() && self.config.system.nats.is_none() {
            let (address, made) = self.addresses.of_messages(&caller);
            self.routing.connect_messages(id.slot.clone(), address);
            self.admit_to_messages(&id.slot);
            reach.messages = Some(address);
            new.extend(made);
        }
        (reach, new)
    }

    fn workload(&self, id: &InstanceId, bundle: &Bundle, record: &InstanceRecord, reach: &Reach) -> Workload {
        let spec = &bundle.spec;
        let database = store::path(&self.config, &id.slot.service, spec);
        let target = record.target().expect("an instance listens on a port or a socket");
        let secrets = self.vault.of(bundle);
        let nats = self.nats_url(&id.slot.service, spec);
        let given = Given { target: Some(&target), reach, database: database.as_deref(), secrets, nats };
        Workload {
            id: WorkloadId::Instance(id.clone()),
            command: spec.run.clone(),
            env: environment::of_instance(&self.config, bundle, &given),
            folder: bundle.folder.clone(),
            limits: spec.limits.clone(),
            secrets: self.hidden(&id.slot.service, bundle),
        }
    }
}

/// Everything that must be durable before the process runs. The writes share one sync.
async fn prepare(
    records: &Records,
    id: &InstanceId,
    record: &InstanceRecord,
    addresses: Vec<(String, u32)>,
    database: Option<std::path::PathBuf>,
) -> Result<(), StartError> {
    let (instance, run) = tokio::join!(records.put_instance(id, record), records.put_last_run(id));
    instance.and(run).map_err(not_remembered)?;
    for (key, number) in addresses {
        records.put_address(&key, number).await.map_err(not_remembered)?;
    }
    make_store(database).await
}

/// Makes a service's store, if it has one and that is not there.
pub(super) async fn make_store(database: Option<std::path::PathBuf>) -> Result<(), StartError> {
    let Some(path) = database else { return Ok(()) };
    let made = tokio::task::spawn_blocking(move || store::make(&path).map_err(|error| (path, error))).await;
    match made {
        Ok(Ok(())) => Ok(()),
        Ok(Err((path, error))) => Err(StartError {
            cause: format!("cannot make the store {}: {error}", path.display()),
            hint: "check the permissions and the free space of its folder".into(),
            retry: true,
        }),
        Err(error) => Err(StartError { cause: error.to_string(), hint: String::new(), retry: true }),
    }
}

pub(super) fn not_remembered(error: StreamsError) -> StartError {
    StartError {
        cause: format!("its record could not be written: {error}"),
        hint: "check the permissions and the free space of the state folder".into(),
        retry: true,
    }
}

/// They may be given meanwhile.
pub(super) fn without_secrets(Trouble { cause, hint, .. }: Trouble) -> StartError {
    StartError { cause, hint, retry: true }
}

fn no_port() -> StartError {
    StartError {
        cause: "no port from 20000 to 31999 is free".into(),
        hint: "stop what listens there, or use `listen = \"unix\"`".into(),
        retry: true,
    }
}
