//! Deploys and rollbacks, one after the other, and the release that the system comes up with.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use model::{
    Problem,
    api::{Conflict, Deploy, DeployPlan, Rollback, RolloutStatus},
    spec::System,
    status::{SystemPhase, Trouble},
};
use ports::streams::StreamsError;
use tokio::sync::oneshot;

use super::{
    Supervisor,
    act::remembered,
    input::Input,
    request::{Answer, stopping},
    rollout,
    service::Build,
};
use crate::release::{Deployed, Failed, Prepared, Release, Running};

/// Deploys that may wait.
const QUEUE_MAX: usize = 16;

/// What waits, and whether a release is being made.
#[derive(Default)]
pub(super) struct Deploys {
    queue: VecDeque<(Work, Waiter)>,
    busy: bool,
    /// Whether another one takes the place of the one that is made.
    is_superseded: bool,
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

impl Deploys {
    /// Nobody waits for them any more, so nobody would know that they run.
    fn forget_left(&mut self) {
        self.queue.retain(|(_, waiter)| !waiter.is_closed());
    }
}

type Waiter = oneshot::Sender<Answer<Outcome>>;

/// How the making of a release ended.
pub(crate) struct Ended {
    made: Result<Deployed, Failed>,
    /// Who waits for it; nobody while the system comes up.
    waiter: Option<Waiter>,
}

impl Supervisor {
    /// The system that runs, or comes up.
    pub(super) fn system(&self) -> &System {
        self.release.as_ref().map_or(&self.config.system, |release| &release.system)
    }

    /// Notes that the system comes up, unless it was up already.
    pub(super) async fn remember_coming_up(&self) -> Result<(), StreamsError> {
        match &self.release {
            Some(_) if self.config.resumed => Ok(()),
            Some(release) => self.releases.change(|ledger| ledger.comes_up_with(release.number, BTreeSet::new())).await,
            None => self.releases.change(|ledger| ledger.comes_up()).await,
        }
    }

    /// Begins to make the first release, or to make sure that the recorded one is whole.
    pub(super) fn begin(&mut self) {
        let preparer = self.preparer.clone();
        let recorded = self.release.clone();
        for service in self.services.values_mut().filter(|_| recorded.is_none()) {
            service.build = Build::Running;
        }
        self.deploys.busy = true;
        self.beside("deploy", async move {
            let prepared = match recorded {
                Some(release) => preparer.again(release).await,
                None => preparer.first().await,
            };
            Input::Deployed(Box::new(Ended { made: prepared.map(Deployed::Release), waiter: None }))
        });
    }

    /// Takes a deploy or a rollback in.
    pub(super) fn ask_for(&mut self, work: Work, waiter: Waiter) {
        self.deploys.forget_left();
        let refused = match (&work, self.phase) {
            (_, SystemPhase::Stopping) => Some(stopping()),
            (_, SystemPhase::Starting) => Some(not_running()),
            (Work::Deploy(deploy), _) if deploy.dry_run => return self.plan(deploy.clone(), waiter),
            _ if self.deploys.queue.len() >= QUEUE_MAX => Some(too_many()),
            _ => None,
        };
        if let Some(problem) = refused {
            return drop(waiter.send(Err(problem)));
        }
        let supersedes = matches!(&work, Work::Deploy(deploy) if deploy.conflict == Conflict::Supersede);
        if let Work::Rollback(rollback) = &work
            && self.goes_back_to(rollback)
        {
            return self.tell_when_stored(when_stored(waiter));
        }
        if supersedes {
            self.deploys.queue.push_front((work, waiter));
            self.deploys.is_superseded = self.deploys.busy;
            self.supersede();
        } else {
            self.deploys.queue.push_back((work, waiter));
        }
    }

    /// Begins with the next one once nothing else is under way.
    pub(super) fn go_on_deploying(&mut self) {
        if self.stop.is_some() {
            return self.deploys.queue.drain(..).for_each(|(_, waiter)| drop(waiter.send(Err(stopping()))));
        }
        self.deploys.forget_left();
        if self.deploys.busy || self.deploys.queue.is_empty() || self.is_rolling_out() {
            return;
        }
        let Some(running) = self.running() else { return };
        let Some((work, waiter)) = self.deploys.queue.pop_front() else { return };
        if let Err(problem) = self.matches(&work) {
            return drop(waiter.send(Err(problem)));
        }
        (self.deploys.busy, self.deploys.is_superseded) = (true, false);
        let preparer = self.preparer.clone();
        self.beside("deploy", async move {
            let made = match &work {
                Work::Deploy(deploy) => preparer.deploy(&deploy.services, &running).await,
                Work::Rollback(rollback) => preparer.rollback(rollback, &running).await.map(Deployed::Release),
            };
            Input::Deployed(Box::new(Ended { made, waiter: Some(waiter) }))
        });
    }

