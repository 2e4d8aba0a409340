//! `adaptive_concurrency`: whether a service's latency limits the requests in flight to it, and how far.

use model::spec::{AdaptiveConcurrency, Protocol};

use crate::{keys::ADAPTIVE, read::Cx, table::Table};

/// What may be in flight on one connection ends there, too.
const MAX: u32 = 1_000_000;

pub(crate) fn read<'a>(cx: &mut Cx<'a>, table: &Table<'a>, protocol: Protocol) -> AdaptiveConcurrency {
    // Latency tells how much a service can do where there are requests to time.
    let default = AdaptiveConcurrency::Switch(protocol != Protocol::Tcp);
    let Some(entry) = table.get("adaptive_concurrency") else { return default };
    if let Some(switch) = entry.value.as_bool() {
        return AdaptiveConcurrency::Switch(switch);
    }
    if !entry.value.is_table() {
        cx.wrong_type(&entry, "true, false or a table", "`adaptive_concurrency = { max = 500 }`");
        return default;
    }
    let Some(bounds) = cx.table(&entry, format!("{}.adaptive_concurrency", table.name)) else { return default };
    bounds.check_keys(cx, &ADAPTIVE);
    let (mut min, mut max) = (AdaptiveConcurrency::MIN, AdaptiveConcurrency::MAX);
    cx.fill_integer(&bounds, "min", 1..=MAX, &mut min);
    cx.fill_integer(&bounds, "max", 1..=MAX, &mut max);
    if min > max {
        cx.too_much(&bounds, ("min", min.to_string()), ("max", max.to_string()));
    }
    AdaptiveConcurrency::Within { min, max }
}
