//! How a rollout ended.

use model::{
    Timestamp,
    api::{Release, ReleaseState, RolloutPhase, RolloutStatus},
};

use crate::{exit::ExitCode, paint::Paint, report::UserError, text, view::trouble};

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
        return rolled_back(format!("release {to} was taken back, release {from} runs"), "");
    };
    let cause = format!("release {to} was taken back, release {from} runs: {}", trouble.cause);
    UserError { details: trouble::evidence(trouble, paint), ..rolled_back(cause, &trouble.hint) }
}

fn rolled_back(cause: String, hint: &str) -> UserError {
    UserError { reason: Some("rolled-back".into()), ..UserError::new(ExitCode::RolledBack, cause, hint) }
}

/// The same of a rollout between these releases, as far as they tell. One that went back to `to` has taken `from` back.
pub(super) fn unseen(from: u64, to: u64, releases: &[Release]) -> Result<String, UserError> {
    let find = |number| releases.iter().find(|release| release.number == number);
    let has_gone_back = find(from).is_some_and(|from| from.state == ReleaseState::RolledBack);
    match find(to).map(|release| (release.state, release.reason.as_deref())) {
        Some((ReleaseState::RolledBack, reason)) => {
            let cause = format!("release {to} was taken back: {}", reason.unwrap_or("another one has taken its place"));
            Err(rolled_back(cause, "see `isles releases`"))
        }
        Some((ReleaseState::Running | ReleaseState::Retired, _)) if from < to || has_gone_back => {
            Ok(format!("release {to} runs, and another rollout has begun\n"))
        }
        Some((ReleaseState::Running | ReleaseState::Retired, _)) => {
            let cause = format!("release {to} does not run again: another rollout has taken its place");
            Err(rolled_back(cause, "see `isles releases`"))
        }
        Some((ReleaseState::Stored | ReleaseState::RollingOut, _)) | None => {
            let cause = format!("nobody has seen how the rollout of release {to} ended, and another one has begun");
            Err(UserError::failed(cause, "see `isles releases`"))
        }
    }
}
