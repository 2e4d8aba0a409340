//! The figures of connections.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use model::{ServiceName, api::ConnectionQuery, figures::ConnectionFigures};

use super::{Api, Refused, bad_query, service_name};

pub(super) async fn list(
    State(api): State<Api>,
    query: Result<Query<ConnectionQuery>, QueryRejection>,
) -> Result<Json<Vec<ConnectionFigures>>, Refused> {
    let Query(query) = query.map_err(|error| bad_query(&error))?;
    let service: Option<ServiceName> = query.service.as_deref().map(service_name).transpose()?;
    if let Some(service) = &service {
        api.system.service(service.clone()).await?;
    }
    let mut figures = api.traffic.connections();
    figures.retain(|figures| service.as_ref().is_none_or(|service| figures.is_of(service)));
    Ok(Json(figures))
}
