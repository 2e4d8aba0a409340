//! The figures as Prometheus reads them. The values of labels are names of the manifest, reason codes and slots: never
//! a host, a path or a header field of a request, with which anyone could fill the memory (CVE-2025-43915).

mod cold_starts;
mod connections;
mod entries;
mod instances;
mod rollouts;
mod text;
mod tls;
mod topics;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use model::{
    Denial, Problem, Reason,
    api::TopicStatus,
    figures::{ConnectionFigures, SystemFigures, TlsFigures},
    status::SystemStatus,
};

use super::{Api, Refused};

pub(super) async fn metrics(State(api): State<Api>) -> Result<Response, Refused> {
    let ended = || Problem::of(Reason::ShuttingDown);
    let status = api.system.status(true).await.ok_or_else(ended)?;
    let system = api.system.figures().await.ok_or_else(ended)?;
    let (topics, denials) = match &api.messaging() {
        // What the server of messages does not tell leaves the others as they are.
        Some(messaging) => (messaging.statuses().await.unwrap_or_default(), messaging.denials()),
        None => Default::default(),
    };
    let clients = (api.traffic.clients(), api.traffic.tls_figures());
    let text = render(&status, &system, clients, &api.traffic.connections(), (&topics, &denials));
    Ok(([(header::CONTENT_TYPE, text::CONTENT_TYPE)], text).into_response())
}

fn render(
    status: &SystemStatus,
    system: &SystemFigures,
    (clients, tls): (u32, Option<TlsFigures>),
    figures: &[ConnectionFigures],
    (topics, denials): (&[TopicStatus], &[Denial]),
) -> String {
    let families = instances::families(status).into_iter().chain(rollouts::families(system));
    let families = families.chain([cold_starts::family(&system.cold_starts), entries::clients(clients)]);
    let families = families.chain(tls.map(tls::family)).chain([entries::family(&status.entries)]);
    let families = families.chain(connections::families(figures)).chain(topics::families(topics));
    let families = families.chain([topics::denied(denials)]);
    families.map(text::Family::finish).collect()
}

#[cfg(test)]
mod tests;
