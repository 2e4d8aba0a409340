//! Deploys and rollbacks that wait, and the release that is made for one of them.

use std::collections::VecDeque;

use model::{
    Problem,
    api::{Conflict, Deploy, DeployPlan, Rollback, RolloutStatus},
    status::SystemPhase,
};
use tokio::{pin, select, sync::oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    Supervisor,
    abort::Aborter,
    deploy::{Ended, not_running},
    input::Input,
    request::{Answer, stopping},
    rollout,
};
use crate::release::Deployed;

/// Deploys that may wait.
const QUEUE_MAX: usize = 16;

/// What waits, and what is made.
#[derive(Default)]
pub(super) struct Deploys {
    queue: VecDeque<Waiting>,
    pub(super) making: Option<Making>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Deploy(Deploy),
    Rollback(Rollback),
}

/// What it came to.
pub(crate) enum Outcome {
    /// Nothing, or what would happen.
    Plan(DeployPlan),
    /// It is rolled out now.
    Rollout(Box<RolloutStatus>),
}

pub(super) type Waiter = oneshot::Sender<Answer<Outcome>>;

struct Waiting {
    work: Work,
    waiter: Waiter,
    /// The release that a rollback was the way back from when it was asked for.
    from: Option<u64>,
}

/// A release that is made: until it is, nothing that runs is touched.
pub(super) struct Making {
    /// What for; nothing while the system comes up.
    work: Option<Work>,
    given_up: CancellationToken,
    /// Why it shall not be rolled out.
    pub(super) refused: Option<Box<Problem>>,
    /// Those who have aborted it: they are told when it has ended.
    pub(super) aborters: Vec<Aborter>,
}

impl Making {
    pub(super) fn new(work: Option<Work>, given_up: CancellationToken) -> Self {
        Self { work, given_up, refused: None, aborters: Vec::new() }
    }
}

impl Deploys {
    /// Nobody waits for them any more, so nobody would know that they run.
    fn forget_left(&mut self) {
        self.queue.retain(|waiting| !waiting.waiter.is_closed());
    }

    /// Whether a deploy is made, whose rollout has not begun.
    pub(super) fn is_making(&self) -> bool {
        self.making.as_ref().is_some_and(|making| matches!(making.work, Some(Work::Deploy(_))))
    }

    /// Ends the making of what a person has asked for, and says why: its builds are ended. That it has ended is told in time.
    pub(super) fn give_up(&mut self, why: Box<Problem>) -> Option<&mut Making> {
        let making = self.making.as_mut().filter(|making| making.work.is_some())?;
        making.refused.get_or_insert(why);
        making.given_up.cancel();
        Some(making)
    }

    /// Gives up what waits at this place, 1 is the next; says whether there was anything.
    pub(super) fn give_up_waiting(&mut self, place: u32, why: Box<Problem>) -> bool {
        self.forget_left();
        let index = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
        let waiting = index.and_then(|index| self.queue.remove(index));
        waiting.map(|waiting| waiting.waiter.send(Err(why))).is_some()
    }
}

impl Supervisor {
    /// Takes a deploy or a rollback in.
    pub(super) fn ask_for(&mut self, mut work: Work, waiter: Waiter) {
        self.deploys.forget_left();
        let refused = match (&work, self.phase) {
            (_, SystemPhase::Stopping) => Some(stopping()),
            (_, SystemPhase::Starting) => Some(not_running()),
            (Work::Deploy(deploy), _) if deploy.dry_run => return self.plan(deploy.clone(), waiter),
            _ if self.deploys.queue.len() >= QUEUE_MAX => Some(too_many()),
            _ => self.has_moved(&work).err(),
        };
        if let Some(problem) = refused {
            return drop(waiter.send(Err(problem)));
        }
        if let Work::Rollback(rollback) = &work
            && self.goes_back_to(rollback)
        {
            return self.tell_when_stored(when_stored(waiter));
        }
        let from = self.way_back_from();
        if self.takes_place(&mut work) {
            self.deploys.queue.push_front(Waiting { work, waiter, from });
            self.deploys.give_up(superseded());
            self.supersede();
        } else {
            self.deploys.queue.push_back(Waiting { work, waiter, from });
        }
    }

