//! Releases: deploys, rollbacks, and what there is.

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use model::{
    Problem,
    api::{Deploy, Release, ReleaseDiff, Rollback},
};

use super::{Api, Refused, bad_body};
use crate::{
    release::{Failed, ReleaseError},
    supervisor::{Outcome, Work},
};

pub(super) async fn deploy(
    State(api): State<Api>,
    body: Result<Json<Deploy>, JsonRejection>,
) -> Result<Response, Refused> {
    let Json(deploy) = body.map_err(|error| bad_body(&error, "send {} or {\"services\": [\"orders\"]}"))?;
    Ok(answer(api.system.change(Work::Deploy(deploy)).await?))
}

pub(super) async fn roll_back(
    State(api): State<Api>,
    body: Result<Json<Rollback>, JsonRejection>,
) -> Result<Response, Refused> {
    let Json(rollback) = body.map_err(|error| bad_body(&error, "send {} or {\"to\": 3}"))?;
    Ok(answer(api.system.change(Work::Rollback(rollback)).await?))
}

pub(super) async fn list(State(api): State<Api>) -> Json<Vec<Release>> {
    Json(api.releases.list().await)
}

pub(super) async fn diff(
    State(api): State<Api>,
    Path((from, to)): Path<(String, String)>,
) -> Result<Json<ReleaseDiff>, Refused> {
    let (from, to) = (number(&from)?, number(&to)?);
    Ok(Json(api.releases.diff(from, to).await.map_err(refused)?))
}

fn answer(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Plan(plan) => Json(plan).into_response(),
        Outcome::Rollout(status) => (StatusCode::ACCEPTED, Json(*status)).into_response(),
    }
}

fn number(text: &str) -> Result<u64, Refused> {
    let wrong = || Problem::new(400, "bad-number", "this is not a release's number", "see `isles releases`");
    text.parse().map_err(|_| wrong().into())
}

fn refused(error: ReleaseError) -> Refused {
    Box::<Problem>::from(Failed::from(error)).into()
}
