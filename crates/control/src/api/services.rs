//! One service.

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
};
use model::{
    api::{Scale, Why},
    status::ServiceStatus,
};

use super::{Api, Refused, problem, service_name};

type Answer<T> = Result<Json<T>, Refused>;

pub(super) async fn status(State(api): State<Api>, Path(service): Path<String>) -> Answer<ServiceStatus> {
    Ok(Json(api.system.service(service_name(&service)?).await?))
}

pub(super) async fn why(State(api): State<Api>, Path(service): Path<String>) -> Answer<Why> {
    Ok(Json(api.system.why(service_name(&service)?).await?))
}

pub(super) async fn restart(State(api): State<Api>, Path(service): Path<String>) -> Answer<ServiceStatus> {
    Ok(Json(api.system.restart(service_name(&service)?).await?))
}

pub(super) async fn scale(
    State(api): State<Api>,
    Path(service): Path<String>,
    body: Result<Json<Scale>, JsonRejection>,
) -> Answer<ServiceStatus> {
    let Json(scale) = body.map_err(|error| {
        let mut problem = problem(422, "bad-body", "the body is not what this path takes", "send {\"replicas\": 2}");
        problem.detail = error.body_text();
        Refused(problem)
    })?;
    Ok(Json(api.system.scale(service_name(&service)?, scale.replicas).await?))
}
