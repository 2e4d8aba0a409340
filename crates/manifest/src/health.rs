//! `health`: a path, or a table of path and times.

use model::{format_duration, spec::Health};

use crate::{
    keys::HEALTH,
    read::Cx,
    table::{Entry, Table},
};

const EXAMPLE: &str = "\"/healthz\"";

/// The health check, with the default for every key that is not there.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String) -> Health {
    if !entry.value.is_table() {
        return Health { path: path(cx, entry), ..Health::default() };
    }
    let Some(table) = cx.table(entry, name) else { return Health::default() };
    table.check_keys(cx, &HEALTH);
    let mut health = Health { path: table.get("path").and_then(|entry| path(cx, &entry)), ..Health::default() };
    cx.fill_duration(&table, "interval", &mut health.interval);
    cx.fill_duration(&table, "interval_starting", &mut health.interval_starting);
    cx.fill_duration(&table, "timeout", &mut health.timeout);
    cx.fill_duration(&table, "grace", &mut health.grace);
    compare(cx, &table, &health);
    health
}

fn path<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<String> {
    let text = cx.text(entry, EXAMPLE)?;
    let (message, hint) = match text.value {
        path if !path.starts_with('/') => {
            ("a health path begins with `/`", format!("write \"/{}\"", path.trim_start_matches("./")))
        }
        path if path.contains('#') => ("a health path has no fragment", "leave out `#` and what follows".into()),
        path if !path.bytes().all(|b| b.is_ascii_graphic()) => {
            ("a health path has no spaces and only ASCII characters", "escape the others with `%`".into())
        }
        path => return Some(path.into()),
    };
    cx.report.error(&text.span, message).hint(hint);
    None
}

fn compare(cx: &mut Cx, table: &Table, health: &Health) {
    if health.timeout <= health.interval {
        return;
    }
    let (timeout, interval) = (format_duration(health.timeout), format_duration(health.interval));
    let Some(entry) = table.get("timeout").or_else(|| table.get("interval")) else { return };
    let message = format!("a check may take longer ({timeout}) than the time between checks ({interval})");
    cx.report.warning(&entry.span, message).hint("make `timeout` at most `interval`");
}
