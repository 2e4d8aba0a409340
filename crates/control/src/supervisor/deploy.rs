//! What becomes of deploys and rollbacks, and the release that the system comes up with.

use std::{collections::BTreeSet, sync::Arc};

use logic::release::{Counts, Ledger};
use model::{
    Problem, Slot,
    api::Deploy,
    spec::{Side, System},
    status::{SystemPhase, Trouble},
};
use ports::{messages::Messages, streams::StreamsError};

use super::{
    Supervisor,
    act::remembered,
    input::Input,
    queue::{Making, Outcome, Waiter, Work, when_stored},
    request::stopping,
    rollout::{Rollout, RolloutRecord},
    service::Build,
};
use crate::release::{Deployed, Failed, Prepared, Release, Running};

/// How the making of a release ended.
pub(crate) struct Ended {
    pub(super) made: Result<Deployed, Failed>,
    /// Who waits for it; nobody while the system comes up.
    pub(super) waiter: Option<Waiter>,
}

impl Supervisor {
    /// The system that runs, or comes up.
    pub(super) fn system(&self) -> &System {
        self.release.as_ref().map_or(&self.config.system, |release| &release.system)
    }

    /// Notes that the system comes up, unless it was up already. A rollout that goes on is noted as it was.
    pub(super) async fn remember_coming_up(&self, rollout: Option<&RolloutRecord>) -> Result<(), StreamsError> {
        let written = match self.release.as_ref().map(|release| release.number) {
            Some(_) if self.config.resumed => return Ok(()),
            Some(from) => {
                let to = rollout.filter(|rollout| rollout.whole.from == from).map(|rollout| rollout.whole.to);
                self.releases.change(|ledger| match to {
                    Some(to) => ledger.begins(to),
                    None => ledger.comes_up_with(from, BTreeSet::new()),
                })
            }
            None => self.releases.change(Ledger::comes_up),
        };
        written.await
    }

    /// Begins to make the first release, or to make sure that the recorded one is whole.
    pub(super) fn begin(&mut self) {
        let preparer = self.preparer.clone();
        let recorded = self.release.clone();
        let coming = self.rollout.as_ref().map(Rollout::coming);
        for service in self.services.values_mut().filter(|_| recorded.is_none()) {
            service.build = Build::Running;
        }
        self.deploys.making = Some(Making::new(None, preparer.builder.closing.clone()));
        self.beside("deploy", async move {
            let prepared = match recorded {
                Some(release) => preparer.again(release, coming).await,
                None => preparer.first().await,
            };
            Input::Deployed(Box::new(Ended { made: prepared.map(Deployed::Release), waiter: None }))
        });
    }

    pub(super) fn deployed(&mut self, ended: Ended) {
        let making = self.deploys.making.take();
        let Ended { made, waiter: Some(waiter) } = ended else { return self.first_deployed(ended.made) };
        if let Some(Making { refused: Some(problem), aborters, .. }) = making {
            self.given_up(&made, &problem.title);
            let _ = waiter.send(Err(problem));
            return aborters.into_iter().for_each(|aborter| drop(aborter.send(Ok(None))));
        }
        let answer = match made {
            Err(failed) => Err(failed.into()),
            Ok(Deployed::Nothing(plan)) => Ok(Outcome::Plan(plan)),
            Ok(Deployed::Release(_)) if self.stop.is_some() => Err(stopping()),
            Ok(Deployed::Release(_)) if waiter.is_closed() => return,
            Ok(Deployed::Release(prepared)) => match self.roll_out(prepared) {
                Ok(()) => return self.tell_when_stored(when_stored(waiter)),
                Err(problem) => Err(problem),
            },
        };
        let _ = waiter.send(answer);
    }

