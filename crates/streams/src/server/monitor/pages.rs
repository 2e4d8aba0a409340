//! What the pages say. Names of fields are those of the reference server; a field that means nothing here is left out.

use serde_json::{Value, json};

use super::Query;
use crate::server::{
    config::PROTOCOL_VERSION,
    hub::{ClientReport, Hub, Report},
    worker::Worker,
};

/// How many connections one page tells of.
const CONNECTIONS_MAX: usize = 1024;
/// The pages, and the parameters of each.
const PAGES: &[(&str, &[&str])] = &[
    ("/varz", &[]),
    ("/connz", &["limit", "offset", "subs", "cid"]),
    ("/subsz", &[]),
    ("/jsz", &["streams", "config", "limit", "offset"]),
    ("/healthz", &["js-enabled-only"]),
];

/// An answer: the status of HTTP, and the body.
pub(super) enum Page {
    /// 200, or 503 if what it tells of is not well.
    Json(Value, bool),
    /// 404.
    Missing,
    /// 400: there is no such parameter.
    Parameter(String),
}

/// The page of a path.
pub(super) fn page(worker: &Worker, path: &str, query: &str) -> Page {
    let query = Query(query);
    let Some((_, parameters)) = PAGES.iter().find(|(page, _)| *page == path) else { return Page::Missing };
    if let Some(unknown) = query.unknown(parameters) {
        return Page::Parameter(unknown.into());
    }
    let hub = worker.hub.borrow();
    let report = hub.report();
    match path {
        "/varz" => Page::Json(varz(&report, worker.now().since(report.started).as_secs()), true),
        "/connz" => Page::Json(connz(&hub, &report, &query), true),
        "/subsz" => Page::Json(json!({ "num_subscriptions": report.subscriptions, "num_nodes": report.nodes }), true),
        "/jsz" => Page::Json(jsz(&hub, &report, &query), true),
        _ => health(&hub, &report, &query),
    }
}

fn jsz(hub: &Hub, report: &Report<'_>, query: &Query<'_>) -> Value {
    let mut page = hub.report_service("/jsz", query).unwrap_or_else(|| json!({ "disabled": true }));
    page["server_id"] = report.server_id.into();
    page
}

fn health(hub: &Hub, report: &Report<'_>, query: &Query<'_>) -> Page {
    let unavailable = |error: &str| json!({ "status": "unavailable", "status_code": 503, "error": error });
    if report.lame_duck {
        return Page::Json(unavailable("the server is in lame duck mode"), false);
    }
    let page = hub.report_service("/healthz", query).unwrap_or_else(|| {
        if query.is_true("js-enabled-only") {
            unavailable("JetStream is not enabled")
        } else {
            json!({ "status": "ok" })
        }
    });
    let is_well = page["status"] == "ok";
    Page::Json(page, is_well)
}

fn varz(report: &Report<'_>, uptime_s: u64) -> Value {
    let (config, counts) = (report.config, report.counts);
    json!({
        "server_id": report.server_id,
        "server_name": config.server_name,
        "version": PROTOCOL_VERSION,
        "git_commit": concat!("isles-", env!("CARGO_PKG_VERSION")),
        "proto": 1,
        "host": config.host,
        "port": config.port,
        "auth_required": config.auth.is_required(),
        "tls_required": config.tls.as_ref().is_some_and(|tls| !tls.is_optional),
        "tls_verify": config.tls.as_ref().is_some_and(|tls| tls.verify),
        "max_connections": config.connections_max,
        "max_subscriptions": config.subscriptions_max,
        "max_payload": config.payload_bytes_max,
        "max_pending": config.pending_bytes_max,
        "max_control_line": config.line_bytes_max,
        "ping_interval": config.ping_interval.as_nanos(),
        "ping_max": config.pings_out_max,
        "write_deadline": config.write_deadline.as_nanos(),
        "auth_timeout": config.auth_timeout.as_secs_f64(),
        "uptime": format!("{uptime_s}s"),
        "connections": report.connections,
        "total_connections": report.total_connections,
        "subscriptions": report.subscriptions,
        "in_msgs": counts.in_messages,
        "in_bytes": counts.in_bytes,
        "out_msgs": counts.out_messages,
        "out_bytes": counts.out_bytes,
        "slow_consumers": report.slow_consumers,
    })
}

fn connz(hub: &Hub, report: &Report<'_>, query: &Query<'_>) -> Value {
    let (offset, limit) = query.range(CONNECTIONS_MAX);
    let cid: Option<u64> = query.get("cid").and_then(|cid| cid.parse().ok());
    let wanted = |client: &ClientReport<'_>| cid.is_none_or(|cid| cid == client.cid);
    let chosen = hub.report_clients(query.is_true("subs")).filter(wanted).skip(offset).take(limit);
    let connections: Vec<_> = chosen.map(|client| connection(&client)).collect();
    json!({
        "server_id": report.server_id,
        "num_connections": connections.len(),
        "total": report.connections,
        "offset": offset,
        "limit": limit,
        "connections": connections,
    })
}

fn connection(client: &ClientReport<'_>) -> Value {
    let mut connection = json!({
        "cid": client.cid,
        "ip": client.peer.map(|peer| peer.ip().to_string()),
        "port": client.peer.map(|peer| peer.port()),
        "start_us": client.opened.0,
        "last_activity_us": client.heard.0,
        "pending_bytes": client.pending_bytes,
        "subscriptions": client.subscriptions,
        "in_msgs": client.counts.in_messages,
        "in_bytes": client.counts.in_bytes,
        "out_msgs": client.counts.out_messages,
        "out_bytes": client.counts.out_bytes,
        "name": client.name,
        "lang": client.lang,
        "version": client.version,
        "tls_required": client.tls,
        "authorized_user": client.user,
    });
    if !client.filters.is_empty() {
        let filters = client.filters.iter().map(|filter| String::from_utf8_lossy(filter));
        connection["subscriptions_list"] = filters.collect();
    }
    connection
}
