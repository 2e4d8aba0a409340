//! What Prometheus sees of the system beside its status.

use model::{Gather, figures::SystemFigures};

use super::{Supervisor, service::ServiceState};

impl Supervisor {
    pub(super) fn figures(&self) -> SystemFigures {
        let sleepers = self.services.iter().filter(|(_, service)| may_sleep(service));
        SystemFigures {
            release: self.release.as_ref().map(|release| release.number),
            rollout: self.rollout_phase(),
            rollouts: self.outcomes,
            cold_starts: sleepers.map(|(name, service)| (name.clone(), service.cold_starts.figures().clone())).gather(),
        }
    }
}

/// A series without a value yet tells that nothing has happened: so it is there from the beginning.
fn may_sleep(service: &ServiceState) -> bool {
    service.spec.scaling.as_ref().is_some_and(|scaling| scaling.min == 0)
}
