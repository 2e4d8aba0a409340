//! What persons say to a rollout, and what must wait for its end.

use logic::{
    release,
    rollout::{Command, Event},
};
use model::{
    Problem,
    api::{Rollback, RolloutStatus},
};
use tokio::sync::oneshot;

use super::{
    super::{
        Supervisor,
        request::{Answer, Request},
    },
    Rollout,
};
use crate::release::view;

/// Requests that may wait for the end of a rollout.
const HELD_MAX: usize = 64;

impl Supervisor {
    /// A person's word. It is answered when it is stored.
    pub(in super::super) fn say(&mut self, command: Command, answer: oneshot::Sender<Answer<RolloutStatus>>) {
        self.tell_rollout(Event::Told(command));
        match self.active() {
            Some(rollout) => rollout.waiters.push(answer),
            None => drop(answer.send(Err(nothing_under_way()))),
        }
    }

    /// Whether a rollback is what the rollout under way can do by itself: then it goes back. Any other waits for its end.
    pub(in super::super) fn goes_back_to(&mut self, rollback: &Rollback) -> bool {
        let is_it = self.active().is_some_and(|rollout| rollout.may_go_back() && rollout.is_undone_by(rollback));
        if is_it {
            self.tell_rollout(Event::Told(Command::Abort));
        }
        is_it
    }

    /// Keeps a request that would get in the rollout's way until that is over.
    pub(in super::super) fn hold_request(&mut self, request: Request) -> Option<Request> {
        let (Request::Restart { name, .. } | Request::Scale { name, .. }) = &request else { return Some(request) };
        let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.has(name) && self.stop.is_none()) else {
            return Some(request);
        };
        if rollout.held.len() < HELD_MAX {
            rollout.held.push(request);
        } else if let Request::Restart { answer, .. } | Request::Scale { answer, .. } = request {
            let _ = answer.send(Err(too_many()));
        }
        None
    }
}

impl Rollout {
    /// Whether what a rollback asks for is what there was before.
    fn is_undone_by(&self, Rollback { service, to }: &Rollback) -> bool {
        let is_alone = |service: &model::ServiceName| {
            release::compare(&view(&self.from), &view(&self.to)).iter().all(|it| it.service == *service)
        };
        to.is_none_or(|to| to == self.from.number) && service.as_ref().is_none_or(is_alone)
    }

    fn may_go_back(&self) -> bool {
        use logic::rollout::Phase::{Ended, Restoring, Retiring};
        let is_late = matches!(self.machine.phase(), Retiring | Restoring | Ended(_));
        !is_late && !self.machine.snapshot().plan().one_way
    }
}

fn nothing_under_way() -> Box<Problem> {
    let hint = "see `isles releases` for what runs";
    Box::new(Problem::new(404, "no-rollout", "no rollout is under way", hint))
}

fn too_many() -> Box<Problem> {
    let hint = "wait for the rollout to end: `isles rollout`";
    Box::new(Problem::new(429, "too-many-requests", "too many requests wait for the end of the rollout", hint))
}
