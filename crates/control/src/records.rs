//! What control remembers, in one bucket of `ports::streams`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{
    InstanceId, ServiceName, Slot, Timestamp,
    api::RolloutStatus,
    spec::{Scaling, Service},
};
use ports::{
    streams::{Expect, KeyValue, StreamsError, Write},
    traffic::Target,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use logic::release::Ledger;

use crate::{
    release::{BundleId, ReleaseRecord},
    supervisor::{Part, RolloutRecord, Whole},
};

const BUCKET: &str = "system";
/// The key of how releases fare.
const LEDGER: &str = "releases:";
/// The key of a rollout, and the prefix of those of its parts.
const ROLLOUT: &str = "rollout:";

/// The records of a system.
#[derive(Clone)]
pub(crate) struct Records(Arc<dyn KeyValue>);

/// An instance whose process may be running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InstanceRecord {
    pub(crate) port: Option<u16>,
    pub(crate) socket: Option<std::path::PathBuf>,
    /// What it runs.
    pub(crate) bundle: BundleId,
    /// When it was started.
    pub(crate) started_at: Timestamp,
    /// Since when it takes requests, if it does.
    pub(crate) healthy_since: Option<Timestamp>,
}

impl InstanceRecord {
    pub(crate) fn target(&self) -> Option<Target> {
        let tcp = self.port.map(|port| Target::Tcp(([127, 0, 0, 1], port).into()));
        tcp.or_else(|| self.socket.clone().map(Target::Unix))
    }
}

/// A number of instances that a person asked for, in place of the manifest's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScaleRecord {
    pub(crate) replicas: u32,
    /// What the manifest said then; once it says something else, that counts.
    pub(crate) manifest: u32,
    #[serde(default)]
    pub(crate) scaling: Option<Scaling>,
}

impl ScaleRecord {
    /// Of a service with this specification.
    pub(crate) fn new(replicas: u32, spec: &Service) -> Self {
        Self { replicas, manifest: spec.replicas, scaling: spec.scaling.clone() }
    }

    /// Whether the manifest says still what it said then.
    pub(crate) fn is_in_force(&self, spec: &Service) -> bool {
        (self.manifest, &self.scaling) == (spec.replicas, &spec.scaling)
    }
}

/// Everything that is remembered.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) instances: BTreeMap<InstanceId, InstanceRecord>,
    pub(crate) last_runs: BTreeMap<Slot, u64>,
    pub(crate) addresses: BTreeMap<String, u32>,
    pub(crate) scales: BTreeMap<ServiceName, ScaleRecord>,
    /// The slots of a service in which an instance is asked for.
    pub(crate) slots: BTreeMap<ServiceName, BTreeSet<u32>>,
    /// When the last migration of each service began: it may still run.
    pub(crate) migrations: BTreeMap<ServiceName, Timestamp>,
    /// The rollout that was under way, and the last one that ended.
    pub(crate) rollout: Option<RolloutRecord>,
    pub(crate) last_rollout: Option<RolloutStatus>,
    pub(crate) came_up: bool,
}

impl Records {
    pub(crate) fn new(streams: Arc<dyn KeyValue>) -> Self {
        Self(streams)
    }

    pub(crate) async fn load(&self) -> Result<Remembered, StreamsError> {
        let mut all = Remembered::default();
        let (mut rollout, mut parts): (Option<Whole>, Vec<Part>) = Default::default();
        for entry in self.0.list(BUCKET, "").await? {
            let Some((kind, name)) = entry.key.split_once(':') else { continue };
            match kind {
                "instance" => all.instances.extend(name.parse().ok().zip(read(&entry.value))),
                "run" => all.last_runs.extend(name.parse().ok().zip(read(&entry.value))),
                "address" => all.addresses.extend(read(&entry.value).map(|number: u32| (name.to_owned(), number))),
                "scale" => all.scales.extend(name.parse().ok().zip(read(&entry.value))),
                "slots" => all.slots.extend(name.parse().ok().zip(read(&entry.value))),
                "migration" => all.migrations.extend(name.parse().ok().zip(read(&entry.value))),
                "rollout" if name.is_empty() => rollout = read(&entry.value),
                "rollout" => parts.extend(read::<Part>(&entry.value)),
                "last-rollout" => all.last_rollout = read(&entry.value),
                "came-up" => all.came_up = true,
                _ => {}
            }
        }
        all.rollout = rollout.and_then(|whole| RolloutRecord::read(whole, parts));
        for id in all.instances.keys() {
            let last = all.last_runs.entry(id.slot.clone()).or_default();
            *last = (*last).max(id.run);
        }
        Ok(all)
    }

