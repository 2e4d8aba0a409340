//! `breaker`: when a connection gives up on its callee for a while.

use std::time::Duration;

use model::{format_duration, spec::Breaker};

use crate::{keys::BREAKER, read::Cx, table::Entry};

const CONSECUTIVE_MAX: u32 = 100_000;
const REQUESTS_MAX: u32 = 1_000_000;
const WINDOW: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// The breaker: `base`, or the default, with the keys that are there; none if it is `false`.
pub(super) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String, base: Option<Breaker>) -> Option<Breaker> {
    let table = super::switch(cx, entry, name, "consecutive = 10")?;
    table.check_keys(cx, &BREAKER);
    let mut breaker = base.unwrap_or_default();
    cx.fill_integer(&table, "consecutive", 1..=CONSECUTIVE_MAX, &mut breaker.consecutive);
    cx.fill_integer(&table, "success_percent_min", 0..=100, &mut breaker.success_percent_min);
    cx.fill_integer(&table, "requests_min", 1..=REQUESTS_MAX, &mut breaker.requests_min);
    cx.fill_duration(&table, "open_min", &mut breaker.open_min);
    cx.fill_duration(&table, "open_max", &mut breaker.open_max);
    if let Some(entry) = table.get("window") {
        breaker.window = window(cx, &entry).unwrap_or(breaker.window);
    }
    cx.not_longer(&table, ("open_min", breaker.open_min), ("open_max", breaker.open_max));
    Some(breaker)
}

fn window<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<Duration> {
    let window = cx.duration(entry)?;
    if !WINDOW.contains(&window) {
        let hint =
            format!("write a duration from {} to {}", format_duration(*WINDOW.start()), format_duration(*WINDOW.end()));
        cx.report.error(&entry.span, "`window` is out of range").hint(hint);
    }
    Some(window)
}
