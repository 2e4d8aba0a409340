//! Errors as a person and a script see them.

use std::time::Duration;

use client::ClientError;
use model::{Problem, format_duration};
use serde::Serialize;

use crate::{
    exit::ExitCode,
    paint::Style,
    project::Project,
    settings::Settings,
    terminal::{Terminal, WriteError},
    text::clean,
};

/// An error that a person can do something about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{cause}")]
pub struct UserError {
    /// How the command ends.
    #[serde(skip)]
    pub code: ExitCode,
    /// The stable reason code, where Isles gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is shown before the cause, whole lines.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// The cause in one line.
    #[serde(rename = "error")]
    pub cause: String,
    /// What to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

impl UserError {
    /// An error with this exit code.
    pub fn new(code: ExitCode, cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, reason: None, details: String::new(), cause: cause.into(), hint: hint.into() }
    }

    /// A wrong command line or manifest.
    pub fn usage(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, cause, hint)
    }

    /// Something that failed.
    pub fn failed(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ExitCode::Failed, cause, hint)
    }

    /// The system of a project does not run.
    pub fn not_running(project: Option<&Project>) -> Self {
        let what = project.map_or("the system".into(), Project::title);
        let up = project.map_or("isles up".into(), |project| project.command("up"));
        Self::new(ExitCode::NotRunning, format!("{what} is not running"), format!("start it with `{up}`"))
    }

    pub(crate) fn timed_out(limit: Duration, hint: &str) -> Self {
        Self::new(ExitCode::TimedOut, format!("not done after {}", format_duration(limit)), hint)
    }

    fn of_client(error: &ClientError, project: Option<&Project>) -> Self {
        let hint = match error {
            ClientError::NotRunning { .. } => return Self::not_running(project),
            ClientError::Api(problem) => return Self::of_problem(problem),
            ClientError::Denied { .. } => "the system belongs to another user: become that user",
            ClientError::Lost(_) => "try again; if it happens again, see `isles status`",
            ClientError::Protocol(_) => "use the version of isles that started the system",
            ClientError::Request(_) => "check the path, the method and the header fields",
        };
        let code = if matches!(error, ClientError::Denied { .. }) { ExitCode::Denied } else { ExitCode::Failed };
        Self::new(code, error.to_string(), hint)
    }

    fn of_problem(problem: &Problem) -> Self {
        let code = match (problem.status, problem.reason.as_str()) {
            (403, _) => ExitCode::Denied,
            (408 | 504, _) => ExitCode::TimedOut,
            // As a rollout that was aborted.
            (_, "aborted") => ExitCode::RolledBack,
            _ => ExitCode::Failed,
        };
        let said = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
        // What follows the first line is the log that shows it.
        let mut lines = said.lines();
        let cause = lines.next().unwrap_or_default();
        let details = lines.map(|line| format!("  | {}\n", clean(line, false))).collect();
        Self { reason: Some(problem.reason.clone()), details, ..Self::new(code, cause, &problem.hint) }
    }

    fn of(error: &anyhow::Error, settings: &Settings) -> Self {
        if let Some(error) = error.downcast_ref::<Self>() {
            return error.clone();
        }
        if let Some(error) = error.downcast_ref::<ClientError>() {
            return Self::of_client(error, settings.project().ok().as_ref());
        }
        Self::failed(format!("{error:#}"), "")
    }
}

/// Prints an error and says how the command ends. That nobody reads standard output any more is no error.
pub fn report(error: &anyhow::Error, settings: &Settings, terminal: &mut Terminal) -> ExitCode {
    if let Some(WriteError::Closed) = error.downcast_ref() {
        return ExitCode::Ok;
    }
    let error = UserError::of(error, settings);
    if settings.json {
        terminal.say(&(serde_json::to_string(&error).expect("an error is made of texts only") + "\n"));
    } else {
        let text = render(&error, terminal);
        terminal.say(&text);
    }
    error.code
}

fn render(error: &UserError, terminal: &Terminal) -> String {
    let paint = terminal.err.paint;
    let mut text = format!("{}{} {}\n", error.details, paint.apply(Style::Bad, "error:"), error.cause);
    if !error.hint.is_empty() {
        text.push_str(&format!("{} {}\n", paint.apply(Style::Busy, "hint:"), error.hint));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_a_problem_stands_above_its_cause() {
        let problem = Problem::new(422, "build-failed", "a service could not be built", "correct it");
        for (detail, details, cause) in [
            ("", "", "a service could not be built"),
            ("`users`: the build failed", "", "`users`: the build failed"),
            ("`users`: the build failed\none\n\u{1b}[2Jtwo", "  | one\n  | two\n", "`users`: the build failed"),
        ] {
            let error = UserError::of_problem(&Problem { detail: detail.into(), ..problem.clone() });
            assert_eq!((error.details.as_str(), error.cause.as_str()), (details, cause));
            assert_eq!((error.code, error.reason.as_deref()), (ExitCode::Failed, Some("build-failed")));
        }
        let aborted = Problem::new(409, "aborted", "a person has aborted it", "");
        assert_eq!(UserError::of_problem(&aborted).code, ExitCode::RolledBack);
    }
}
