//! What a manifest asks for: the specification of a system, every default filled in.

mod adaptive;
mod bucket;
mod gateway;
mod limits;
mod nats;
mod policy;
mod topic;
mod upgrade;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

pub use adaptive::AdaptiveConcurrency;
pub use bucket::{Bucket, Objects};
pub use gateway::{Gateway, Network, ParseNetworkError, Route, Tls};
pub use limits::{ConnectionLimits, Http2Limits, MessageLimits};
pub use nats::{NO_RIGHTS, Nats};
pub use policy::{AccessLog, Balance, Breaker, HashKey, Outlier, Policy, Protocol, Rate, RetryBudget};
pub use topic::Topic;
pub use upgrade::{
    Migration, Scaling, Scarce, Side, Step, Sticky, Strategy, Terms, Tolerance, Upgrade, WEIGHT_MAX, Wait,
};

use serde::{Deserialize, Serialize};

use crate::{BucketName, ByteSize, ServiceName, SystemName, TopicName, streams::StreamConfig};

/// A system: services, the connections between them and the data each owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// The system's name.
    pub name: SystemName,
    /// The way in from outside, if there is one.
    pub gateway: Option<Gateway>,
    /// The services by name.
    pub services: BTreeMap<ServiceName, Service>,
    /// Every topic that a service publishes.
    #[serde(default)]
    pub topics: BTreeMap<TopicName, Topic>,
    /// The buckets about which something is said.
    #[serde(default)]
    pub buckets: BTreeMap<BucketName, Bucket>,
    /// The object stores about which something is said.
    #[serde(default)]
    pub objects: BTreeMap<BucketName, Objects>,
    /// The NATS server that keeps topics, buckets and object stores; the journal of this node if `None`.
    #[serde(default)]
    pub nats: Option<Nats>,
    /// How a release that changes several services is rolled out, unless they agree on another way.
    #[serde(default)]
    pub upgrade: Upgrade,
    /// Whether a request stays on the release that it entered on.
    #[serde(default)]
    pub pinned: bool,
    /// Which releases are kept, beside those that are needed.
    #[serde(default)]
    pub kept: Kept,
}

/// Which releases are kept. What runs, what ran before and what is on its way always are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How many, from 1.
    pub releases_max: u32,
    /// How old they become.
    pub releases_age: Duration,
}

impl Default for Kept {
    fn default() -> Self {
        Self { releases_max: 10, releases_age: Duration::from_secs(30 * 24 * 3600) }
    }
}

impl System {
    /// A system without services, every key at its default.
    pub fn new(name: SystemName) -> Self {
        Self {
            name,
            gateway: None,
            services: BTreeMap::new(),
            topics: BTreeMap::new(),
            buckets: BTreeMap::new(),
            objects: BTreeMap::new(),
            nats: None,
            upgrade: Upgrade::default(),
            pinned: false,
            kept: Kept::default(),
        }
    }

