//! `[gateway.routes]`: which service answers which host and path.

use model::{
    ServiceName,
    spec::{Policy, Protocol, Route},
};

use crate::{
    keys::ROUTE,
    policy,
    read::Cx,
    report::Span,
    table::{At, Entry, Table},
};

/// The routes in the order of the text; `gateway` is the policy of those that say nothing else.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, gateway: &Policy) -> Vec<Route> {
    let Some(table) = cx.table(entry, "gateway.routes".into()) else { return Vec::new() };
    let mut routes: Vec<At<Route>> = Vec::new();
    for entry in table.entries() {
        let (key, target) = (key(cx, &entry), target(cx, &entry, gateway));
        let (Some((host, prefix)), Some(Target { to, strip, policy })) = (key, target) else { continue };
        let route = Route { host, prefix, to, strip, policy };
        match routes.iter().find(|at| at.value.host == route.host && at.value.prefix == route.prefix) {
            Some(first) => twice(cx, &entry, first.span.clone()),
            None => routes.push(At { value: route, span: entry.key_span }),
        }
    }
    routes.into_iter().map(|at| at.value).collect()
}

fn twice(cx: &mut Cx, entry: &Entry, first: Span) {
    let finding = cx.report.error(&entry.key_span, format!("the route `{}` is given twice", entry.key));
    finding.hint("remove one of them: a slash at the end and capitals in the host make no difference");
    finding.label(&first, "the first one");
}

/// Host and prefix.
fn key(cx: &mut Cx, entry: &Entry) -> Option<(Option<String>, String)> {
    let Some(slash) = entry.key.find('/') else {
        let hint = match entry.key {
            "" => "write \"/\", which fits every path".into(),
            key => format!("write \"/{key}\" for a path, or \"{key}/\" for a host"),
        };
        cx.report.error(&entry.key_span, format!("the route `{}` has no `/`", entry.key)).hint(hint);
        return None;
    };
    let (host, prefix) = entry.key.split_at(slash);
    let problem = host_problem(host, prefix).or_else(|| prefix_problem(host, prefix));
    if let Some((message, hint)) = problem {
        cx.report.error(&entry.key_span, format!("the route `{}` {message}", entry.key)).hint(hint);
        return None;
    }
    let prefix = if prefix == "/" { prefix } else { prefix.trim_end_matches('/') };
    Some(((!host.is_empty()).then(|| host.to_ascii_lowercase()), prefix.into()))
}

fn host_problem(host: &str, prefix: &str) -> Option<(&'static str, String)> {
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match host.split_once(':') {
        Some((scheme, "")) if prefix.starts_with("//") => {
            Some(("has a scheme", format!("leave out `{scheme}://`: a route is a path, or a host and a path")))
        }
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
            Some(("has a port", format!("write \"{name}{prefix}\": a host fits on every port")))
        }
        _ if host.contains('*') => Some(("has a wildcard", "write one route for each host".into())),
        _ if !host.is_empty() && !host.split('.').all(label) => {
            Some(("has a host that is no host name", "write `/prefix` or `host/prefix`".into()))
        }
        _ => None,
    }
}

fn prefix_problem(host: &str, prefix: &str) -> Option<(&'static str, String)> {
    let plain = |text: &str| text.to_string();
    let segment = |segment: &str| segment == "." || segment == "..";
    if let Some(at) = prefix.find(['*', '{', ':']) {
        let shorter = prefix[..at].rfind('/').map_or("/", |slash| &prefix[..slash.max(1)]);
        return Some(("has a pattern", format!("write \"{host}{shorter}\": a prefix fits every path below it")));
    }
    match () {
        () if prefix.contains("//") => Some(("has an empty segment", plain("write one slash between segments"))),
        () if prefix.split('/').any(segment) => {
            Some(("has a dot segment", plain("write the path without `.` and `..`")))
        }
        () if prefix.contains(['?', '#']) => {
            Some(("has a query or a fragment", plain("a route looks at the path only: leave out `?` and `#`")))
        }
        () if prefix.contains('%') => {
            Some(("has an escape", plain("use letters, digits and `-._~` only: escaped paths cannot be routed")))
        }
        () if !prefix.bytes().all(|b| b.is_ascii_graphic()) => {
            Some(("has a character that no path can have", plain("use letters, digits and `-._~` in the segments")))
        }
        () => None,
    }
}

/// Where a route leads.
struct Target {
    to: ServiceName,
    strip: bool,
    policy: Option<Box<Policy>>,
}

fn target<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, gateway: &Policy) -> Option<Target> {
    if !entry.value.is_table() {
        let name = cx.text(entry, "\"users\"")?;
        let policy = policy(cx, None, &name, gateway);
        return Some(Target { to: cx.service(&name)?, strip: false, policy });
    }
    let table = cx.table(entry, format!("gateway.routes.{:?}", entry.key))?;
    table.check_keys(cx, &ROUTE);
    let strip = table.get("strip").and_then(|strip| cx.boolean(&strip)).unwrap_or(false);
    let Some(to) = table.get("to") else {
        let hint = "write `{ to = \"users\", strip = true }`";
        cx.report.error(&entry.key_span, format!("the route `{}` names no service", entry.key)).hint(hint).absence();
        return None;
    };
    let name = cx.text(&to, "\"users\"")?;
    let policy = policy(cx, Some(&table), &name, gateway);
    Some(Target { to: cx.service(&name)?, strip, policy })
}

/// The policy of a route that differs from the gateway's by its keys, or by what its service speaks.
fn policy<'a>(cx: &mut Cx<'a>, table: Option<&Table<'a>>, to: &At<&str>, gateway: &Policy) -> Option<Box<Policy>> {
    let spoken = cx.protocols.get(to.value).cloned();
    let protocol = spoken.as_ref().map(|at| at.value).unwrap_or_default();
    if let (Protocol::Tcp, Some(spoken)) = (protocol, spoken) {
        let finding =
            cx.report.error(&to.span, format!("the gateway carries requests, and `{}` speaks bytes", to.value));
        finding.hint("remove the route, or let the service speak \"http\" or \"http2\"").label(&spoken.span, "bytes");
        return None;
    }
    let table = table.filter(|table| policy::is_in(table));
    let base = || Policy { protocol, ..gateway.clone() };
    match table {
        Some(table) => Some(Box::new(policy::of_route(cx, table, base()))),
        None => (protocol != gateway.protocol).then(|| Box::new(base())),
    }
}
