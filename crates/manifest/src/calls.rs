//! `calls` and `connections`: whom a service may call, and how.

use std::collections::BTreeMap;

use model::{
    ServiceName,
    spec::{Policy, Protocol},
};

use crate::{
    keys::CONNECTION,
    policy::{self, protocol},
    read::Cx,
    report::Span,
    table::{At, Entry, Table},
};

/// The policy of each declared call.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, table: &Table<'a>, has_store: bool) -> BTreeMap<ServiceName, Policy> {
    let names = cx.texts_of(table, "calls", "\"users\"");
    let store = table.get("store").filter(|_| has_store).map(|entry| entry.key_span);
    shadows_store(cx, &names, store.as_ref());
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

/// A callee whose variables would be those of the service's own store.
fn shadows_store(cx: &mut Cx, calls: &[At<&str>], store: Option<&Span>) {
    let Some(store) = store else { return };
    let database =
        |name: &&At<&str>| name.value.parse::<ServiceName>().is_ok_and(|name| name.env_prefix() == "DATABASE");
    if let Some(call) = calls.iter().find(database) {
        let finding =
            cx.report.error(&call.span, "`DATABASE_URL` would be both this connection and the service's store");
        finding.hint("give the service `database` another name").label(store, "the store");
    }
}
