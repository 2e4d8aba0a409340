//! The system as a whole.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use model::{Problem, Reason, api::Accepted, status::SystemStatus};

use super::{
    Api, Refused,
    stream::{self, Objects},
};

/// The shortest time between two states of a watch.
const WATCH_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn status(State(api): State<Api>) -> Result<Json<SystemStatus>, Refused> {
    let status = api.system.status(true).await;
    status.map(Json).ok_or_else(|| Problem::of(Reason::ShuttingDown).into())
}

pub(super) async fn down(State(api): State<Api>) -> (StatusCode, Json<Accepted>) {
    api.system.down().await;
    (StatusCode::ACCEPTED, Json(Accepted {}))
}

pub(super) async fn watch(State(api): State<Api>) -> Response {
    let tasks = api.streams.clone();
    stream::respond(&tasks, |objects| feed(api, objects))
}

/// Sends the state now and after changes, and the one in which the supervisor ends.
async fn feed(api: Api, mut objects: Objects) {
    let mut changes = api.system.changes();
    loop {
        changes.mark_unchanged();
        let Some(status) = api.system.status(false).await else { break };
        if objects.send(&status).await.is_err() {
            return;
        }
        if changes.changed().await.is_err() {
            break;
        }
        tokio::time::sleep(WATCH_PAUSE).await;
    }
    if let Some(last) = api.system.last() {
        let _ = objects.send(&last).await;
    }
}
