//! Asks the supervisor, for the control API.

use std::sync::Arc;

use logic::rollout::Command;
use model::{
    Problem, ServiceName,
    api::{RolloutStatus, Why},
    figures::SystemFigures,
    spec::System,
    status::{ServiceStatus, SystemStatus},
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    input::Input,
    queue::{Outcome, Work},
    request::{Answer, Request, stopping},
};

/// Grows with every change of the system's state.
#[derive(Debug, Default)]
pub(crate) struct Version {
    pub(super) number: u64,
    /// The state in which the supervisor ended.
    pub(super) last: Option<SystemStatus>,
}

/// Asks the supervisor.
#[derive(Clone)]
pub struct SystemHandle {
    inputs: mpsc::Sender<Input>,
    changed: watch::Receiver<Version>,
    spec: watch::Receiver<Arc<System>>,
}

impl SystemHandle {
    pub(super) fn new(
        inputs: mpsc::Sender<Input>,
        changed: watch::Receiver<Version>,
        spec: watch::Receiver<Arc<System>>,
    ) -> Self {
        Self { inputs, changed, spec }
    }

    /// What runs, as its release says.
    pub(crate) fn spec(&self) -> Arc<System> {
        self.spec.borrow().clone()
    }

    /// A receiver that sees every change of the system's state, and its end.
    pub(crate) fn changes(&self) -> watch::Receiver<Version> {
        self.changed.clone()
    }

    /// The state in which the supervisor ended, once it has.
    pub(crate) fn last(&self) -> Option<SystemStatus> {
        self.changed.borrow().last.clone()
    }

    /// The state; `None` once the supervisor has ended. `memory` asks for the instances' memory too.
    pub(crate) async fn status(&self, memory: bool) -> Option<SystemStatus> {
        self.send(|answer| Request::Status { memory, answer }).await
    }

    /// What was counted; `None` once the supervisor has ended.
    pub(crate) async fn figures(&self) -> Option<SystemFigures> {
        self.send(|answer| Request::Figures { answer }).await
    }

    pub(crate) async fn service(&self, name: ServiceName) -> Answer<ServiceStatus> {
        self.ask(|answer| Request::Service { name, answer }).await
    }

    pub(crate) async fn why(&self, name: ServiceName) -> Answer<Why> {
        self.ask(|answer| Request::Why { name, answer }).await
    }

    pub(crate) async fn restart(&self, name: ServiceName) -> Answer<ServiceStatus> {
        self.ask(|answer| Request::Restart { name, answer }).await
    }

    pub(crate) async fn scale(&self, name: ServiceName, replicas: Option<u32>) -> Answer<ServiceStatus> {
        self.ask(|answer| Request::Scale { name, replicas, answer }).await
    }

    /// The rollout under way, or the last one.
    pub(crate) async fn rollout(&self) -> Answer<RolloutStatus> {
        self.ask(|answer| Request::Rollout { answer }).await
    }

    /// The rollout of this number, as long as it is kept.
    pub(crate) async fn rollout_of(&self, number: u64) -> Answer<RolloutStatus> {
        self.ask(|answer| Request::RolloutOf { number, answer }).await
    }

    /// A person's word about the rollout under way. Answers when it is kept.
    pub(crate) async fn say(&self, command: Command) -> Answer<RolloutStatus> {
        self.ask(|answer| Request::Say { command, answer }).await
    }

    /// Takes back what is under way, or what waits at a place of the queue. Answers when that is kept, or has ended: then without a
    /// rollout.
    pub(crate) async fn abort(&self, queued: Option<u32>) -> Answer<Option<RolloutStatus>> {
        self.ask(|answer| Request::Abort { queued, answer }).await
    }

    /// A deploy or a rollback. Answers when its rollout has begun.
    pub(crate) async fn change(&self, work: Work) -> Answer<Outcome> {
        self.ask(|answer| Request::Change { work, answer }).await
    }

    pub(crate) async fn down(&self) {
        let _ = self.inputs.send(Input::Request(Request::Down)).await;
    }

    /// Asks what may be refused.
    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Answer<T>>) -> Request) -> Answer<T> {
        let ended = || if self.last().is_some() { stopping() } else { replaced() };
        self.send(request).await.unwrap_or_else(|| Err(ended()))
    }

    /// `None` once the supervisor has ended.
    async fn send<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.inputs.send(Input::Request(request(answer))).await.ok()?;
        answered.await.ok()
    }
}

/// The supervisor has ended without the system: nothing of what it was asked is known.
fn replaced() -> Box<Problem> {
    let hint = "the services run on; see `isles releases` for what was still done, and try again";
    Box::new(Problem::new(503, "being-replaced", "Isles is being replaced, and gives up what is not done yet", hint))
}
