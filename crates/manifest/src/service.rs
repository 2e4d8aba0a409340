//! `[services.X]`: one service.

use std::path::PathBuf;

use model::{
    TopicName,
    spec::{Health, Listen, Protocol, Service},
};

use crate::{
    adaptive, buckets, build, calls, environment, health,
    keys::SERVICE,
    limits, migrate,
    nearest::nearest,
    policy::protocol,
    read::Cx,
    replicas, store,
    table::{At, Entry, Table},
    topics, upgrade,
};

/// A service as far as it could be read, with the places that rules over several services need.
pub(crate) struct Draft<'a> {
    pub name: At<&'a str>,
    pub spec: Service,
    pub after: Vec<At<&'a str>>,
    pub run: Option<At<&'a str>>,
    pub store_path: Option<At<PathBuf>>,
    pub publishes: Vec<At<TopicName>>,
    pub buckets: Vec<At<&'a str>>,
    pub objects: Vec<At<&'a str>>,
}

/// The service, if it is a table.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<Draft<'a>> {
    let table = cx.table(entry, format!("services.{}", entry.key))?;
    table.check_keys(cx, &SERVICE);
    let run = run(cx, &table);
    let (store, store_path) = match table.get("store") {
        Some(entry) => store::read(cx, &entry, format!("{}.store", table.name)),
        None => (None, None),
    };
    let after = cx.texts_of(&table, "after", "\"users\"");
    let (published, publishes) = topics::published(cx, &table);
    let (owned_buckets, buckets) = buckets::read(cx, &table, "buckets", "\"sessions\"");
    let (owned_objects, objects) = buckets::read(cx, &table, "objects", "\"invoices\"");
    let mut spec = Service {
        run: run.as_ref().map(|run| run.value.into()).unwrap_or_default(),
        after: after.iter().filter_map(|name| cx.service(name)).collect(),
        publishes: published,
        subscribes: topics::subscribed(cx, &table),
        buckets: owned_buckets,
        objects: owned_objects,
        store,
        ..rest(cx, &table)
    };
    spec.calls = calls::read(cx, &table, &spec);
    build::read(cx, &table, &mut spec);
    environment::read(cx, &table, &mut spec);
    replicas::check_messages(cx, &table, &spec);
    if let Some(run) = &run {
        environment::check_command(cx, run, spec.listen);
    }
    let name = At { value: entry.key, span: entry.key_span.clone() };
    Some(Draft { name, spec, after, run, store_path, publishes, buckets, objects })
}

fn run<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> Option<At<&'a str>> {
    let Some(entry) = table.get("run") else {
        let message = format!("`[{}]` does not say how to run the service", table.name);
        cx.report.error(&table.span, message).hint("add `run = \"…\"`, the command that starts it").absence();
        return None;
    };
    cx.command(&entry, "\"./server --port $PORT\"")
}

/// The keys that have nothing to do with others.
fn rest<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> Service {
    let defaults = Service::new("");
    let mut duration = |key, default| table.get(key).and_then(|entry| cx.duration(&entry)).unwrap_or(default);
    let stop_grace = duration("stop_grace", defaults.stop_grace);
    let drain_timeout = duration("drain_timeout", defaults.drain_timeout);
    let protocol = protocol::of_service(cx, table);
    let health = table.get("health").map(|entry| health::read(cx, &entry, format!("{}.health", table.name)));
    let limits = table.get("limits").map(|entry| limits::read(cx, &entry, format!("{}.limits", table.name)));
    let health = health.unwrap_or_default();
    if protocol == Protocol::Tcp {
        only_bytes(cx, table, &health);
    }
    let adaptive_concurrency = adaptive::read(cx, table, protocol);
    let (replicas, scaling) = replicas::read(cx, table);
    let upgrade = upgrade::of_service(cx, table);
    let migrate = migrate::read(cx, table, &upgrade);
    Service {
        replicas,
        scaling,
        upgrade,
        migrate,
        health,
        stop_grace,
        drain_timeout,
        limits: limits.unwrap_or_default(),
        listen: listen(cx, table),
        protocol,
        adaptive_concurrency,
        ..defaults
    }
}

/// Reports what cannot be done with a service that speaks no HTTP.
fn only_bytes(cx: &mut Cx, table: &Table, health: &Health) {
    let place = table.get("protocol").map(|entry| entry.span);
    if let Some(entry) = table.get("adaptive_concurrency") {
        protocol::refuse(cx, &entry, place.as_ref());
    }
    if let Some(entry) = table.get("health").filter(|_| health.path.is_some()) {
        let message = "a health path is asked for with HTTP, and `protocol = \"tcp\"` carries bytes";
        let finding = cx.report.error(&entry.span, message);
        finding.hint("remove it: without a path the port must accept a connection");
    }
}

fn listen<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> Listen {
    let Some(text) = table.get("listen").and_then(|entry| cx.text(&entry, "\"port\"")) else { return Listen::Port };
    match text.value {
        "port" => Listen::Port,
        "unix" => Listen::Unix,
        other => {
            let hint = match nearest(other, ["port", "unix"]) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "write \"port\" for $PORT or \"unix\" for $SOCKET".into(),
            };
            cx.report.error(&text.span, format!("a service cannot listen on `{other}`")).hint(hint);
            Listen::Port
        }
    }
}
