//! `rate`: how many requests may come in a time.

use std::time::Duration;

use model::spec::Rate;

use crate::{keys::RATE, read::Cx, table::Entry};

const UNITS: [(&str, u64); 3] = [("s", 1), ("m", 60), ("h", 3600)];
const PER_SECOND_MAX: u64 = 1_000_000;
const BURST_MAX: u32 = 1_000_000;

/// The rate; none if it is `false`.
pub(super) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String) -> Option<Rate> {
    if entry.value.as_bool() == Some(false) {
        return None;
    }
    if !entry.value.is_table() {
        return limit(cx, entry);
    }
    let table = cx.table(entry, name)?;
    table.check_keys(cx, &RATE);
    let Some(written) = table.get("limit") else {
        let finding = cx.report.error(&entry.span, "the rate has no limit");
        finding.hint("write `rate = { limit = \"100/s\", burst = 20 }`").absence();
        return None;
    };
    let mut rate = limit(cx, &written)?;
    cx.fill_integer(&table, "burst", 1..=BURST_MAX, &mut rate.burst);
    Some(rate)
}

/// The rate of a text, with a burst of what a second allows.
fn limit<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<Rate> {
    let Some(text) = entry.value.as_str() else {
        cx.wrong_type(entry, "a string", &format!("`{} = \"100/s\"`", entry.key));
        return None;
    };
    let (message, hint) = match parse(text) {
        None => ("is not a rate", "write requests in a second, a minute or an hour: \"100/s\", \"30/m\" or \"500/h\""),
        Some((0, _)) => ("lets nothing through", "write at least 1: \"1/h\""),
        Some((requests, seconds)) if u64::from(requests) > PER_SECOND_MAX * seconds => {
            ("is more than a million in a second", "leave it out: nothing would ever be refused")
        }
        Some((requests, seconds)) => {
            let burst = u64::from(requests).div_ceil(seconds);
            let burst = u32::try_from(burst).unwrap_or(BURST_MAX);
            return Some(Rate { requests, per: Duration::from_secs(seconds), burst });
        }
    };
    cx.report.error(&entry.span, format!("`{text}` {message}")).hint(hint);
    None
}

/// Requests, and in how many seconds.
fn parse(text: &str) -> Option<(u32, u64)> {
    let (requests, unit) = text.split_once('/')?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let requests = requests.trim();
    let digits = requests.bytes().all(|b| b.is_ascii_digit());
    Some((requests.parse().ok().filter(|_| digits)?, *seconds))
}
