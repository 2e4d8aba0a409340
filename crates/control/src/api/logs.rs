//! Log lines.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use model::{Timestamp, api::LogQuery};
use ports::logs::LogSelection;

use super::{
    Api, Refused, bad_query, service_name,
    stream::{self, Objects},
};

pub(super) async fn read(
    State(api): State<Api>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(query) = query.map_err(|error| bad_query(&error))?;
    let selection = select(query)?;
    let known = api.system.status(false).await;
    for service in &selection.services {
        if known.as_ref().is_some_and(|status| status.services.iter().all(|known| known.name != *service)) {
            api.system.service(service.clone()).await?;
        }
    }
    let tasks = api.streams.clone();
    Ok(stream::respond(&tasks, |objects| feed(api, selection, objects)))
}

fn select(query: LogQuery) -> Result<LogSelection, Refused> {
    let names = query.services.split(',').filter(|name| !name.is_empty());
    Ok(LogSelection {
        services: names.map(service_name).collect::<Result<_, _>>()?,
        since: query.since.map(Timestamp),
        tail: query.tail.map(|lines| lines as usize),
        follow: query.follow,
    })
}

async fn feed(api: Api, selection: LogSelection, mut objects: Objects) {
    let mut lines = api.logs.read(selection).await;
    loop {
        let line = tokio::select! {
            biased;
            line = lines.recv() => line,
            () = api.closing.cancelled() => None,
        };
        let Some(line) = line else { return };
        if objects.send(&line).await.is_err() {
            return;
        }
    }
}
