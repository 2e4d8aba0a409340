//! From one release to the next: instances are restarted with it, one by one.

use std::sync::Arc;

use logic::service::Event;
use model::{
    Timestamp,
    api::{Change, RolloutPhase, RolloutStatus},
};

use super::{Supervisor, request::Answer, service::Build};
use crate::release::{Release, Way, view};

impl Supervisor {
    pub(super) fn is_rolling_out(&self) -> bool {
        false
    }

    pub(super) fn supersede(&mut self) {}

    pub(super) fn roll_out(&mut self, to: Arc<Release>, _: Way) -> Answer<RolloutStatus> {
        let Some(from) = self.release.clone() else { return Err(super::request::stopping()) };
        for difference in logic::release::compare(&view(&from), &view(&to)) {
            let (name, bundle) = (&difference.service, to.bundles.get(&difference.service));
            if let Some((service, bundle)) = self.services.get_mut(name).zip(bundle) {
                service.spec = bundle.spec.clone();
                service.build = Build::Done(bundle.clone());
                if difference.change == Change::Replaced {
                    self.tell(name, Event::Restart);
                }
            }
        }
        self.release_runs(to.clone());
        Ok(RolloutStatus {
            number: to.number,
            from: from.number,
            to: to.number,
            strategy: "rolling".into(),
            phase: RolloutPhase::Promoted,
            what: String::new(),
            paused: false,
            step: None,
            weight_percent: None,
            began_at: Timestamp(0),
            ended_at: None,
            deadline_at: None,
            services: Vec::new(),
            problem: None,
            preview: Default::default(),
            queued: self.queued(),
        })
    }
}
