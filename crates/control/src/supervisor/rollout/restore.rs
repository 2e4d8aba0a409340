//! Goes on with a rollout that an earlier platform process began.

use std::{collections::BTreeMap, sync::Arc};

use logic::{
    release::strategy_name,
    rollout::{Event, Machine},
    service,
};
use model::{
    Gather,
    api::{RolloutPhase, RolloutStatus},
    spec::Side,
    status::Trouble,
};
use ports::streams::StreamsError;

use super::{super::Supervisor, Rollout, RolloutRecord, Whole, status::over};
use crate::release::Release;

impl Supervisor {
    /// Takes a rollout up, before instances are adopted: so each of them finds the bundle of its slot. One that began from
    /// another release than the one that the system comes up with is of no use any more. If the system was not up, nothing ran.
    pub(in super::super) async fn take_up_rollout(&mut self, record: Option<RolloutRecord>, was_up: bool) {
        let Some(record) = record else { return };
        let whole = &record.whole;
        if self.releases.ledger().running() == Some(whole.to) && !self.releases.ledger().is_rolling_out() {
            // It had ended, all but this. It is looked at again at the next start, if it stays.
            let forgotten = self.records.forget_rollout().await;
            self.outcomes.promoted += u64::from(forgotten.is_ok());
            return;
        }
        let (from, to) = match self.releases_of(whole).await {
            Ok(both) => both,
            Err(why) => return self.give_rollout_up(&record, why).await,
        };
        let ledger = self.releases.ledger();
        if !ledger.is_rolling_out() && !ledger.is_coming_up() {
            // It was not written yet. The end of the rollout writes it down.
            self.releases.edit(|ledger| ledger.begins(whole.to));
        }
        // The instances that are still to start need those of their release.
        self.vault.take(self.config.secrets.given(&to.system));
        let snapshot = record.snapshot();
        let snapshot = if was_up { snapshot } else { snapshot.asked_anew(self.now()) };
        let machine = Machine::restore(snapshot, []);
        let routing = machine.routing();
        // All of it is stored once more: an earlier Isles may have done that otherwise.
        let rollout = Rollout::new(whole.number, (from, to), whole.began_at, machine, record.places());
        self.rollout = Some(Rollout {
            seq: whole.seq,
            migrated: whole.migrated.clone(),
            problem: whole.problem.clone(),
            ..rollout
        });
        self.add_services();
        // The first routing state of this process has it: else a pinned request could leave its release.
        self.share(routing);
        self.restore_slots();
        self.open_previews();
    }

    /// The two releases of a rollout, or why it cannot go on.
    async fn releases_of(&self, record: &Whole) -> Result<(Arc<Release>, Arc<Release>), String> {
        let from = match &self.release {
            None => return Err("the system was stopped meanwhile".into()),
            Some(running) if running.number != record.from => {
                return Err(format!(
                    "it began while release {} ran, and now that is release {}",
                    record.from, running.number
                ));
            }
            Some(from) => from.clone(),
        };
        let to = self.releases.read(record.to).await;
        Ok((from, to.map_err(|error| format!("its release cannot be read: {error}"))?))
    }

    /// The rollout is over where it stands.
    async fn give_rollout_up(&mut self, record: &RolloutRecord, why: String) {
        let &Whole { number, from, to, began_at, .. } = &record.whole;
        self.notices.insert(format!("the rollout of release {to} does not go on: {why}"));
        let snapshot = record.snapshot();
        let strategy = strategy_name(&snapshot.plan().strategy);
        let over = over(number, (from, to), strategy, RolloutPhase::RolledBack, self.now());
        let problem = Some(Trouble::new(why.clone(), "`isles deploy` begins anew"));
        let status = RolloutStatus { began_at, what: why, problem, ..over };
        if self.releases.ledger().is_rolling_out() {
            self.releases.edit(|ledger| ledger.went_back(&status.what));
        }
        // If one of these cannot be written, it is looked at again at the next start, and counted then.
        let forgotten = self.forget_given_up(&status).await;
        self.outcomes.rolled_back += u64::from(forgotten.is_ok());
        self.keep_ended(status);
    }

    async fn forget_given_up(&self, status: &RolloutStatus) -> Result<(), StreamsError> {
        self.records.put_last_rollout(status).await?;
        self.releases.clone().write().await?;
        self.records.forget_rollout().await
    }

    /// Every slot is asked for as it was, before anything starts in it. Those of old instances that have ended meanwhile are among
    /// the service's own until the end is remembered.
    fn restore_slots(&mut self) {
        let Some(rollout) = &self.rollout else { return };
        let members: BTreeMap<_, _> = rollout.machine.snapshot().members().gather();
        for (instance, slot) in rollout.places.clone() {
            let is_kept = members.get(&instance).copied();
            let wanted = is_kept.map(|_| self.wanted(&instance, slot));
            match wanted.filter(|_| is_kept == Some(true)) {
                Some(wanted) => self.tell(&instance.service, service::Event::Want(slot, wanted)),
                None if instance.side == Side::Old => self.tell(&instance.service, service::Event::Unwant(slot)),
                None => {}
            }
        }
    }

    /// What `isles up --resume` says of a rollout that began before the system came up.
    pub(in super::super) fn rollout_notice(&self) -> Option<String> {
        let is_older = |began_at| began_at < self.started_at && !self.config.resumed;
        if let Some(rollout) = self.rollout.as_ref().filter(|rollout| is_older(rollout.began_at)) {
            return Some(format!("the rollout of release {} goes on: see `isles rollout --watch`", rollout.to.number));
        }
        let ended = |last: &&RolloutStatus| is_older(last.began_at) && last.ended_at >= Some(self.started_at);
        let last = self.ended.back().filter(ended)?;
        let why = last.problem.as_ref().map(|problem| format!(": {}", problem.cause)).unwrap_or_default();
        Some(format!("the rollout of release {} went on and has ended: {}{why}", last.to, last.what))
    }

    /// Begins to go on.
    pub(in super::super) fn resume_rollout(&mut self) {
        let Some(rollout) = &mut self.rollout else { return };
        rollout.goes_on = true;
        // Only now can it be told what is not there any more.
        rollout.begun = rollout.places.keys().cloned().gather();
        let services = rollout.services();
        services.iter().for_each(|name| self.observe(name));
        self.tell_rollout(Event::Due);
    }
}
