//! How a rollout ended.

use model::{
    Timestamp,
    api::{RolloutPhase, RolloutStatus},
};

use crate::{
    exit::ExitCode,
    paint::{Paint, Style},
    report::UserError,
    text,
};

/// The sentence of a rollout that was promoted, or the error of one that was taken back; `None` while it lasts.
pub(super) fn end(status: &RolloutStatus, paint: Paint) -> Option<Result<String, UserError>> {
    let ended_at = status.ended_at?;
    Some(match status.phase {
        RolloutPhase::RolledBack => Err(taken_back(status, paint)),
        _ => Ok(promoted(status, ended_at)),
    })
}

fn promoted(status: &RolloutStatus, ended_at: Timestamp) -> String {
    let again = if status.to < status.from { " again" } else { "" };
    format!("release {} runs{again}, after {}\n", status.to, text::age(ended_at.since(status.began_at)))
}

fn taken_back(status: &RolloutStatus, paint: Paint) -> UserError {
    let (to, from) = (status.to, status.from);
    let Some(trouble) = &status.problem else {
        return UserError::new(ExitCode::RolledBack, format!("release {to} was taken back, release {from} runs"), "");
    };
    let bar = paint.apply(Style::Dim, "|");
    let log = trouble.log.iter().map(|line| format!("  {bar} {}\n", text::clean(line, paint.on)));
    let cause = format!("release {to} was taken back, release {from} runs: {}", trouble.cause);
    UserError { details: log.collect(), ..UserError::new(ExitCode::RolledBack, cause, &trouble.hint) }
}

/// The error of a rollout that another one followed before its end was seen.
pub(super) fn superseded(to: u64) -> UserError {
    let cause = format!("another rollout has taken the place of release {to}");
    UserError::new(ExitCode::RolledBack, cause, "see `isles releases`, and `isles rollout` for the other one")
}
