//! The policy of connections: the same keys in `[gateway]` and in `[services.X.connections.Y]`.

use model::spec::{Balance, Policy};

use crate::{
    nearest::nearest,
    read::Cx,
    table::{At, Table},
};

const RETRIES_MAX: u32 = 10;
const QUEUE_MAX: u32 = 1_000_000;
const BALANCE_LATER: [&str; 5] = ["least-request", "round-robin", "weighted", "hash", "random"];

/// The policy: `policy` with the keys that are there.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, table: &Table<'a>, mut policy: Policy) -> Policy {
    let mut duration = |key, value: &mut _| {
        let read = table.get(key).and_then(|entry| cx.duration_above_zero(&entry, *value));
        *value = read.unwrap_or(*value);
    };
    duration("timeout", &mut policy.timeout);
    duration("connect_timeout", &mut policy.connect_timeout);
    let mut integer = |key, max, value: &mut u32| {
        *value = table.get(key).and_then(|entry| cx.integer(&entry, 0..=max)).unwrap_or(*value);
    };
    integer("retries", RETRIES_MAX, &mut policy.retries);
    integer("queue", QUEUE_MAX, &mut policy.queue);
    if let Some(text) = table.get("balance").and_then(|entry| cx.text(&entry, "\"peak-ewma\"")) {
        policy.balance = balance(cx, &text);
    }
    compare(cx, table, &policy);
    policy
}

fn balance(cx: &mut Cx, text: &At<&str>) -> Balance {
    if BALANCE_LATER.contains(&text.value) {
        cx.planned(
            &text.span,
            text.value,
            "the only balancer built so far is `peak-ewma`",
            "write \"peak-ewma\" for now",
        );
    } else if text.value != "peak-ewma" {
        let near = nearest(text.value, BALANCE_LATER).map(|near| format!(" (`{near}` is planned)"));
        let hint = format!("write \"peak-ewma\"{}", near.unwrap_or_default());
        cx.report.error(&text.span, format!("there is no balancer `{}`", text.value)).hint(hint);
    }
    Balance::PeakEwma
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
