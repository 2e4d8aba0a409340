use manifest::{Diagnostic, Parsed, Severity};
use model::spec::{Service, System};
use serde::Serialize;

use super::pinned::{self, Second};
use crate::{Context, exit::ExitCode, text::count};

#[derive(Serialize)]
struct Checked<'a> {
    manifest: &'a str,
    ok: bool,
    diagnostics: &'a [Diagnostic],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    second_sets: Vec<Second<'a>>,
}

pub(crate) fn run(context: Context<'_>) -> anyhow::Result<ExitCode> {
    let project = context.settings.project()?;
    let (name, text) = (project.shown(), project.text()?);
    let Parsed { system, diagnostics } = project.parse(&text);
    let pinned = system.as_ref().filter(|system| system.pinned);
    let second_sets = pinned.map(pinned::second_sets).transpose()?;
    if context.settings.json {
        let ok = system.is_some();
        let second_sets = second_sets.unwrap_or_default();
        context.terminal.print_json(&Checked { manifest: &name, ok, diagnostics: &diagnostics, second_sets })?;
    } else {
        let paint = context.terminal.out.paint;
        context.terminal.print(&manifest::render(&name, &text, &diagnostics, paint.on))?;
        context.terminal.print(&second_sets.map(|sets| pinned::render(&sets, paint)).unwrap_or_default())?;
        context.terminal.say(&format!("{name}: {}\n", summary(system.as_ref(), &diagnostics)));
    }
    Ok(if system.is_some() { ExitCode::Ok } else { ExitCode::Failed })
}

/// `2 errors, 1 warning`, or what the manifest declares.
pub(crate) fn summary(system: Option<&System>, diagnostics: &[Diagnostic]) -> String {
    let number = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let warnings = number(Severity::Warning);
    let mut parts = match system {
        None => vec![count(number(Severity::Error), "error")],
        Some(system) => declared(system),
    };
    if warnings > 0 {
        parts.push(count(warnings, "warning"));
    }
    parts.join(", ")
}

/// Services, connections and stores; topics, buckets and object stores where there are any.
fn declared(system: &System) -> Vec<String> {
    let of_all = |number: fn(&Service) -> usize| system.services.values().map(number).sum();
    let always = [
        (system.services.len(), "service"),
        (of_all(|service| service.calls.len()), "connection"),
        (of_all(|service| usize::from(service.store.is_some())), "store"),
    ];
    let perhaps = [
        (system.topics.len(), "topic"),
        (of_all(|service| service.buckets.len()), "bucket"),
        (of_all(|service| service.objects.len()), "object store"),
    ];
    let all = always.into_iter().chain(perhaps.into_iter().filter(|(number, _)| *number > 0));
    all.map(|(number, noun)| count(number, noun)).collect()
}
