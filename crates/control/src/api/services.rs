//! One service.

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
};
use model::{
    api::{Scale, Why},
    status::ServiceStatus,
};

use super::{Api, Refused, bad_body, service_name};
use crate::{denied, findings::dead_letters};

type Answer<T> = Result<Json<T>, Refused>;

pub(super) async fn status(State(api): State<Api>, Path(service): Path<String>) -> Answer<ServiceStatus> {
    Ok(Json(api.system.service(service_name(&service)?).await?))
}

pub(super) async fn why(State(api): State<Api>, Path(service): Path<String>) -> Answer<Why> {
    let mut why = api.system.why(service_name(&service)?).await?;
    if let Some(messaging) = &api.messaging() {
        let topics = messaging.topics_of(&why.service.name).await.unwrap_or_default();
        let found = dead_letters(&why.service.name, &topics).into_iter();
        let denied = denied::findings(&why.service.name, &messaging.denials());
        why.findings.splice(0..0, found.chain(denied));
    }
    Ok(Json(why))
}

pub(super) async fn restart(State(api): State<Api>, Path(service): Path<String>) -> Answer<ServiceStatus> {
    Ok(Json(api.system.restart(service_name(&service)?).await?))
}

pub(super) async fn scale(
    State(api): State<Api>,
    Path(service): Path<String>,
    body: Result<Json<Scale>, JsonRejection>,
) -> Answer<ServiceStatus> {
    let Json(scale) =
        body.map_err(|error| bad_body(&error, "send {\"replicas\": 2}, or {} to follow the load again"))?;
    Ok(Json(api.system.scale(service_name(&service)?, scale.replicas).await?))
}
