//! What persons say to a rollout, and what must wait for its end.

use logic::{
    release,
    rollout::{Command, Event, Phase},
};
use model::{Problem, ServiceName, api::Rollback};

use super::{
    super::{
        Supervisor,
        deploy::not_running,
        request::{Request, WAITERS_MAX},
    },
    Rollout, Waiter,
};
use crate::release::view;

impl Supervisor {
    /// A person's word. It is answered when it is stored.
    pub(in super::super) fn say(&mut self, command: Command, waiter: Waiter) {
        if self.rollout.as_ref().is_some_and(|rollout| !rollout.goes_on) {
            return waiter(Err(not_running()));
        }
        if let Some(problem) = self.active().and_then(|rollout| rollout.is_deaf_to(command)) {
            return waiter(Err(problem));
        }
        if self.active().is_none() {
            let is_made = self.deploys.is_making();
            return waiter(Err(if is_made { not_begun() } else { nothing_under_way() }));
        }
        self.tell_rollout(Event::Told(command));
        self.tell_when_stored(waiter);
    }

    /// Whether a rollback is what the rollout under way can do by itself: then it goes back. Any other waits for its end.
    pub(in super::super) fn goes_back_to(&mut self, rollback: &Rollback) -> bool {
        let is_it = self.active().is_some_and(|rollout| rollout.is_undone_by(rollback));
        if is_it {
            // One that goes back already stays on its way.
            self.tell_rollout(Event::Told(Command::Rollback));
        }
        is_it
    }

    /// Keeps a request that would get in the rollout's way until that is over.
    pub(in super::super) fn hold_request(&mut self, request: Request) -> Option<Request> {
        let (Request::Restart { name, .. } | Request::Scale { name, .. }) = &request else { return Some(request) };
        let Some(held) = self.held(name) else { return Some(request) };
        // Nobody would know that they are carried out.
        held.retain(|waiting| !waiting.is_left());
        if held.len() < WAITERS_MAX {
            held.push(request);
        } else if let Request::Restart { answer, .. } | Request::Scale { answer, .. } = request {
            let _ = answer.send(Err(too_many()));
        }
        None
    }

    /// Where a request for the service must wait, if it must.
    fn held(&mut self, name: &ServiceName) -> Option<&mut Vec<Request>> {
        match (&mut self.rollout, &mut self.ending) {
            _ if self.stop.is_some() => None,
            (Some(rollout), _) if rollout.has(name) => Some(&mut rollout.held),
            (_, Some(ending)) if ending.services.contains(name) => Some(&mut ending.held),
            _ => None,
        }
    }
}

impl Rollout {
    /// The release that a rollback is the way back from if it is asked for now: the new one, unless this goes back itself.
    pub(in super::super) fn way_back_from(&self) -> u64 {
        let goes_back = self.machine.cause().is_some() || self.machine.snapshot().plan().one_way;
        if goes_back { self.from.number } else { self.to.number }
    }

    /// Whether what a rollback asks for is what there was before, and it can go back there or does so already.
    fn is_undone_by(&self, Rollback { service, to }: &Rollback) -> bool {
        let goes_back = *self.machine.phase() == Phase::Restoring && !self.machine.snapshot().plan().one_way;
        if !self.may_go_back() && !goes_back {
            return false;
        }
        let differences = release::compare(&view(&self.from), &view(&self.to));
        let is_alone = |service: &ServiceName| differences.iter().all(|it| it.service == *service);
        to.is_none_or(|to| to == self.from.number) && service.as_ref().is_none_or(is_alone)
    }

    fn may_go_back(&self) -> bool {
        let state = self.machine.snapshot();
        state.is_forward() && !state.plan().one_way
    }

    /// Why a word would have no effect.
    fn is_deaf_to(&self, command: Command) -> Option<Box<Problem>> {
        if !self.machine.snapshot().is_forward() {
            return Some(too_late(self.what()));
        }
        match command {
            Command::Abort => (!self.may_go_back()).then(one_way),
            Command::Resume => (!self.machine.is_paused()).then(|| not_paused(self.what())),
            Command::Promote => (!self.machine.snapshot().may_promote()).then(|| nothing_waits(self.what())),
            Command::Pause | Command::Rollback => None,
        }
    }
}

fn too_late(what: String) -> Box<Problem> {
    let hint = "wait for its end: `isles rollout --watch`";
    let problem = Problem::new(409, "too-late", "the rollout can no longer be changed", hint);
    Box::new(problem.with_detail(what))
}

fn not_paused(what: String) -> Box<Problem> {
    let hint = "it goes on by itself: `isles rollout --watch`";
    let problem = Problem::new(409, "not-paused", "the rollout is not paused", hint);
    Box::new(problem.with_detail(what))
}

fn nothing_waits(what: String) -> Box<Problem> {
    let hint = "no step and no preview is left to skip; how much time is left: `isles rollout`";
    let problem = Problem::new(409, "nothing-waits", "nothing waits for a promotion", hint);
    Box::new(problem.with_detail(what))
}

fn one_way() -> Box<Problem> {
    let hint = "let another release take its place: `isles deploy --supersede`";
    Box::new(Problem::new(409, "one-way", "a rollback is not taken back", hint))
}

pub(in super::super) fn nothing_under_way() -> Box<Problem> {
    let hint = "see `isles releases` for what runs";
    Box::new(Problem::new(404, "no-rollout", "no rollout is under way", hint))
}

fn not_begun() -> Box<Problem> {
    let hint = "`isles abort` gives it up; `isles rollback` or `isles deploy --supersede` take its place";
    Box::new(Problem::new(409, "not-begun", "a release is still made, and its rollout has not begun", hint))
}

fn too_many() -> Box<Problem> {
    let hint = "wait for the rollout to end: `isles rollout`";
    Box::new(Problem::new(429, "too-many-requests", "too many requests wait for the end of the rollout", hint))
}
