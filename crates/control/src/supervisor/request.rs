//! What can be asked of the supervisor, from the control API.

use logic::{rollout::Command, service::Event};
use model::{
    Problem, ServiceName,
    api::{RolloutStatus, Why},
    figures::SystemFigures,
    status::{ServiceStatus, SystemStatus},
};
use tokio::sync::oneshot;

use super::{
    Supervisor,
    abort::Aborter,
    queue::{Outcome, Work},
};
use crate::records::ScaleRecord;

/// The most instances of a service.
const REPLICAS_MAX: u32 = 1000;
/// Requests that may wait for one thing.
pub(super) const WAITERS_MAX: usize = 64;

/// An answer, or why there is none.
pub(crate) type Answer<T> = Result<T, Box<Problem>>;

/// What can be asked.
pub(crate) enum Request {
    Status { memory: bool, answer: oneshot::Sender<SystemStatus> },
    Figures { answer: oneshot::Sender<SystemFigures> },
    Service { name: ServiceName, answer: oneshot::Sender<Answer<ServiceStatus>> },
    Why { name: ServiceName, answer: oneshot::Sender<Answer<Why>> },
    Restart { name: ServiceName, answer: oneshot::Sender<Answer<ServiceStatus>> },
    Scale { name: ServiceName, replicas: Option<u32>, answer: oneshot::Sender<Answer<ServiceStatus>> },
    Rollout { answer: oneshot::Sender<Answer<RolloutStatus>> },
    RolloutOf { number: u64, answer: oneshot::Sender<Answer<RolloutStatus>> },
    Say { command: Command, answer: oneshot::Sender<Answer<RolloutStatus>> },
    Abort { queued: Option<u32>, answer: Aborter },
    Change { work: Work, answer: oneshot::Sender<Answer<Outcome>> },
    Down,
}

impl Request {
    /// Whether whoever asked for a change of a service has gone.
    pub(super) fn is_left(&self) -> bool {
        match self {
            Self::Restart { answer, .. } | Self::Scale { answer, .. } => answer.is_closed(),
            _ => false,
        }
    }
}

/// Lets one more wait, unless too many do: what was asked for is done all the same.
fn wait<T>(waiters: &mut Vec<oneshot::Sender<Answer<T>>>, answer: oneshot::Sender<Answer<T>>) {
    waiters.retain(|waiter| !waiter.is_closed());
    if waiters.len() < WAITERS_MAX {
        waiters.push(answer);
    } else {
        let hint = "it is done all the same: `isles ps`";
        let problem = Problem::new(429, "too-many-requests", "too many requests wait for this service", hint);
        let _ = answer.send(Err(Box::new(problem)));
    }
}

impl Supervisor {
    pub(super) fn request(&mut self, request: Request) {
        let Some(request) = self.hold_request(request) else { return };
        match request {
            Request::Rollout { answer } => drop(answer.send(self.rollout_status())),
            Request::RolloutOf { number, answer } => drop(answer.send(self.status_of_rollout(number))),
            Request::Say { command, answer } => self.say(command, Box::new(|status| drop(answer.send(status)))),
            Request::Abort { queued, answer } => self.abort(queued, answer),
            Request::Status { memory, answer } => drop(answer.send(self.status(memory))),
            Request::Figures { answer } => drop(answer.send(self.figures())),
            Request::Service { name, answer } => {
                drop(answer.send(self.service_status(&name, true).ok_or_else(|| self.unknown(&name))));
            }
            Request::Why { name, answer } => drop(answer.send(self.why(&name).ok_or_else(|| self.unknown(&name)))),
            Request::Restart { name, answer } => self.restart(&name, answer),
            Request::Scale { name, replicas, answer } => self.scale(&name, replicas, answer),
            Request::Change { work, answer } => self.ask_for(work, answer),
            Request::Down => self.begin_stop(0),
        }
    }

    fn restart(&mut self, name: &ServiceName, answer: oneshot::Sender<Answer<ServiceStatus>>) {
        if let Err(problem) = self.may_change(name).and_then(|()| self.may_start(name)) {
            return drop(answer.send(Err(problem)));
        }
        self.note(name, None, "a restart was asked for".into());
        // A restart under way ends first, and tells those who wait for it.
        self.tell(name, Event::Restart);
        let Some(service) = self.services.get_mut(name) else { return };
        wait(&mut service.restart_waiters, answer);
        if service.machine.is_settled() {
            self.restart_ended(name, Ok(()));
        }
    }

    pub(super) fn restart_ended(&mut self, name: &ServiceName, outcome: Result<(), String>) {
        let waiters = self.services.get_mut(name).map(|s| std::mem::take(&mut s.restart_waiters)).unwrap_or_default();
        let status = self.service_status(name, false);
        for waiter in waiters {
            let answer = match (&outcome, &status) {
                (Ok(()), Some(status)) => Ok(status.clone()),
                (Err(cause), _) => Err(failed("restart-failed", format!("the new instance failed: {cause}"), name)),
                (Ok(()), None) => Err(stopping()),
            };
            let _ = waiter.send(answer);
        }
    }

