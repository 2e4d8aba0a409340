//! The colours of phases.

use model::status::{InstancePhase, ServicePhase};

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

/// Whether a service in this phase will not come up without help.
pub(crate) fn is_stuck(phase: ServicePhase) -> bool {
    matches!(phase, ServicePhase::BuildFailed | ServicePhase::CrashLoop)
}
