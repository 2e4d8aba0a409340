//! `protocol`: what a service speaks, and what a connection that carries bytes cannot have.

use model::spec::Protocol;

use crate::{
    keys::POLICY,
    read::Cx,
    report::Span,
    table::{At, Entry, Table},
};

const WORDS: [(&str, Protocol); 3] = [("http", Protocol::Http), ("http2", Protocol::Http2), ("tcp", Protocol::Tcp)];

/// Names that people know for one of them.
const OTHERS: [(&str, &str); 11] = [
    ("grpc", "write \"http2\": gRPC runs on it"),
    ("h2", "write \"http2\""),
    ("h2c", "write \"http2\""),
    ("http/2", "write \"http2\""),
    ("http1", "write \"http\""),
    ("http/1.1", "write \"http\""),
    ("http1.1", "write \"http\""),
    ("ws", "write \"http\": a WebSocket begins as a request"),
    ("websocket", "write \"http\": a WebSocket begins as a request"),
    ("https", "write \"http\": on one machine services speak in the clear"),
    ("http3", "write \"http2\" or \"http\""),
];

/// What makes sense for bytes; the other keys of a policy are about requests.
const BYTES: [&str; 11] = [
    "timeout",
    "connect_timeout",
    "balance",
    "slow_start",
    "panic_percent",
    "queue",
    "in_flight_max",
    "rate",
    "breaker",
    "outlier",
    "access_log",
];
/// The same of `limits`.
const BYTES_LIMITS: [&str; 2] = ["upstream_connections", "client_connections"];

/// What the service of an entry of `[services]` speaks, if it says so rightly.
pub(crate) fn peek(service: &Entry) -> Option<At<Protocol>> {
    let (_, value) = service.value.as_table()?.get_key_value("protocol")?;
    let (_, protocol) = WORDS.iter().find(|(word, _)| value.get_ref().as_str() == Some(word))?;
    Some(At { value: *protocol, span: value.span() })
}

/// What a service speaks.
pub(crate) fn of_service<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> Protocol {
    let word = table.get("protocol").and_then(|entry| cx.text(&entry, "\"http2\""));
    word.and_then(|word| choose(cx, &word)).unwrap_or_default()
}

fn choose(cx: &mut Cx, word: &At<&str>) -> Option<Protocol> {
    let lower = word.value.to_ascii_lowercase();
    if let Some((_, hint)) = OTHERS.iter().find(|(other, _)| *other == lower) {
        cx.report.error(&word.span, format!("there is no protocol `{}`", word.value)).hint(*hint);
        return None;
    }
    cx.choice(word, "protocol", &WORDS)
}

/// What a connection to the callee carries, and where that is said: what the callee speaks, or bytes.
pub(crate) fn of_connection<'a>(cx: &mut Cx<'a>, table: &Table<'a>, callee: &str) -> (Protocol, Option<Span>) {
    let spoken = cx.protocols.get(callee).cloned();
    let inherited = (spoken.as_ref().map(|at| at.value).unwrap_or_default(), spoken.map(|at| at.span));
    let Some(entry) = table.get("protocol") else { return inherited };
    let word = cx.text(&entry, "\"tcp\"");
    match word.and_then(|word| choose(cx, &word)) {
        Some(Protocol::Tcp) => (Protocol::Tcp, Some(entry.span)),
        Some(_) => {
            let finding = cx.report.error(&entry.span, "a connection speaks what its callee speaks");
            finding
                .hint(format!("set `protocol` in `[services.{callee}]`; only \"tcp\" can be written here, for bytes"));
            inherited
        }
        None => inherited,
    }
}

/// Reports every key that is about requests, where bytes are carried. `place` says that they are.
pub(crate) fn only_bytes(cx: &mut Cx, table: &Table, place: Option<&Span>) {
    for entry in table.entries().iter().filter(|entry| POLICY.contains(&entry.key)) {
        match (entry.key, entry.value.as_table()) {
            ("limits", Some(limits)) => {
                let limits = Table::new(String::new(), entry.key_span.clone(), limits).entries();
                let others = limits.iter().filter(|limit| !BYTES_LIMITS.contains(&limit.key));
                others.for_each(|limit| refuse(cx, limit, place));
            }
            ("balance", Some(balance)) => {
                let balance = Table::new(String::new(), entry.key_span.clone(), balance);
                balance.get("hash").iter().for_each(|hash| refuse(cx, hash, place));
            }
            (key, _) if BYTES.contains(&key) => {}
            _ => refuse(cx, entry, place),
        }
    }
}

/// Reports `hedge` where the callee speaks HTTP/2: its streams are not raced.
pub(crate) fn no_hedge(cx: &mut Cx, table: &Table, place: Option<&Span>) {
    let Some(entry) = table.get("hedge").filter(|entry| entry.value.as_bool() == Some(true)) else { return };
    let finding = cx.report.error(&entry.key_span, "`hedge` is for callees that speak HTTP/1.1");
    finding.hint("remove it: calls over HTTP/2 are not sent twice");
    if let Some(place) = place {
        finding.label(place, "HTTP/2");
    }
}

/// Reports a key that is about requests.
pub(crate) fn refuse(cx: &mut Cx, entry: &Entry, place: Option<&Span>) {
    let message = format!("`{}` is about requests, and `protocol = \"tcp\"` carries bytes", entry.key);
    let finding = cx.report.error(&entry.key_span, message);
    finding.hint("remove it, or speak \"http\" or \"http2\"");
    if let Some(place) = place {
        finding.label(place, "bytes");
    }
}
