//! Services as plain lines: `users  healthy 2/2`.

use model::status::{ServicePhase, ServiceStatus, SystemStatus};

use crate::{terminal::Terminal, text};

/// A line for each service that is not as it was, names aligned; all services if there was nothing before.
pub(crate) fn changes(before: Option<&SystemStatus>, after: &SystemStatus) -> String {
    let width = after.services.iter().map(|service| service.name.as_str().len()).max().unwrap_or(0);
    let was = |service: &ServiceStatus| {
        let old = before?.services.iter().find(|old| old.name == service.name)?;
        Some(state(old))
    };
    let changed = after.services.iter().filter(|service| was(service).as_ref() != Some(&state(service)));
    changed.map(|service| format!("{:<width$}  {}\n", service.name, state(service))).collect()
}

/// Prints a service as the result of a command.
pub(crate) fn result(terminal: &mut Terminal, service: &ServiceStatus, json: bool) -> anyhow::Result<()> {
    if json {
        return terminal.print_json(service);
    }
    Ok(terminal.print(&format!("{}  {}\n", service.name, state(service)))?)
}

fn state(service: &ServiceStatus) -> String {
    let word = text::word(&service.phase);
    match service.phase {
        ServicePhase::Waiting | ServicePhase::Building | ServicePhase::BuildFailed | ServicePhase::Stopped => word,
        ServicePhase::Asleep | ServicePhase::Stopping => word,
        _ => format!("{word} {}", super::replicas(service)),
    }
}
