//! `[streams]`: what keeps topics, buckets and object stores.

use std::path::{Path, PathBuf};

use model::{
    Login, NatsUrl,
    spec::{NO_RIGHTS, Nats},
};

use crate::{
    FileKind,
    keys::STREAMS,
    paths,
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

/// The keys that say something of a NATS server.
const OF_NATS: [&str; 3] = ["url", "ca", "users"];

/// Whether it names the certificates of a server, rightly or not.
pub(crate) fn names_ca(root: &Table) -> bool {
    root.get("streams").and_then(|entry| entry.value.as_table()).is_some_and(|table| table.contains_key("ca"))
}

/// The NATS server that keeps them, if it is not the journal of this node.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, root: &Table<'a>) -> Option<Nats> {
    let table = root.get("streams").and_then(|entry| cx.table(&entry, "streams".into()))?;
    table.check_keys(cx, &STREAMS);
    let engine = table.get("engine").and_then(|entry| cx.text(&entry, "\"embedded\""));
    let is_nats = engine.and_then(|engine| cx.choice(&engine, "engine of streams", &ENGINES)).unwrap_or(false);
    if is_nats {
        check_topics(cx, root);
        return server(cx, &table);
    }
    for entry in OF_NATS.iter().filter_map(|key| table.get(key)) {
        if entry.value.as_bool() != Some(false) {
            let finding = cx.report.error(&entry.key_span, format!("`{}` without a NATS server", entry.key));
            finding.hint("write `engine = \"nats\"` beside it, or remove it");
        }
    }
    None
}

fn server<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> Option<Nats> {
    let ca = table.get("ca").and_then(|entry| ca(cx, &entry));
    let mut users = false;
    cx.fill_boolean(table, "users", &mut users);
    let Some(entry) = table.get("url") else {
        let finding = cx.report.error(&table.span, "the NATS server has no URL");
        finding.hint("add `url = \"nats://127.0.0.1:4222\"`").absence();
        return None;
    };
    let url = url(cx, &entry)?;
    let entry = table.get("users");
    // Neither shows the line of a URL with a password, where it is a line of its own.
    let span = entry.as_ref().map_or(&table.span, |entry| &entry.key_span);
    if users && !matches!(url.login(), Some(Login::User { .. })) {
        let finding = cx.report.error(span, "services have users of their own, and Isles has none");
        finding.hint("write its user and password into `url`, such as \"nats://isles:PASSWORD@127.0.0.1:4222\"");
    } else if !users {
        let finding = cx.report.warning(span, NO_RIGHTS);
        finding.hint("add `users = true`, and give the server what `isles nats-users` prints");
    }
    Some(Nats { url, ca, users })
}

fn ca<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<PathBuf> {
    let text = cx.text(entry, "\"ca.pem\"")?;
    // Certificates are the host's more often than the system's; `up` looks at them before it starts anything.
    let is_absolute = Path::new(text.value).is_absolute();
    if is_absolute { Some(text.value.into()) } else { paths::existing(cx, &text, "ca", FileKind::File) }
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
