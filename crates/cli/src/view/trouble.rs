//! Troubles: each is shown when it appears, once.

use std::collections::BTreeSet;

use model::{
    ServiceName,
    status::{ServicePhase, ServiceStatus, SystemStatus, Trouble},
};

use crate::{
    paint::{Paint, Style},
    text::clean,
    view::phase,
};

/// The cause, the log that shows it, and what to do.
pub(crate) fn render(whose: &str, trouble: &Trouble, paint: Paint) -> String {
    let mut text = format!("{} {whose}: {}\n", paint.apply(Style::Bad, "error:"), trouble.cause);
    for line in &trouble.log {
        text.push_str(&format!("  {} {}\n", paint.apply(Style::Dim, "|"), clean(line, paint.on)));
    }
    if !trouble.hint.is_empty() {
        text.push_str(&format!("{} {}\n", paint.apply(Style::Busy, "hint:"), trouble.hint));
    }
    text
}

/// What has been shown.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    system: bool,
    shown: BTreeSet<(ServiceName, String)>,
}

impl Troubles {
    /// The text of every trouble that is new. A service that recovers starts anew.
    pub(crate) fn news(&mut self, status: &SystemStatus, paint: Paint) -> String {
        let mut text = String::new();
        if let Some(trouble) = &status.problem
            && !std::mem::replace(&mut self.system, true)
        {
            text.push_str(&render(status.name.as_str(), trouble, paint));
        }
        for service in &status.services {
            text.push_str(&self.of_service(service, status.problem.as_ref(), paint));
        }
        text
    }

    fn of_service(&mut self, service: &ServiceStatus, whole: Option<&Trouble>, paint: Paint) -> String {
        if service.phase == ServicePhase::Healthy {
            self.shown.retain(|(name, _)| *name != service.name);
        }
        let stuck = phase::is_stuck(service.phase) || service.phase == ServicePhase::Unhealthy;
        // What ends the system was just said with the name of the service.
        let said = |trouble: &Trouble| whole.is_some_and(|whole| whole.cause.ends_with(&trouble.cause));
        match &service.problem {
            Some(trouble)
                if stuck && !said(trouble) && self.shown.insert((service.name.clone(), trouble.cause.clone())) =>
            {
                render(service.name.as_str(), trouble, paint)
            }
            _ => String::new(),
        }
    }
}
