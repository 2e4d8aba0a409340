//! `[streams]`: what keeps topics, buckets and object stores.

use model::NatsUrl;

use crate::{
    keys::STREAMS,
    read::Cx,
    table::{Entry, Table},
};

const ENGINES: [(&str, bool); 2] = [("embedded", false), ("nats", true)];
/// What a stream of a NATS server cannot say: for its consumers, which say it themselves, and of the server's disk.
const MISSING: [(&str, &str); 4] = [
    ("max_deliver", CONSUMERS),
    ("backoff", CONSUMERS),
    ("dead_letter", CONSUMERS),
    ("durability", "remove it: the server's own `sync_interval` decides for all of its streams"),
];
const CONSUMERS: &str = "remove it and say it where the consumer is made, or use the engine \"embedded\"";

/// The NATS server that keeps them, if it is not the journal of this node.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, root: &Table<'a>) -> Option<NatsUrl> {
    let table = root.get("streams").and_then(|entry| cx.table(&entry, "streams".into()))?;
    table.check_keys(cx, &STREAMS);
    let engine = table.get("engine").and_then(|entry| cx.text(&entry, "\"embedded\""));
    let is_nats = engine.and_then(|engine| cx.choice(&engine, "engine of streams", &ENGINES)).unwrap_or(false);
    match table.get("url") {
        Some(entry) if is_nats => {
            check_topics(cx, root);
            url(cx, &entry)
        }
        Some(entry) => {
            let hint = "write `engine = \"nats\"` beside it, or remove it";
            cx.report.error(&entry.key_span, "`url` without a NATS server").hint(hint);
            None
        }
        None if is_nats => {
            let finding = cx.report.error(&table.span, "the NATS server has no URL");
            finding.hint("add `url = \"nats://127.0.0.1:4222\"`").absence();
            None
        }
        None => None,
    }
}

fn url<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<NatsUrl> {
    let text = cx.text(entry, "\"nats://127.0.0.1:4222\"")?;
    let url = text.value.parse();
    if url.is_err() {
        let finding = cx.report.error(&text.span, "this is not the URL of a NATS server");
        finding.hint("write one such as \"nats://127.0.0.1:4222\", with `tls://` or a user and a password where it asks for them");
    }
    url.ok()
}

fn check_topics<'a>(cx: &mut Cx<'a>, root: &Table<'a>) {
    let topics = root.get("topics").and_then(|entry| entry.value.as_table()).into_iter().flatten();
    let settings = topics.filter_map(|(_, topic)| topic.get_ref().as_table()).flatten();
    for (key, value) in settings {
        let is_off = value.get_ref().as_bool() == Some(false) || value.get_ref().as_str() == Some("none");
        let missing = MISSING.iter().find(|(name, _)| *name == key.get_ref().as_ref());
        if let Some((name, hint)) = missing.filter(|(name, _)| !is_off || *name == "durability") {
            cx.report.error(&key.span(), format!("a topic of a NATS server has no `{name}`")).hint(*hint);
        }
    }
}