    /// How many wait.
    pub(super) fn queued(&self) -> u32 {
        u32::try_from(self.deploys.queue.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn deployed(&mut self, ended: Ended) {
        self.deploys.busy = false;
        let Ended { made, waiter: Some(waiter) } = ended else { return self.first_deployed(ended.made) };
        let answer = match made {
            Err(failed) => Err(failed.into()),
            Ok(Deployed::Nothing(plan)) => Ok(Outcome::Plan(plan)),
            Ok(Deployed::Release(_)) if self.stop.is_some() => Err(stopping()),
            Ok(Deployed::Release(_)) if self.deploys.is_superseded => Err(superseded()),
            Ok(Deployed::Release(_)) if waiter.is_closed() => return,
            Ok(Deployed::Release(prepared)) => match self.roll_out(prepared) {
                Ok(()) => return self.tell_when_stored(when_stored(waiter)),
                Err(problem) => Err(problem),
            },
        };
        let _ = waiter.send(answer);
    }

    /// The system can start, or cannot come up.
    fn first_deployed(&mut self, made: Result<Deployed, Failed>) {
        match made {
            // It runs already, and by now another one may.
            Ok(Deployed::Release(_)) if self.config.resumed && self.config.recorded.is_some() => {}
            Ok(Deployed::Release(Prepared { release, secrets, .. })) => {
                self.vault.take(secrets);
                for (name, bundle) in &release.bundles {
                    if let Some(service) = self.services.get_mut(name) {
                        service.build = Build::Done(bundle.clone());
                    }
                }
                self.release = Some(release);
            }
            Ok(Deployed::Nothing(_)) => {}
            Err(failed) => self.cannot_start(failed),
        }
    }

    fn cannot_start(&mut self, failed: Failed) {
        if let Some(name) = &failed.service {
            return self.cannot_come_up(name, failed.trouble);
        }
        let Trouble { cause, hint, log } = failed.trouble;
        if self.phase == SystemPhase::Running {
            self.notices.insert(format!("the release that runs is not whole: {cause}; {hint}"));
        } else if self.stop.is_none() {
            self.problem = Some(Trouble { cause: format!("the system cannot come up: {cause}"), hint, log });
            self.begin_stop(1);
        }
    }

    /// Every service has been healthy: the release runs.
    pub(super) fn came_up(&self) {
        let Some(number) = self.release.as_ref().map(|release| release.number) else { return };
        if self.releases.ledger().running() == Some(number) && !self.releases.ledger().is_coming_up() {
            return;
        }
        let written = self.releases.change(|ledger| ledger.runs(number));
        self.beside("remember", async move { remembered(written.await) });
    }

    /// What services may do with messages from now on. What runs still keeps what it had.
    pub(super) fn allow_messages(&self, release: &Release) {
        if let Some(messages) = self.engines.messages.as_ref().and_then(|streams| streams.server.as_ref()) {
            messages.allow(&release.system);
        }
    }

    /// The rollout to this release is over, and it serves alone. The end of the rollout writes it down.
    pub(super) fn release_runs(&mut self, release: Arc<Release>) {
        self.spec.send_replace(release.system.clone());
        self.releases.edit(|ledger| ledger.runs(release.number));
        self.release = Some(release);
    }

    /// The rollout that was under way went back, in words why. The end of the rollout writes it down.
    pub(super) fn release_went_back(&mut self, why: &str) {
        if let Some(release) = self.release.clone() {
            self.allow_messages(&release);
        }
        self.releases.edit(|ledger| ledger.went_back(why));
    }

    /// A rollout that the ledger knows of was not recorded any more: it never began.
    pub(super) async fn forget_unbegun(&self) -> Result<(), StreamsError> {
        if self.is_rolling_out() || !self.releases.ledger().is_rolling_out() {
            return Ok(());
        }
        self.releases.change(|ledger| ledger.went_back("the platform ended before its rollout began")).await
    }

    fn plan(&self, deploy: Deploy, waiter: Waiter) {
        let Some(running) = self.running() else { return drop(waiter.send(Err(not_running()))) };
        if let Err(problem) = self.matches(&Work::Deploy(deploy.clone())) {
            return drop(waiter.send(Err(problem)));
        }
        let (preparer, index) = (self.preparer.clone(), self.releases.ledger().index());
        self.beside("plan", async move {
            let plan = preparer.plan(&deploy.services, &running, index).await;
            let _ = waiter.send(plan.map(Outcome::Plan).map_err(Into::into));
            Input::Nothing
        });
    }

    fn running(&self) -> Option<Running> {
        let counts = self.services.iter().map(|(name, service)| (name.clone(), service.machine.wanted()));
        Some(Running { release: self.release.clone()?, counts: counts.collect() })
    }

    /// Whether the world is as whoever asks has seen it.
    fn matches(&self, work: &Work) -> Answer<()> {
        let index = self.releases.ledger().index();
        match work {
            Work::Deploy(Deploy { if_match: Some(seen), .. }) if *seen != index => Err(moved(*seen, index)),
            _ => Ok(()),
        }
    }

    /// A person's number of instances: plans made before are old.
    pub(super) fn touch_index(&self) {
        let written = self.releases.change(|ledger| ledger.touch());
        self.beside("remember", async move { remembered(written.await) });
    }
}

fn when_stored(waiter: Waiter) -> rollout::Waiter {
    Box::new(|status| drop(waiter.send(status.map(|status| Outcome::Rollout(Box::new(status))))))
}

fn moved(seen: u64, index: u64) -> Box<Problem> {
    let title = "the system has changed since";
    let problem = Problem::new(409, "index-moved", title, "look at the plan again: `isles deploy --dry-run`");
    Box::new(Problem { detail: format!("its index is {index}, not {seen}"), ..problem })
}

fn not_running() -> Box<Problem> {
    let hint = "wait until every service has been healthy: `isles status`";
    Box::new(Problem::new(409, "not-running", "the system is still coming up", hint))
}

fn superseded() -> Box<Problem> {
    let hint = "see `isles rollout` for what is under way, and deploy again if this shall follow it";
    Box::new(Problem::new(409, "superseded", "another deploy took its place before its rollout began", hint))
}

fn too_many() -> Box<Problem> {
    let hint = "wait for the rollout to end: `isles rollout`";
    Box::new(Problem::new(429, "too-many-deploys", "too many deploys wait", hint))
}