    /// A release may have been stored already that will not be rolled out, in words why.
    fn given_up(&self, made: &Result<Deployed, Failed>, why: &str) {
        let Ok(Deployed::Release(Prepared { release, .. })) = made else { return };
        let written = self.releases.change(|ledger| ledger.given_up(release.number, why));
        self.beside("remember", async move { remembered(written.await) });
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
                self.take_up(release);
                self.resume_rollout();
            }
            Ok(Deployed::Nothing(_)) => {}
            Err(failed) => self.cannot_start(failed),
        }
    }

    fn cannot_start(&mut self, failed: Failed) {
        if let Some(name) = &failed.service {
            return self.cannot_come_up(name, failed.trouble);
        }
        let Trouble { cause, hint, .. } = &failed.trouble;
        if self.phase == SystemPhase::Running {
            self.notices.insert(format!("the release that runs is not whole: {cause}; {hint}"));
        } else if self.stop.is_none() {
            let cause = format!("the system cannot come up: {cause}");
            self.problem = Some(Trouble { cause, ..failed.trouble });
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

    /// The server of messages knows from now on which release a slot is of; one that still ends stays what it was.
    pub(super) fn admit_to_messages(&self, slot: &Slot) {
        if let (Some(server), (Some(release), _)) = (self.message_server(), self.release_of(slot)) {
            server.admit(slot, release.number, &release.system);
        }
    }

    pub(super) fn message_server(&self) -> Option<&Arc<dyn Messages>> {
        self.engines.messages.as_ref()?.server.as_ref()
    }

    /// This release runs: all slots that are of no other one are of it.
    fn take_up(&mut self, release: Arc<Release>) {
        self.release = Some(release);
        self.routing.slots_with_messages().for_each(|slot| self.admit_to_messages(slot));
    }

    /// The rollout to this release is over, and it serves alone. The end of the rollout writes it down.
    pub(super) fn release_runs(&mut self, release: Arc<Release>) {
        self.spec.send_replace(release.system.clone());
        self.releases.edit(|ledger| ledger.runs(release.number));
        self.take_up(release);
    }

    /// The rollout that was under way went back, in words why. The end of the rollout writes it down.
    pub(super) fn release_went_back(&mut self, why: &str) {
        self.releases.edit(|ledger| ledger.went_back(why));
    }

    /// A rollout that the ledger knows of was not recorded any more: it never began.
    pub(super) async fn forget_unbegun(&self) -> Result<(), StreamsError> {
        if self.is_rolling_out() || !self.releases.ledger().is_rolling_out() {
            return Ok(());
        }
        self.releases.change(|ledger| ledger.went_back("the platform ended before its rollout began")).await
    }

    pub(super) fn plan(&self, deploy: Deploy, waiter: Waiter) {
        let Some(running) = self.running() else { return drop(waiter.send(Err(not_running()))) };
        if let Err(problem) = self.has_moved(&Work::Deploy(deploy.clone())) {
            return drop(waiter.send(Err(problem)));
        }
        let (preparer, index) = (self.preparer.clone(), self.releases.ledger().index());
        self.beside("plan", async move {
            let plan = preparer.plan(&deploy.services, &running, index).await;
            let _ = waiter.send(plan.map(Outcome::Plan).map_err(Into::into));
            Input::Nothing
        });
    }

    pub(super) fn running(&self) -> Option<Running> {
        Some(Running { release: self.release.clone()?, counts: self.instance_counts() })
    }

    /// How many instances each service has of the release that runs: what a rollout adds or takes meanwhile does not count.
    pub(super) fn instance_counts(&self) -> Counts {
        let own = self.services.iter().map(|(name, service)| (name.clone(), service.own_count()));
        own.chain(self.rollout.iter().flat_map(|rollout| rollout.counts(Side::Old))).collect()
    }

    /// The release that a rollback is the way back from if it is asked for now.
    pub(super) fn way_back_from(&self) -> Option<u64> {
        let rolled_out = self.rollout.as_ref().map(Rollout::way_back_from);
        rolled_out.or_else(|| self.release.as_ref().map(|release| release.number))
    }

    /// A person's number of instances: plans made before are old.
    pub(super) fn touch_index(&self) {
        let written = self.releases.change(|ledger| ledger.touch());
        self.beside("remember", async move { remembered(written.await) });
    }
}

pub(super) fn not_running() -> Box<Problem> {
    let hint = "wait until every service has been healthy: `isles status`";
    Box::new(Problem::new(409, "not-running", "the system is still coming up", hint))
}