    /// Whether it takes the place of what is under way: a deploy that shall, and a rollback while a release is only made. The
    /// index moves by that alone.
    fn takes_place(&self, work: &mut Work) -> bool {
        match work {
            Work::Rollback(_) => self.deploys.is_making(),
            Work::Deploy(deploy) => {
                let supersedes = deploy.conflict == Conflict::Supersede;
                deploy.if_match.take_if(|_| supersedes);
                supersedes
            }
        }
    }

    /// Begins with the next one once nothing else is under way.
    pub(super) fn go_on_deploying(&mut self) {
        if self.stop.is_some() {
            return self.deploys.queue.drain(..).for_each(|waiting| drop(waiting.waiter.send(Err(stopping()))));
        }
        self.deploys.forget_left();
        if self.deploys.making.is_some() || self.deploys.queue.is_empty() || self.is_rolling_out() {
            return;
        }
        let Some(waiting) = self.deploys.queue.pop_front() else { return };
        match self.has_moved(&waiting.work).and_then(|()| self.is_about_what_runs(&waiting)) {
            Ok(()) => self.make(waiting.work, waiting.waiter),
            Err(problem) => drop(waiting.waiter.send(Err(problem))),
        }
    }

    /// Makes a release, until whoever asked for it has left, or another one takes its place.
    fn make(&mut self, work: Work, mut waiter: Waiter) {
        let Some(running) = self.running() else { return };
        let (mut preparer, given_up) = (self.preparer.clone(), self.builder.closing.child_token());
        preparer.builder.closing = given_up.clone();
        self.deploys.making = Some(Making::new(Some(work.clone()), given_up.clone()));
        self.beside("deploy", async move {
            let making = async {
                match &work {
                    Work::Deploy(deploy) => preparer.deploy(&deploy.services, &running).await,
                    Work::Rollback(rollback) => preparer.rollback(rollback, &running).await.map(Deployed::Release),
                }
            };
            pin!(making);
            let made = select! {
                made = &mut making => made,
                () = waiter.closed() => {
                    given_up.cancel();
                    making.await
                }
            };
            Input::Deployed(Box::new(Ended { made, waiter: Some(waiter) }))
        });
    }

    /// How many wait.
    pub(super) fn queued(&self) -> u32 {
        u32::try_from(self.deploys.queue.len()).unwrap_or(u32::MAX)
    }

    /// Refuses a deploy if the world is not as whoever asks for it has seen it.
    pub(super) fn has_moved(&self, work: &Work) -> Answer<()> {
        let index = self.releases.ledger().index();
        match work {
            Work::Deploy(Deploy { if_match: Some(seen), .. }) if *seen != index => Err(moved(*seen, index)),
            _ => Ok(()),
        }
    }

    /// Refuses a rollback that names no release if another one runs than the one that it was the way back from.
    fn is_about_what_runs(&self, waiting: &Waiting) -> Answer<()> {
        let running = self.release.as_ref().map(|release| release.number);
        match waiting.work {
            Work::Rollback(Rollback { to: None, .. }) if waiting.from != running => Err(overtaken(running)),
            _ => Ok(()),
        }
    }
}

/// Answers with the rollout once that is stored.
pub(super) fn when_stored(waiter: Waiter) -> rollout::Waiter {
    Box::new(|status| drop(waiter.send(status.map(|status| Outcome::Rollout(Box::new(status))))))
}

fn moved(seen: u64, index: u64) -> Box<Problem> {
    let title = "the system has changed since";
    let problem = Problem::new(409, "index-moved", title, "look at the plan again: `isles deploy --dry-run`");
    Box::new(problem.with_detail(format!("its index is {index}, not {seen}")))
}

fn overtaken(running: Option<u64>) -> Box<Problem> {
    let hint = "look at `isles releases`, and say which one: `isles rollback --to RELEASE`";
    let problem = Problem::new(409, "overtaken", "the release before is another one by now", hint);
    let running = running.map_or("no release".into(), |number| format!("release {number}"));
    Box::new(problem.with_detail(format!("{running} runs since")))
}

fn superseded() -> Box<Problem> {
    let hint = "see `isles rollout` for what is under way, and deploy again if this shall follow it";
    Box::new(Problem::new(409, "superseded", "something else took its place before its rollout began", hint))
}

fn too_many() -> Box<Problem> {
    let hint = "wait for the rollout to end: `isles rollout`";
    Box::new(Problem::new(429, "too-many-deploys", "too many deploys wait", hint))
}
