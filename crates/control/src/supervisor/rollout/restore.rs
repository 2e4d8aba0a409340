//! Goes on with a rollout that an earlier platform process began.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use logic::{
    release::strategy_name,
    rollout::{Event, Machine},
    service,
};
use model::{
    api::{RolloutPhase, RolloutStatus},
    spec::Side,
    status::Trouble,
};

use super::{super::Supervisor, Rollout, RolloutRecord, status::over};
use crate::release::Release;

impl Supervisor {
    /// Takes a rollout up, before instances are adopted: so each of them finds the bundle of its slot. One that began from
    /// another release than the one that the system comes up with is of no use any more.
    pub(in super::super) async fn take_up_rollout(&mut self, record: Option<RolloutRecord>) {
        let Some(record) = record else { return };
        if self.releases.ledger().running() == Some(record.to) && !self.releases.ledger().is_rolling_out() {
            // It had ended, all but this. It is looked at again at the next start, if it stays.
            return drop(self.records.forget_rollout().await);
        }
        let (from, to) = match self.releases_of(&record).await {
            Ok(both) => both,
            Err(why) => return self.give_rollout_up(&record, why).await,
        };
        let ledger = self.releases.ledger();
        if !ledger.is_rolling_out() && !ledger.is_coming_up() {
            // It was not written yet. The end of the rollout writes it down.
            self.releases.edit(|ledger| ledger.begins(record.to));
        }
        self.take_up_secrets(&to);
        self.allow_messages(&to);
        let machine = Machine::restore(record.snapshot.clone(), []);
        let routing = machine.routing();
        self.rollout = Some(Rollout {
            number: record.number,
            from,
            to,
            began_at: record.began_at,
            machine,
            begun: BTreeSet::new(),
            places: record.places.clone(),
            told: BTreeMap::new(),
            ends: BTreeMap::new(),
            confirming: BTreeSet::new(),
            seq: record.seq,
            migrated: record.migrated.clone(),
            migrating: None,
            judging: None,
            problem: record.problem.clone(),
            waiting: Vec::new(),
            waiters: Vec::new(),
            stored: Some(record),
            is_storing: false,
            gateway_is_new: None,
            held: Vec::new(),
        });
        self.add_services();
        // The first routing state of this process has it: else a pinned request could leave its release.
        self.share(routing);
        self.restore_slots();
        self.open_previews();
    }

    /// The two releases of a rollout, or why it cannot go on.
    async fn releases_of(&self, record: &RolloutRecord) -> Result<(Arc<Release>, Arc<Release>), String> {
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
        self.notices.insert(format!("the rollout of release {} does not go on: {why}", record.to));
        let strategy = strategy_name(&record.snapshot.plan().strategy);
        let over = over(record.number, (record.from, record.to), strategy, RolloutPhase::RolledBack, self.now());
        let problem = Some(Trouble::new(why.clone(), "`isles deploy` begins anew"));
        let status = RolloutStatus { began_at: record.began_at, what: why, problem, ..over };
        // If one of these cannot be written, it is looked at again at the next start.
        let _ = self.records.put_last_rollout(&status).await;
        let _ = self.records.forget_rollout().await;
        self.keep_ended(status);
    }

    /// The instances that are still to start need the secrets of their release.
    fn take_up_secrets(&mut self, to: &Release) {
        match self.config.secrets.read(&to.system) {
            Ok(secrets) => self.vault.take(secrets),
            Err(Trouble { cause, hint, .. }) => {
                self.notices.insert(format!("the secrets of release {} cannot be read: {cause}; {hint}", to.number));
            }
        }
    }

    /// Every slot is asked for as it was, before anything starts in it. Those of old instances that have ended meanwhile are among
    /// the service's own until the end is remembered.
    fn restore_slots(&mut self) {
        let Some(rollout) = &self.rollout else { return };
        let members: BTreeMap<_, _> = rollout.machine.snapshot().members().collect();
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

    /// Begins to go on.
    pub(in super::super) fn resume_rollout(&mut self) {
        let Some(rollout) = &mut self.rollout else { return };
        // Only now can it be told what is not there any more.
        rollout.begun = rollout.places.keys().cloned().collect();
        let services = rollout.services();
        services.iter().for_each(|name| self.observe(name));
        self.tell_rollout(Event::Due);
    }
}