    fn scale(&mut self, name: &ServiceName, replicas: Option<u32>, answer: oneshot::Sender<Answer<ServiceStatus>>) {
        let allowed = self.may_change(name).and_then(|()| match replicas {
            Some(replicas) => check_replicas(replicas).and_then(|()| self.may_grow(name, replicas)),
            None => self.may_follow(name),
        });
        if let Err(problem) = allowed {
            return drop(answer.send(Err(problem)));
        }
        let Some(service) = self.services.get_mut(name) else { return };
        wait(&mut service.scale_waiters, answer);
        self.pending.insert(name.clone());
        let scale = replicas.map(|replicas| ScaleRecord::new(replicas, &service.spec));
        service.fixed = scale.clone().filter(|scale| scale.scaling.is_some());
        self.remember_scale(name, scale);
        self.touch_index();
        let what = replicas.map_or("follows the load again".into(), |replicas| format!("scaled to {replicas}"));
        self.note(name, None, what);
        self.make_scaler(name);
        if let Some(replicas) = replicas {
            self.scale_to(name, replicas);
        }
    }

    fn remember_scale(&self, name: &ServiceName, scale: Option<ScaleRecord>) {
        let (records, name) = (self.records.clone(), name.clone());
        self.beside("remember", async move {
            super::act::remembered(match scale {
                Some(scale) => records.put_scale(&name, scale).await,
                None => records.forget_scale(&name).await,
            })
        });
    }

    /// Answers those who wait for a number of instances that is reached, or cannot be.
    pub(super) fn answer_scales(&mut self) {
        let is_waited_for = |name: &&ServiceName| self.services.get(*name).is_some_and(|s| !s.scale_waiters.is_empty());
        let names: Vec<_> = self.pending.iter().filter(is_waited_for).cloned().collect();
        for name in names {
            let Some(service) = self.services.get_mut(&name) else { continue };
            let answer = if service.machine.is_settled() {
                None
            } else if self.stop.is_some() {
                Some(stopping())
            } else if service.machine.is_in_crash_loop() {
                Some(failed("crash-loop", "its instances exit again and again".into(), &name))
            } else {
                continue;
            };
            let waiters = std::mem::take(&mut service.scale_waiters);
            let status = self.service_status(&name, false);
            for waiter in waiters {
                let _ = waiter.send(answer.clone().map_or_else(|| status.clone().ok_or_else(stopping), Err));
            }
        }
    }

    fn may_change(&self, name: &ServiceName) -> Answer<()> {
        match self.services.get(name) {
            None => Err(self.unknown(name)),
            Some(_) if self.stop.is_some() => Err(stopping()),
            Some(service) if !service.told_to_go => {
                Err(failed("not-started", "it has not been started yet".into(), name))
            }
            Some(_) => Ok(()),
        }
    }

    fn may_grow(&mut self, name: &ServiceName, replicas: u32) -> Answer<()> {
        let grows = self.services.get(name).is_some_and(|service| replicas > service.own_count());
        if grows { self.may_start(name) } else { Ok(()) }
    }

    fn may_follow(&self, name: &ServiceName) -> Answer<()> {
        if self.services.get(name).is_some_and(|service| service.spec.scaling.is_some()) {
            return Ok(());
        }
        let hint = format!(
            "give `{name}` `replicas = {{ min = 1, max = 8, concurrency = 50 }}` in the manifest, and run `isles deploy`"
        );
        Err(Box::new(Problem::new(409, "no-scaling", "the number of instances does not follow the load", hint)))
    }

    fn unknown(&self, name: &ServiceName) -> Box<Problem> {
        let known: Vec<_> = self.services.keys().map(ServiceName::as_str).collect();
        let hint = format!("its services are: {}", known.join(", "));
        let problem = Problem::new(404, "unknown-service", "there is no such service", hint);
        Box::new(problem.with_detail(format!("the system has no service `{name}`")))
    }
}

fn check_replicas(replicas: u32) -> Answer<()> {
    if replicas <= REPLICAS_MAX {
        return Ok(());
    }
    let hint = format!("ask for 0 to {REPLICAS_MAX}");
    let problem = Problem::new(422, "too-many-replicas", "so many instances are not possible", hint);
    Err(Box::new(problem.with_detail(format!("{replicas} instances were asked for"))))
}

fn failed(reason: &str, detail: String, name: &ServiceName) -> Box<Problem> {
    let problem = Problem::new(409, reason, "the change failed", format!("run `isles why {name}`"));
    Box::new(problem.with_detail(detail))
}

pub(super) fn stopping() -> Box<Problem> {
    Box::new(Problem::of(model::Reason::ShuttingDown))
}
