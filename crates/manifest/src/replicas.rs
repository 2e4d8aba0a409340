//! `replicas`: how many instances a service has.

use std::{ops::RangeInclusive, time::Duration};

use model::spec::{Scaling, Service};

use crate::{
    keys::REPLICAS,
    limits,
    read::Cx,
    table::{Entry, Table},
};

const REPLICAS_MAX: u32 = 1000;
const CONCURRENCY_MAX: u32 = 100_000;
const WINDOW: Duration = Duration::from_secs(60);
const WINDOWS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
const EXAMPLE: &str = "`replicas = 2` or `replicas = { min = 2, max = 8, concurrency = 50 }`";

/// The number, to begin with if it follows the load, and how it does.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> (u32, Option<Scaling>) {
    let Some(entry) = table.get("replicas") else { return (1, None) };
    if entry.value.is_table() {
        let scaling = scaling(cx, &entry, format!("{}.replicas", table.name));
        return (scaling.as_ref().map_or(1, |scaling| scaling.min), scaling);
    }
    if entry.value.as_integer().is_none() {
        cx.wrong_type(&entry, "an integer or a table", EXAMPLE);
        return (1, None);
    }
    (cx.integer(&entry, 0..=REPLICAS_MAX).unwrap_or(1), None)
}

fn scaling<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String) -> Option<Scaling> {
    let table = cx.table(entry, name)?;
    table.check_keys(cx, &REPLICAS);
    let mut scaling = Scaling { min: 1, max: 0, concurrency: None, cpu_millis: None, window: WINDOW };
    cx.fill_integer(&table, "min", 0..=REPLICAS_MAX, &mut scaling.min);
    scaling.concurrency = table.get("concurrency").and_then(|entry| cx.integer(&entry, 1..=CONCURRENCY_MAX));
    scaling.cpu_millis = table.get("cpu").and_then(|entry| limits::cpu(cx, &entry));
    cx.fill_duration(&table, "window", &mut scaling.window);
    if let Some(entry) = table.get("window").filter(|_| !WINDOWS.contains(&scaling.window)) {
        cx.report.error(&entry.span, "`window` is not between 1 s and 1 h").hint("write `window = \"60s\"`");
    }
    let Some(max) = table.get("max") else {
        cx.report.error(&entry.span, "`replicas` has no `max`").hint(format!("write {EXAMPLE}")).absence();
        return None;
    };
    scaling.max = cx.integer(&max, 1..=REPLICAS_MAX)?;
    if scaling.min > scaling.max {
        cx.too_much(&table, ("min", scaling.min.to_string()), ("max", scaling.max.to_string()));
    }
    if ["concurrency", "cpu"].iter().all(|key| table.get(key).is_none()) {
        let finding = cx.report.error(&entry.span, "`replicas` does not say what the number follows");
        finding
            .hint("add `concurrency = 50`, the requests in flight for each instance, or `cpu = 0.8`, its cores")
            .absence();
    }
    Some(scaling)
}

/// A service that sleeps is woken by calls alone.
pub(crate) fn check_messages(cx: &mut Cx, table: &Table, spec: &Service) {
    let sleeps = spec.scaling.as_ref().is_some_and(|scaling| scaling.min == 0);
    if let Some(entry) = table.get("subscribes").filter(|_| sleeps && !spec.subscribes.is_empty()) {
        let finding = cx.report.error(&entry.span, "messages do not wake a service that sleeps, only calls do");
        finding.hint("write `min = 1` in `replicas`, so that messages are taken when they come");
    }
}
