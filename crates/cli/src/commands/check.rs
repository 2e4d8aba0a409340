use manifest::{Diagnostic, Parsed, Severity};
use model::spec::System;
use serde::Serialize;

use crate::{Context, exit::ExitCode, text::count};

#[derive(Serialize)]
struct Checked<'a> {
    manifest: &'a str,
    ok: bool,
    diagnostics: &'a [Diagnostic],
}

pub(crate) fn run(context: Context<'_>) -> anyhow::Result<ExitCode> {
    let project = context.settings.project()?;
    let (name, text) = (project.shown(), project.text()?);
    let Parsed { system, diagnostics } = project.parse(&text);
    if context.settings.json {
        context.terminal.print_json(&Checked { manifest: &name, ok: system.is_some(), diagnostics: &diagnostics })?;
    } else {
        let paint = context.terminal.out.paint;
        context.terminal.print(&manifest::render(&name, &text, &diagnostics, paint.on))?;
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
        Some(system) => vec![
            count(system.services.len(), "service"),
            count(system.services.values().map(|service| service.calls.len()).sum(), "connection"),
            count(system.services.values().filter(|service| service.store.is_some()).count(), "store"),
        ],
    };
    if warnings > 0 {
        parts.push(count(warnings, "warning"));
    }
    parts.join(", ")
}
