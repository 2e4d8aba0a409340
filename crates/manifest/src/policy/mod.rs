//! The policy of connections: the same keys in `[gateway]`, in a route and in `[services.X.connections.Y]`.

mod balance;
mod breaker;
mod limits;
mod log;
mod outlier;
pub(crate) mod protocol;
mod rate;
mod retries;

use std::time::Duration;

use model::spec::Policy;

use crate::{
    keys::POLICY,
    read::Cx,
    table::{Entry, Table},
};

const IN_FLIGHT_MAX: u32 = 1_000_000;
const QUEUE_MAX: u32 = 1_000_000;

/// Whether a key of a policy is in the table.
pub(crate) fn is_in(table: &Table) -> bool {
    POLICY.iter().any(|key| table.get(key).is_some())
}

/// The policy: `policy` with the keys that are there.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, table: &Table<'a>, mut policy: Policy) -> Policy {
    cx.fill_duration(table, "timeout", &mut policy.timeout);
    cx.fill_duration(table, "connect_timeout", &mut policy.connect_timeout);
    cx.fill_duration(table, "idle_timeout", &mut policy.idle_timeout);
    cx.fill_integer(table, "queue", 0..=QUEUE_MAX, &mut policy.queue);
    cx.fill_integer(table, "in_flight_max", 1..=IN_FLIGHT_MAX, &mut policy.in_flight_max);
    cx.fill_integer(table, "panic_percent", 0..=100, &mut policy.panic_percent);
    cx.fill_boolean(table, "upgrades", &mut policy.upgrades);
    retries::fill(cx, table, &mut policy);
    parts(cx, table, &mut policy);
    compare(cx, table, &policy);
    policy
}

/// The policy of the gateway.
pub(crate) fn of_gateway<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> Policy {
    if let Some(entry) = table.get("limits") {
        limits::refuse_of_callers(cx, &entry);
    }
    read(cx, table, Policy::edge())
}

/// The policy of a route, which begins where the head of a request was read.
pub(crate) fn of_route<'a>(cx: &mut Cx<'a>, table: &Table<'a>, gateway: Policy) -> Policy {
    if let Some(entry) = table.get("limits") {
        limits::refuse_before_route(cx, &entry);
        limits::refuse_of_callers(cx, &entry);
    }
    read(cx, table, gateway)
}

/// The keys that may be tables.
fn parts<'a>(cx: &mut Cx<'a>, table: &Table<'a>, policy: &mut Policy) {
    let name = |entry: &Entry| format!("{}.{}", table.name, entry.key);
    if let Some(entry) = table.get("balance") {
        policy.balance = balance::read(cx, &entry, name(&entry)).unwrap_or_default();
    }
    if let Some(entry) = table.get("slow_start") {
        policy.slow_start = cx.duration(&entry).filter(|duration| *duration > Duration::ZERO);
    }
    if let Some(entry) = table.get("rate") {
        policy.rate = rate::read(cx, &entry, name(&entry));
    }
    if let Some(entry) = table.get("breaker") {
        policy.breaker = breaker::read(cx, &entry, name(&entry), policy.breaker);
    }
    if let Some(entry) = table.get("outlier") {
        policy.outlier = outlier::read(cx, &entry, name(&entry), policy.outlier);
    }
    if let Some(entry) = table.get("limits") {
        limits::fill(cx, &entry, name(&entry), &mut policy.limits);
    }
    if let Some(entry) = table.get("access_log") {
        policy.access_log = log::read(cx, &entry, name(&entry)).unwrap_or(policy.access_log);
    }
}

fn compare(cx: &mut Cx, table: &Table, policy: &Policy) {
    if let Some(entry) = table.get("connect_timeout")
        && policy.connect_timeout > policy.timeout
    {
        let message = "`connect_timeout` is longer than `timeout`, which ends it first";
        let finding = cx.report.warning(&entry.span, message).hint("make it shorter than `timeout`");
        if let Some(timeout) = table.get("timeout") {
            finding.label(&timeout.span, "the timeout of the whole request");
        }
    }
}

/// `false`, or the table of a part that can be switched off.
fn switch<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String, example: &str) -> Option<Table<'a>> {
    match entry.value.as_bool() {
        Some(false) => None,
        _ if entry.value.is_table() => cx.table(entry, name),
        _ => {
            let key = entry.key;
            let hint = format!("write `{key} = false`, or a table such as `{key} = {{ {example} }}`");
            cx.report.error(&entry.span, format!("`{key}` must be false or a table")).hint(hint);
            None
        }
    }
}