    pub(crate) async fn put_instance(&self, id: &InstanceId, record: &InstanceRecord) -> Result<(), StreamsError> {
        self.put(format!("instance:{id}"), record).await
    }

    pub(crate) async fn put_last_run(&self, id: &InstanceId) -> Result<(), StreamsError> {
        self.put(format!("run:{}", id.slot), &id.run).await
    }

    pub(crate) async fn put_address(&self, key: &str, number: u32) -> Result<(), StreamsError> {
        self.put(format!("address:{key}"), &number).await
    }

    pub(crate) async fn put_scale(&self, service: &ServiceName, scale: ScaleRecord) -> Result<(), StreamsError> {
        self.put(format!("scale:{service}"), &scale).await
    }

    pub(crate) async fn forget_scale(&self, service: &ServiceName) -> Result<(), StreamsError> {
        self.delete(format!("scale:{service}")).await
    }

    pub(crate) async fn put_slots(&self, service: &ServiceName, slots: &BTreeSet<u32>) -> Result<(), StreamsError> {
        self.put(format!("slots:{service}"), slots).await
    }

    /// The next one of the service takes its place.
    pub(crate) async fn put_migration(&self, service: &ServiceName, began_at: Timestamp) -> Result<(), StreamsError> {
        self.put(format!("migration:{service}"), &began_at).await
    }

    /// How releases fare, and what they are.
    pub(crate) async fn releases(&self) -> Result<(Ledger, BTreeMap<u64, ReleaseRecord>), StreamsError> {
        let ledger = self.0.get(BUCKET, LEDGER).await?.and_then(|entry| read(&entry.value)).unwrap_or_default();
        let listed = self.0.list(BUCKET, "release:").await?;
        let release = |key: &str| key.strip_prefix("release:")?.parse().ok();
        let releases = listed.iter().filter_map(|entry| Some((release(&entry.key)?, read(&entry.value)?))).collect();
        Ok((ledger, releases))
    }

    pub(crate) async fn put_ledger(&self, ledger: &Ledger) -> Result<(), StreamsError> {
        self.put(LEDGER.into(), ledger).await
    }

    pub(crate) async fn put_release(&self, number: u64, record: &ReleaseRecord) -> Result<(), StreamsError> {
        self.put(format!("release:{number}"), record).await
    }

    pub(crate) async fn forget_release(&self, number: u64) -> Result<(), StreamsError> {
        self.delete(format!("release:{number}")).await
    }

    /// Writes what changed of a rollout, all of it or nothing.
    pub(crate) async fn put_rollout(&self, changed: &RolloutRecord) -> Result<(), StreamsError> {
        let mut writes = vec![Write { key: ROLLOUT.into(), value: Some(bytes(&changed.whole)?) }];
        for (service, part) in &changed.parts {
            writes.push(Write { key: format!("{ROLLOUT}{service}"), value: Some(bytes(part)?) });
        }
        self.0.write_all(BUCKET, writes).await
    }

    pub(crate) async fn forget_rollout(&self) -> Result<(), StreamsError> {
        let listed = self.0.list(BUCKET, ROLLOUT).await?;
        let writes = listed.into_iter().map(|entry| Write { key: entry.key, value: None });
        self.0.write_all(BUCKET, writes.collect()).await
    }

    pub(crate) async fn put_last_rollout(&self, last: &RolloutStatus) -> Result<(), StreamsError> {
        self.put("last-rollout:".into(), last).await
    }

    pub(crate) async fn put_came_up(&self, came_up: bool) -> Result<(), StreamsError> {
        if came_up { self.put("came-up:".into(), &true).await } else { self.delete("came-up:".into()).await }
    }

    pub(crate) async fn forget_instance(&self, id: &InstanceId) -> Result<(), StreamsError> {
        self.delete(format!("instance:{id}")).await
    }

    pub(crate) async fn forget_address(&self, key: &str) -> Result<(), StreamsError> {
        self.delete(format!("address:{key}")).await
    }

    async fn put(&self, key: String, value: &impl Serialize) -> Result<(), StreamsError> {
        self.0.put(BUCKET, &key, bytes(value)?, Expect::Any).await.map(drop)
    }

    async fn delete(&self, key: String) -> Result<(), StreamsError> {
        self.0.delete(BUCKET, &key, Expect::Any).await.map(drop)
    }
}

fn bytes(value: &impl Serialize) -> Result<Vec<u8>, StreamsError> {
    serde_json::to_vec(value).map_err(|error| StreamsError::Invalid(error.to_string()))
}

fn read<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}
