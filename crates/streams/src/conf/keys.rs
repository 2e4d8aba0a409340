//! The keys of the file.

use super::{
    Settings,
    error::ConfError,
    value::{Entry, Item},
    {access, jetstream, tls},
};

/// Keys of nats-server for what is not here, and what to do instead.
const ABSENT: &[(&str, &str)] = &[
    ("cluster", "one server is all there is; use a cluster of nats-server where one machine is not enough"),
    ("gateway", "there are no clusters to connect; leave it out"),
    ("leafnodes", "there are no leaf nodes; leave it out"),
    ("leaf", "there are no leaf nodes; leave it out"),
    ("websocket", "connect over TCP; leave it out"),
    ("mqtt", "connect with NATS; leave it out"),
    ("accounts", "there is one account; list users with permissions in `authorization`"),
    ("system_account", "there is one account; leave it out"),
    ("no_auth_user", "who gives no user is refused; leave it out"),
    ("operator", "there are no JWTs; list users in `authorization`"),
    ("trusted_keys", "there are no JWTs; list users in `authorization`"),
    ("resolver", "there are no JWTs; list users in `authorization`"),
    ("https", "the monitoring speaks HTTP; use `http` on a local address"),
    ("https_port", "the monitoring speaks HTTP; use `http_port` on a local address"),
    ("debug", "what happens is in the log and the monitoring; leave it out"),
    ("trace", "what happens is in the log and the monitoring; leave it out"),
];

pub(super) fn settings(entries: Vec<Entry>) -> Result<Settings, ConfError> {
    let mut settings = Settings::default();
    let mut http = None;
    for entry in entries {
        let Entry { key, item, is_variable } = entry;
        match key.to_ascii_lowercase().as_str() {
            "listen" => {
                let (host, port) = item.address()?;
                settings.host = host.unwrap_or(settings.host);
                settings.port = port;
            }
            "host" | "net" | "addr" => settings.host = item.host()?,
            "port" => settings.port = item.port()?,
            "http" | "monitor" => http = Some(item.address()?),
            "http_port" | "monitor_port" => http = Some((None, item.port()?)),
            "authorization" => access::authorization(item, &mut settings.server)?,
            "tls" => settings.tls = Some(tls::tls(item)?),
            "allow_non_tls" => settings.tls_optional(&item)?,
            "jetstream" => settings.jetstream = jetstream::jetstream(item)?,
            "log_file" | "logfile" => settings.log_file = Some(item.text()?.into()),
            "pid_file" | "pidfile" => settings.pid_file = Some(item.text()?.into()),
            key => match limit(key, &item, &mut settings) {
                Some(done) => done?,
                None if is_variable => {}
                None => return Err(unknown(key, &item)),
            },
        }
    }
    settings.monitor = http.map(|(host, port)| (host.unwrap_or(settings.host), port));
    Ok(settings)
}

/// Keys with one number or text; `None` if it is none of them.
fn limit(key: &str, item: &Item, settings: &mut Settings) -> Option<Result<(), ConfError>> {
    let server = &mut settings.server;
    Some(match key {
        "server_name" => item.text().map(|name| server.server_name = name.into()),
        "max_payload" => item.number().map(|bytes| server.payload_bytes_max = bytes),
        "max_connections" | "max_conn" => item.bound(None).map(|count| server.connections_max = count),
        "max_subscriptions" | "max_subs" => item.bound(Some(0)).map(|count| server.subscriptions_max = count),
        "max_pending" => item.number().map(|bytes| server.pending_bytes_max = bytes),
        "max_control_line" => item.number().map(|bytes| server.line_bytes_max = bytes),
        "ping_interval" => item.duration().map(|time| server.ping_interval = time),
        "ping_max" => item.number().map(|count| server.pings_out_max = count),
        "write_deadline" => item.duration().map(|time| server.write_deadline = time),
        "lame_duck_duration" => item.duration().map(|time| server.lame_duck = time),
        "lame_duck_grace_period" => item.duration().map(|time| server.lame_duck_grace = time),
        _ => return None,
    })
}

/// That a key means nothing here.
pub(super) fn unknown(key: &str, item: &Item) -> ConfError {
    match ABSENT.iter().find(|(absent, _)| *absent == key) {
        Some((_, hint)) => item.refuse("that is not supported", *hint),
        None => item.refuse("there is no such key", "docs/nats.md lists the keys"),
    }
}
