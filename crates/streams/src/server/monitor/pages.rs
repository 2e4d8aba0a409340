//! What the pages say. Names of fields are those of the reference server; a field that means nothing here is left out.

use serde_json::{Value, json};

use crate::server::{
    config::PROTOCOL_VERSION,
    hub::{ClientReport, Report},
    worker::Worker,
};

/// The page of a path; `None` if there is none.
pub(super) fn page(worker: &Worker, path: &str) -> Option<String> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let hub = worker.hub.borrow();
    let report = hub.report();
    let value = match path {
        "/varz" => varz(&report, worker.now().since(report.started).as_secs()),
        "/connz" => {
            let connections: Vec<_> = hub.report_clients().map(|client| connection(&client)).collect();
            json!({
                "server_id": report.server_id,
                "num_connections": connections.len(),
                "total": connections.len(),
                "offset": 0,
                "limit": connections.len(),
                "connections": connections,
            })
        }
        "/subsz" => json!({ "num_subscriptions": report.subscriptions, "num_nodes": report.nodes }),
        "/healthz" => json!({ "status": if report.lame_duck { "stopping" } else { "ok" } }),
        _ => return None,
    };
    Some(value.to_string() + "\n")
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
        "max_connections": config.connections_max,
        "max_subscriptions": config.subscriptions_max,
        "max_payload": config.payload_bytes_max,
        "max_pending": config.pending_bytes_max,
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

fn connection(client: &ClientReport<'_>) -> Value {
    json!({
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
        "authorized_user": client.user,
    })
}
