//! What the control API tells of the system that runs, and the end of its platform process.

use model::{
    api::{Release, ReleaseState, RolloutStatus},
    status::{InstancePhase, InstanceStatus, ServiceStatus, SystemPhase, SystemStatus},
};
use rustix::process::Signal;
use serde::de::DeserializeOwned;

use super::Sandbox;
use crate::{
    http::{self, Answer},
    process, wait,
};

impl Sandbox {
    /// A request to the control API.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: &str) -> Answer {
        let answer = http::request_unix(&self.path(".isles/api.sock"), method, path, body.as_bytes());
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The state of the system, if it runs.
    pub fn running(&self) -> Option<SystemStatus> {
        let answer = http::request_unix(&self.path(".isles/api.sock"), "GET", "/v1/system", b"").ok()?;
        serde_json::from_slice(&answer.body).ok()
    }

    /// The state of the system.
    ///
    /// # Panics
    /// When it does not answer.
    #[track_caller]
    pub fn status(&self) -> SystemStatus {
        self.typed("/v1/system")
    }

    /// The state of a service.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn service(&self, name: &str) -> ServiceStatus {
        self.typed(&format!("/v1/services/{name}"))
    }

    /// The answer to a `GET` of the control API.
    ///
    /// # Panics
    /// When it is not of the type.
    #[track_caller]
    pub fn typed<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.api("GET", path, "");
        serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.text()))
    }

    /// The process ids of a service's healthy instances, by slot.
    ///
    /// # Panics
    /// When the system does not answer.
    pub fn pids(&self, service: &str) -> Vec<u32> {
        let healthy = |instance: &InstanceStatus| instance.phase == InstancePhase::Healthy;
        self.service(service).instances.into_iter().filter(healthy).filter_map(|instance| instance.pid).collect()
    }

    /// The process id of a service's only instance.
    ///
    /// # Panics
    /// When it has another number of them.
    pub fn pid(&self, service: &str) -> u32 {
        let pids = self.pids(service);
        assert_eq!(pids.len(), 1, "{pids:?}");
        pids[0]
    }

    /// The rollout under way, or the last one.
    ///
    /// # Panics
    /// When there was none.
    #[track_caller]
    pub fn rollout(&self) -> RolloutStatus {
        self.typed("/v1/rollout")
    }

    /// The rollout once it is so; it need not have begun yet.
    ///
    /// # Panics
    /// When it is not so in time.
    #[track_caller]
    pub fn rollout_when(&self, what: &str, is_so: impl Fn(&RolloutStatus) -> bool) -> RolloutStatus {
        let now = || serde_json::from_slice(&self.api("GET", "/v1/rollout", "").body).ok();
        wait::until(what, || now().filter(&is_so))
    }

    /// The rollout once it is over.
    ///
    /// # Panics
    /// When it is not in time.
    #[track_caller]
    pub fn rollout_ended(&self) -> RolloutStatus {
        self.rollout_when("the end of the rollout", |rollout| rollout.ended_at.is_some())
    }

    /// The releases that are kept, and how they fare.
    ///
    /// # Panics
    /// When the system does not answer.
    #[track_caller]
    pub fn releases(&self) -> Vec<(u64, ReleaseState)> {
        let all: Vec<Release> = self.typed("/v1/releases");
        all.into_iter().map(|release| (release.number, release.state)).collect()
    }

    /// Kills the platform process, and waits until the next one runs the system.
    ///
    /// # Panics
    /// When none does.
    #[track_caller]
    pub fn kill_platform(&self) -> SystemStatus {
        let killed = self.status().platform_pid;
        process::signal(killed, Signal::KILL);
        self.next_platform(killed)
    }

    /// Waits until another platform process than this one runs the system.
    ///
    /// # Panics
    /// When none does.
    #[track_caller]
    pub fn next_platform(&self, before: u32) -> SystemStatus {
        let is_next = |status: &SystemStatus| status.platform_pid != before && status.phase == SystemPhase::Running;
        wait::until("another platform process", || self.running().filter(is_next))
    }
}
