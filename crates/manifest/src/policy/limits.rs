//! `limits` of a policy: how large and how slow messages may be.

use std::{ops::RangeInclusive, time::Duration};

use model::{
    ByteSize,
    spec::{Http2Limits, MessageLimits},
};

use crate::{
    fill::exact,
    keys::{HTTP2, MESSAGE_LIMITS},
    read::Cx,
    table::{Entry, Table},
};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const HEAD: RangeInclusive<u64> = KIB..=MIB;
const TARGET: RangeInclusive<u64> = 64..=MIB;
/// Some rules hold each field against all others.
const FIELDS: RangeInclusive<u32> = 1..=500;
const BODY: RangeInclusive<u64> = 0..=1 << 40;
const PROGRESS: RangeInclusive<u64> = 0..=1 << 30;
const BUFFER: RangeInclusive<u64> = MessageLimits::BUFFER_MIN.0..=MIB;
/// Named where there is no default.
const AGE: Duration = Duration::from_secs(3600);
const CONNECTIONS: RangeInclusive<u32> = 1..=65_536;
const STREAMS: RangeInclusive<u32> = 1..=10_000;
/// RFC 9113, section 6.9.1 has the most, section 6.9.2 the least that a peer begins with.
const WINDOW: RangeInclusive<u64> = 65_535..=(1 << 31) - 1;
/// What concerns a client's connection, or a head that is not read yet.
const BEFORE_ROUTE: [&str; 8] =
    ["head", "target", "fields", "escaped_slashes", "head_timeout", "client_idle", "client_age", "http2"];
const RESETS: RangeInclusive<u32> = 1..=100_000;
/// A client may well send a few at once when it begins.
const CONTROL_FRAMES: RangeInclusive<u32> = 10..=1_000_000;
const EMPTY_FRAMES: RangeInclusive<u32> = 0..=Http2Limits::EMPTY_FRAMES_MAX;

/// Fills the keys in that are there.
pub(super) fn fill<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String, limits: &mut MessageLimits) {
    let Some(table) = cx.table(entry, name) else { return };
    table.check_keys(cx, &MESSAGE_LIMITS);
    cx.fill_size(&table, "head", HEAD, &mut limits.head);
    cx.fill_size(&table, "target", TARGET, &mut limits.target);
    cx.fill_integer(&table, "fields", FIELDS, &mut limits.fields);
    cx.fill_boolean(&table, "escaped_slashes", &mut limits.escaped_slashes);
    cx.fill_size(&table, "response_head", HEAD, &mut limits.response_head);
    cx.fill_duration(&table, "head_timeout", &mut limits.head_timeout);
    cx.fill_size(&table, "progress", PROGRESS, &mut limits.progress);
    cx.fill_duration(&table, "progress_grace", &mut limits.progress_grace);
    cx.fill_size(&table, "buffer", BUFFER, &mut limits.buffer);
    cx.fill_duration(&table, "client_idle", &mut limits.client_idle);
    cx.fill_duration(&table, "upstream_idle", &mut limits.upstream_idle);
    cx.fill_integer(&table, "upstream_connections", CONNECTIONS, &mut limits.upstream_connections);
    cx.fill_integer(&table, "client_connections", CONNECTIONS, &mut limits.client_connections);
    if let Some(entry) = table.get("client_age") {
        limits.client_age = age(cx, &entry, limits.client_age);
    }
    if let Some(entry) = table.get("body") {
        limits.body = body(cx, &entry);
    }
    if let Some(entry) = table.get("http2") {
        http2(cx, &entry, format!("{}.http2", table.name), &mut limits.http2);
    }
    if table.get("target").is_some() && limits.target > limits.head {
        too_large(cx, &table, ("target", limits.target), ("head", limits.head));
    }
}

/// Reports limits of a route that are in force before the route is known.
pub(super) fn refuse_before_route<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) {
    let Some(limits) = entry.value.as_table() else { return };
    let limits = Table::new(String::new(), entry.key_span.clone(), limits);
    for entry in BEFORE_ROUTE.iter().filter_map(|key| limits.get(key)) {
        let message = format!("`{}` is in force before the route of a request is known", entry.key);
        let finding = cx.report.error(&entry.key_span, message);
        finding.hint("write it in `limits` of `[gateway]`, where it holds for every route");
    }
}

/// Reports limits of the gateway or of a route that are about instances that call.
pub(super) fn refuse_of_callers<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) {
    let Some(limits) = entry.value.as_table() else { return };
    let limits = Table::new(String::new(), entry.key_span.clone(), limits);
    if let Some(entry) = limits.get("client_connections") {
        let message = "`client_connections` is about instances that call, and the gateway has other clients";
        let finding = cx.report.error(&entry.key_span, message);
        finding.hint("write `per_peer` in `[gateway.connections]`");
    }
}

/// Any size if it is "none".
fn body<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<ByteSize> {
    if entry.value.as_str() == Some("none") { None } else { cx.size_within(entry, BODY) }
}

/// For ever if it is "none".
fn age<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, default: Option<Duration>) -> Option<Duration> {
    if entry.value.as_str() == Some("none") { None } else { cx.duration_above_zero(entry, default.unwrap_or(AGE)) }
}

fn http2<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String, limits: &mut Http2Limits) {
    let Some(table) = cx.table(entry, name) else { return };
    table.check_keys(cx, &HTTP2);
    cx.fill_integer(&table, "streams", STREAMS, &mut limits.streams);
    cx.fill_size(&table, "window", WINDOW, &mut limits.window);
    cx.fill_size(&table, "connection_window", WINDOW, &mut limits.connection_window);
    cx.fill_integer(&table, "resets", RESETS, &mut limits.resets);
    cx.fill_integer(&table, "local_resets", RESETS, &mut limits.local_resets);
    cx.fill_integer(&table, "control_frames", CONTROL_FRAMES, &mut limits.control_frames);
    cx.fill_integer(&table, "empty_frames", EMPTY_FRAMES, &mut limits.empty_frames);
    if limits.window > limits.connection_window {
        too_large(cx, &table, ("window", limits.window), ("connection_window", limits.connection_window));
    }
}

fn too_large<'a>(cx: &mut Cx<'a>, table: &Table<'a>, first: (&str, ByteSize), second: (&str, ByteSize)) {
    cx.too_much(table, (first.0, exact(first.1.0)), (second.0, exact(second.1.0)));
}
