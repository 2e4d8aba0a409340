//! The whole document.

use std::collections::BTreeMap;

use model::{
    Gather, ServiceName, SystemName,
    spec::{Kept, Service, System},
};
use toml::de::DeTable;

use crate::{
    after, bucket, buckets, check, gateway,
    keys::{ROOT, SYSTEM},
    policy::protocol,
    read::Cx,
    report::Span,
    service::{self, Draft},
    streams,
    table::{At, Entry, Table},
    topic, topics, upgrade,
};

const START: Span = 0..0;
/// Each of them is a record in memory.
const RELEASES_MAX: u32 = 1000;

/// The system, if enough of it could be read. It is only good if nothing was reported.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, document: &'a DeTable<'a>) -> Option<System> {
    let root = Table::new(String::new(), START, document);
    root.check_keys(cx, &ROOT);
    let name = name(cx, &root);
    let entries = services(cx, &root);
    cx.services = entries.iter().map(|entry| entry.key).collect();
    cx.protocols = entries.iter().filter_map(|entry| Some((entry.key, protocol::peek(entry)?))).gather();
    cx.topics = entries.iter().flat_map(topics::peek).gather();
    cx.nats_ca = streams::names_ca(&root);
    upgrade::of_system(cx, &root);
    let gateway = root.get("gateway").and_then(|entry| gateway::read(cx, &entry));
    let drafts: Vec<Draft> = entries.iter().filter_map(|entry| service::read(cx, entry)).collect();
    after::check(cx, &drafts);
    check::stores(cx, &drafts);
    check::ports(cx, gateway.as_ref(), &drafts);
    topics::check_streams(cx, &drafts);
    buckets::check_owners(cx, &drafts);
    let nats = streams::read(cx, &root);
    let topics = topic::read(cx, &root);
    let (buckets, objects) = (bucket::buckets(cx, &root, &drafts), bucket::objects(cx, &root, &drafts));
    let services = specs(cx, drafts);
    let (upgrade, pinned) = (cx.upgrade.clone(), cx.pinned);
    let kept = kept(cx, &root);
    Some(System { name: name?, gateway, services, topics, buckets, objects, nats, upgrade, pinned, kept })
}

/// What is kept of releases.
fn kept<'a>(cx: &mut Cx<'a>, root: &Table<'a>) -> Kept {
    let mut kept = Kept::default();
    // What is wrong with the table itself is told with the name.
    if let Some(table) =
        root.get("system").filter(|entry| entry.value.is_table()).and_then(|entry| cx.table(&entry, "system".into()))
    {
        cx.fill_integer(&table, "releases_max", 1..=RELEASES_MAX, &mut kept.releases_max);
        cx.fill_duration(&table, "releases_age", &mut kept.releases_age);
    }
    kept
}

fn name<'a>(cx: &mut Cx<'a>, root: &Table<'a>) -> Option<SystemName> {
    let Some(entry) = root.get("system") else {
        let hint = "begin the file with `[system]` and `name = \"shop\"`";
        cx.report.error(&START, "the system has no name").hint(hint).absence();
        return None;
    };
    let table = cx.table(&entry, "system".into())?;
    table.check_keys(cx, &SYSTEM);
    let Some(entry) = table.get("name") else {
        cx.report.error(&table.span, "the system has no name").hint("add `name = \"shop\"`").absence();
        return None;
    };
    let name = entry.value.as_str().map(str::parse::<SystemName>);
    match name {
        Some(Ok(name)) => return Some(name),
        Some(Err(_)) => invalid_name(cx, &entry.span, entry.value.as_str().unwrap_or_default(), "a system"),
        None => drop(cx.text(&entry, "\"shop\"")),
    }
    None
}

fn services<'a>(cx: &mut Cx<'a>, root: &Table<'a>) -> Vec<Entry<'a>> {
    let entries = match root.get("services") {
        Some(entry) if !entry.value.is_table() => {
            let hint = "write one table per service: `[services.users]`";
            cx.report.error(&entry.key_span, "`services` must be a table").hint(hint);
            return Vec::new();
        }
        Some(entry) => cx.table(&entry, "services".into()).map(|table| table.entries()).unwrap_or_default(),
        None => Vec::new(),
    };
    if entries.is_empty() {
        let span = root.get("services").map_or(START, |entry| entry.key_span);
        let hint = "add a table such as `[services.users]` with `run = \"…\"`";
        cx.report.error(&span, "the system has no services").hint(hint).absence();
    }
    entries
}

fn specs(cx: &mut Cx, drafts: Vec<Draft>) -> BTreeMap<ServiceName, Service> {
    let mut services = BTreeMap::new();
    for Draft { name, spec, .. } in drafts {
        match name.value.parse::<ServiceName>() {
            Ok(_) if ServiceName::RESERVED.contains(&name.value) => reserved(cx, &name),
            Ok(name) => drop(services.insert(name, spec)),
            Err(_) => invalid_name(cx, &name.span, name.value, "a service"),
        }
    }
    services
}

fn reserved(cx: &mut Cx, name: &At<&str>) {
    let name_is = name.value;
    let finding =
        cx.report.error(&name.span, format!("`{name_is}` cannot be the name of a service: figures have one already"));
    finding.hint(format!("call it otherwise, such as `{name_is}-service`"));
}

fn invalid_name(cx: &mut Cx, span: &Span, name: &str, of: &str) {
    let better = name.to_ascii_lowercase().replace(['_', '.', ' '], "-");
    let better = better.trim_matches('-');
    let finding = cx.report.error(span, format!("`{name}` cannot be the name of {of}"));
    match better.parse::<ServiceName>() {
        Ok(better) => finding.hint(format!("`{better}` can: a-z, 0-9 and `-`, beginning with a letter")),
        Err(_) => finding.hint("use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`"),
    };
}
