//! The colours of phases.

use model::status::{InstancePhase, ServicePhase, ServiceStatus};

use crate::paint::Style;

/// The colour of a service's phase.
pub(crate) fn of_service(phase: ServicePhase) -> Style {
    match phase {
        ServicePhase::Healthy => Style::Good,
        ServicePhase::Building | ServicePhase::Starting => Style::Busy,
        ServicePhase::Degraded | ServicePhase::Stopping => Style::Worrying,
        ServicePhase::BuildFailed | ServicePhase::Unhealthy | ServicePhase::CrashLoop => Style::Bad,
        ServicePhase::Waiting | ServicePhase::Asleep | ServicePhase::Stopped => Style::Dim,
    }
}

/// The colour of an instance's phase.
pub(crate) fn of_instance(phase: InstancePhase) -> Style {
    match phase {
        InstancePhase::Healthy => Style::Good,
        InstancePhase::Starting => Style::Busy,
        InstancePhase::Draining | InstancePhase::Stopping => Style::Worrying,
        InstancePhase::Unhealthy | InstancePhase::Backoff => Style::Bad,
    }
}

/// Whether a service in this phase is as it shall be.
pub(crate) fn is_settled(phase: ServicePhase) -> bool {
    matches!(phase, ServicePhase::Healthy | ServicePhase::Asleep | ServicePhase::Stopped)
}

/// Whether something is wrong with a service, though it may be tried again. What becomes of one that is rolled out is for the rollout
/// to say.
pub(crate) fn is_failing(service: &ServiceStatus) -> bool {
    !service.rolling_out && (is_stuck(service.phase) || (service.problem.is_some() && !is_settled(service.phase)))
}

/// Whether a service in this phase will not come up without help.
pub(crate) fn is_stuck(phase: ServicePhase) -> bool {
    matches!(phase, ServicePhase::BuildFailed | ServicePhase::CrashLoop)
}