    /// The streams behind topics, buckets and object stores; none if no service speaks with messages.
    pub fn streams(&self) -> Vec<StreamConfig> {
        let topics = self.topics.iter().map(|(name, topic)| topic.stream(name));
        let bucket = |name: &BucketName| self.buckets.get(name).cloned().unwrap_or_default().stream(name);
        let store = |name: &BucketName| self.objects.get(name).cloned().unwrap_or_default().stream(name);
        let buckets = self.services.values().flat_map(|service| service.buckets.iter().map(bucket));
        let objects = self.services.values().flat_map(|service| service.objects.iter().map(store));
        topics.chain(buckets).chain(objects).collect()
    }
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The folder of its sources, relative to the manifest's folder.
    pub dir: Option<PathBuf>,
    /// Further inputs of its build: globs relative to the manifest's folder.
    pub inputs: Vec<String>,
    /// The shell command that builds it.
    pub build: Option<String>,
    /// The time that may take.
    #[serde(default = "build_deadline")]
    pub build_deadline: Duration,
    /// What is kept of a build; the whole folder if empty.
    pub artifact: Vec<PathBuf>,
    /// Folders that builds share.
    pub cache: Vec<PathBuf>,
    /// The shell command that runs it.
    pub run: String,
    /// Environment variables, in addition to what Isles gives.
    pub env: BTreeMap<String, String>,
    /// A file of further variables, `NAME=value` a line, relative to the manifest's folder; `env` wins.
    pub env_file: Option<PathBuf>,
    /// Names of secrets that it may see.
    pub secrets: Vec<String>,
    /// How many instances run; to begin with, if that follows the load.
    pub replicas: u32,
    /// How that follows the load, if it does.
    #[serde(default)]
    pub scaling: Option<Scaling>,
    /// How it goes from one release to the next.
    #[serde(default)]
    pub upgrade: Upgrade,
    /// What runs once per release, before its first instance.
    #[serde(default)]
    pub migrate: Option<Migration>,
    /// How its health is checked.
    pub health: Health,
    /// Services that must be healthy before it starts.
    pub after: Vec<ServiceName>,
    /// The time from SIGTERM to SIGKILL.
    pub stop_grace: Duration,
    /// The longest wait for requests in flight before SIGTERM.
    pub drain_timeout: Duration,
    /// What one instance may use.
    pub limits: Limits,
    /// How it listens.
    pub listen: Listen,
    /// What it speaks there.
    #[serde(default)]
    pub protocol: Protocol,
    /// Whether the requests in flight to it are limited by what its latency tells, and how far.
    #[serde(default)]
    pub adaptive_concurrency: AdaptiveConcurrency,
    /// The services that it may call, with the policy of each connection.
    pub calls: BTreeMap<ServiceName, Policy>,
    /// Its store, if it has one.
    pub store: Option<Store>,
    /// The topics that it may publish to.
    #[serde(default)]
    pub publishes: BTreeSet<TopicName>,
    /// The topics that it may consume.
    #[serde(default)]
    pub subscribes: BTreeSet<TopicName>,
    /// The key-value buckets that it owns.
    #[serde(default)]
    pub buckets: BTreeSet<BucketName>,
    /// The object stores that it owns.
    #[serde(default)]
    pub objects: BTreeSet<BucketName>,
}

fn build_deadline() -> Duration {
    Duration::from_secs(30 * 60)
}

impl Service {
    /// Whether it runs with the files of the manifest's folder as they are, of which no release keeps any.
    pub fn runs_in_place(&self) -> bool {
        self.build.is_none() && self.artifact.is_empty()
    }

    /// One instance of a program, every other key at its default.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            dir: None,
            inputs: Vec::new(),
            build: None,
            build_deadline: build_deadline(),
            artifact: Vec::new(),
            cache: Vec::new(),
            run: run.into(),
            env: BTreeMap::new(),
            env_file: None,
            secrets: Vec::new(),
            replicas: 1,
            scaling: None,
            upgrade: Upgrade::default(),
            migrate: None,
            health: Health::default(),
            after: Vec::new(),
            stop_grace: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            limits: Limits::default(),
            listen: Listen::default(),
            protocol: Protocol::default(),
            adaptive_concurrency: AdaptiveConcurrency::Switch(true),
            calls: BTreeMap::new(),
            store: None,
            publishes: BTreeSet::new(),
            subscribes: BTreeSet::new(),
            buckets: BTreeSet::new(),
            objects: BTreeSet::new(),
        }
    }

    /// Whether it has to do with messages, so that it is given `$NATS_URL`.
    pub fn uses_messages(&self) -> bool {
        let is_empty = self.publishes.is_empty() && self.subscribes.is_empty();
        !(is_empty && self.buckets.is_empty() && self.objects.is_empty())
    }
}

/// How a service's health is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The path that must answer 2xx or 3xx; without one, the port must accept a connection.
    pub path: Option<String>,
    /// The time between checks of a healthy instance.
    pub interval: Duration,
    /// The time between checks of a starting instance.
    pub interval_starting: Duration,
    /// The time that one check may take.
    pub timeout: Duration,
    /// The time that an instance has to become healthy after it starts.
    pub grace: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            path: None,
            interval: Duration::from_secs(5),
            interval_starting: Duration::from_millis(200),
            timeout: Duration::from_secs(1),
            grace: Duration::from_secs(60),
        }
    }
}

/// What one instance may use at the most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory.
    pub memory: Option<ByteSize>,
    /// Processor time in thousandths of a core.
    pub cpu_millis: Option<u32>,
}

/// How a service listens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Listen {
    /// On the TCP port `$PORT`.
    #[default]
    Port,
    /// On the Unix socket `$SOCKET`.
    Unix,
}

/// The data that a service owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// What keeps it.
    pub engine: StoreEngine,
    /// Where, relative to the manifest's folder; in the state folder if `None`.
    pub path: Option<PathBuf>,
}

/// What keeps a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreEngine {
    /// One SQLite file.
    Sqlite,
}
