//! The rollout: where it stands, and what persons say to it.

use std::time::Duration;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use logic::rollout::Command;
use model::api::{AbortQuery, RolloutQuery, RolloutStatus};

use super::{
    Api, Refused, bad_query,
    stream::{self, Objects},
};

/// The shortest time between two states of a watch.
const WATCH_PAUSE: Duration = Duration::from_millis(100);
/// The longest one: figures change though nothing else does.
const WATCH_PAUSE_MAX: Duration = Duration::from_secs(1);

type Answer = Result<Json<RolloutStatus>, Refused>;

pub(super) async fn status(State(api): State<Api>) -> Answer {
    Ok(Json(api.system.rollout().await?))
}

pub(super) async fn promote(State(api): State<Api>) -> Answer {
    Ok(Json(api.system.say(Command::Promote).await?))
}

pub(super) async fn pause(State(api): State<Api>) -> Answer {
    Ok(Json(api.system.say(Command::Pause).await?))
}

pub(super) async fn resume(State(api): State<Api>) -> Answer {
    Ok(Json(api.system.say(Command::Resume).await?))
}

pub(super) async fn abort(
    State(api): State<Api>,
    query: Result<Query<AbortQuery>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(AbortQuery { queued }) = query.map_err(|error| bad_query(&error))?;
    Ok(match api.system.abort(queued).await? {
        Some(status) => Json(status).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

pub(super) async fn watch(
    State(api): State<Api>,
    query: Result<Query<RolloutQuery>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(RolloutQuery { number }) = query.map_err(|error| bad_query(&error))?;
    let first = match number {
        Some(number) => api.system.rollout_of(number).await?,
        None => api.system.rollout().await?,
    };
    let tasks = api.streams.clone();
    Ok(stream::respond(&tasks, |objects| feed(api, first, objects)))
}

/// Sends the state now, after changes and every second, until that rollout has ended.
async fn feed(api: Api, mut status: RolloutStatus, mut objects: Objects) {
    let number = status.number;
    let mut changes = api.system.changes();
    while objects.send(&status).await.is_ok() && status.ended_at.is_none() {
        tokio::time::sleep(WATCH_PAUSE).await;
        if let Ok(Err(_)) = tokio::time::timeout(WATCH_PAUSE_MAX, changes.changed()).await {
            return;
        }
        let Ok(next) = api.system.rollout_of(number).await else { return };
        status = next;
    }
}
