//! Troubles: each is shown when it appears, once.

use std::{collections::BTreeSet, time::Duration};

use model::{
    ServiceName, format_duration,
    status::{FailedCheck, ServicePhase, ServiceStatus, SystemStatus, Trouble},
};

use crate::{
    paint::{Paint, Style},
    text::clean,
    view::{phase, repeated},
};

/// The cause, what shows it, and what to do.
pub(crate) fn render(whose: &str, trouble: &Trouble, paint: Paint) -> String {
    let mut text = format!("{} {whose}: {}\n", paint.apply(Style::Bad, "error:"), trouble.cause);
    text.push_str(&evidence(trouble, paint));
    if !trouble.hint.is_empty() {
        text.push_str(&format!("{} {}\n", paint.apply(Style::Busy, "hint:"), trouble.hint));
    }
    text
}

/// The health checks that failed and the last lines of the log, behind a bar; of lines that repeat, one.
pub(crate) fn evidence(trouble: &Trouble, paint: Paint) -> String {
    let bar = paint.apply(Style::Dim, "|");
    let checks = trouble.checks.iter().flat_map(check).map(|line| clean(&line, paint.on));
    let log = repeated::runs(&trouble.log).map(|(line, count)| clean(line, paint.on) + &times(count, paint));
    checks.chain(log).map(|line| format!("  {bar} {line}\n")).collect()
}

fn times(count: usize, paint: Paint) -> String {
    if count == 1 { String::new() } else { paint.apply(Style::Dim, &format!(" ({count} times)")) }
}

fn check(failed: &FailedCheck) -> Vec<String> {
    let [first, last] = [failed.first_ms, failed.last_ms].map(|ms| format_duration(Duration::from_millis(ms)));
    let when = if failed.count == 1 { first } else { format!("{first} to {last}, {} times", failed.count) };
    let answer = failed.answer.iter().map(|line| format!("  {line}"));
    std::iter::once(format!("check after {when}: {}", failed.asked)).chain(answer).collect()
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
