//! `calls` and `connections`: whom a service may call, and how.

use std::collections::BTreeMap;

use model::{
    ServiceName,
    spec::{Policy, Protocol, Service},
};

use crate::{
    keys::CONNECTION,
    policy::{self, protocol},
    read::Cx,
    table::{At, Entry, Table},
};

/// The policy of each declared call.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, table: &Table<'a>, service: &Service) -> BTreeMap<ServiceName, Policy> {
    let names = cx.texts_of(table, "calls", "\"users\"");
    shadows(cx, table, &names, service);
    let mut policies = connections(cx, table, &names);
    let mut calls = BTreeMap::new();
    for name in &names {
        if let Some(service) = cx.service(name) {
            let protocol = cx.protocols.get(name.value).map(|at| at.value).unwrap_or_default();
            let policy = policies.remove(name.value);
            calls.insert(service, policy.unwrap_or_else(|| Policy { protocol, ..Policy::default() }));
        }
    }
    calls
}

fn connections<'a>(cx: &mut Cx<'a>, table: &Table<'a>, calls: &[At<&str>]) -> BTreeMap<&'a str, Policy> {
    let name = format!("{}.connections", table.name);
    let all = table.get("connections").and_then(|entry| cx.table(&entry, name.clone()));
    let mut policies = BTreeMap::new();
    for entry in all.map(|all| all.entries()).unwrap_or_default() {
        let Some(connection) = cx.table(&entry, format!("{name}.{}", entry.key)) else { continue };
        connection.check_keys(cx, &CONNECTION);
        policies.insert(entry.key, connection_policy(cx, &connection, entry.key));
        if !calls.iter().any(|call| call.value == entry.key) {
            undeclared(cx, table, &entry);
        }
    }
    policies
}

fn connection_policy<'a>(cx: &mut Cx<'a>, table: &Table<'a>, callee: &str) -> Policy {
    let (protocol, place) = protocol::of_connection(cx, table, callee);
    match protocol {
        Protocol::Tcp => protocol::only_bytes(cx, table, place.as_ref()),
        Protocol::Http2 => protocol::no_hedge(cx, table, place.as_ref()),
        Protocol::Http => {}
    }
    policy::read(cx, table, Policy { protocol, ..Policy::default() })
}

fn undeclared(cx: &mut Cx, table: &Table, entry: &Entry) {
    if cx.service(&At { value: entry.key, span: entry.key_span.clone() }).is_some() {
        let hint = format!("add \"{}\" to `calls` of `[{}]`", entry.key, table.name);
        let message = format!("the connection to `{}` is not declared", entry.key);
        let finding = cx.report.error(&entry.key_span, message).hint(hint).absence();
        if let Some(calls) = table.get("calls") {
            finding.label(&calls.key_span, "the declared calls");
        }
    }
}

/// A callee whose variables would be those of what is the service's own.
fn shadows(cx: &mut Cx, table: &Table, calls: &[At<&str>], service: &Service) {
    let messages = ["publishes", "subscribes", "buckets", "objects"];
    for (prefix, keys, is_given, what) in [
        ("DATABASE", &["store"][..], service.store.is_some(), "the service's store"),
        ("NATS", &messages[..], service.uses_messages(), "the way to topics and buckets"),
    ] {
        let is_same =
            |name: &&At<&str>| name.value.parse::<ServiceName>().is_ok_and(|name| name.env_prefix() == prefix);
        let Some(call) = calls.iter().find(is_same).filter(|_| is_given) else { continue };
        let message = format!("`{prefix}_URL` would be both this connection and {what}");
        let finding = cx.report.error(&call.span, message);
        finding.hint(format!("give the service `{}` another name", call.value));
        for entry in keys.iter().filter_map(|key| table.get(key)) {
            finding.label(&entry.key_span, format!("`{}`", entry.key));
        }
    }
}
