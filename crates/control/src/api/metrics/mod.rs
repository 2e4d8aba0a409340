//! The figures as Prometheus reads them. The values of labels are names of the manifest, reason codes and slots: never
//! a host, a path or a header field of a request, with which anyone could fill the memory (CVE-2025-43915).

mod connections;
mod entries;
mod instances;
mod text;
mod tls;
mod topics;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use model::{
    Problem, Reason,
    api::TopicStatus,
    figures::{ConnectionFigures, TlsFigures},
    status::SystemStatus,
};

use super::{Api, Refused};

pub(super) async fn metrics(State(api): State<Api>) -> Result<Response, Refused> {
    let status = api.system.status(true).await.ok_or_else(|| Problem::of(Reason::ShuttingDown))?;
    let topics = match &api.messaging() {
        // What the server of messages does not tell leaves the others as they are.
        Some(messaging) => messaging.statuses().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let clients = (api.traffic.clients(), api.traffic.tls_figures());
    let text = render(&status, clients, &api.traffic.connections(), &topics);
    Ok(([(header::CONTENT_TYPE, text::CONTENT_TYPE)], text).into_response())
}

fn render(
    status: &SystemStatus,
    (clients, tls): (u32, Option<TlsFigures>),
    figures: &[ConnectionFigures],
    topics: &[TopicStatus],
) -> String {
    let families =
        instances::families(status).into_iter().chain([entries::clients(clients)]).chain(tls.map(tls::family));
    let families = families.chain([entries::family(&status.entries)]).chain(connections::families(figures));
    families.chain(topics::families(topics)).map(text::Family::finish).collect()
}

#[cfg(test)]
mod tests;
