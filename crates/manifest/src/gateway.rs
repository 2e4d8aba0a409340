//! `[gateway]`: where requests from outside enter.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use model::spec::{ConnectionLimits, Gateway, Network};

use crate::{
    keys::{CONNECTIONS, GATEWAY},
    policy,
    read::Cx,
    routes,
    table::{At, Entry, Table},
    tls,
};

const CONNECTIONS_MAX: u32 = 1_000_000;
const EXAMPLE: &str = "\"127.0.0.1:8080\"";

/// The gateway, if it can listen.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<Gateway> {
    let table = cx.table(entry, "gateway".into())?;
    table.check_keys(cx, &GATEWAY);
    let listen = listen(cx, &table);
    let policy = policy::of_gateway(cx, &table);
    let routes = match table.get("routes") {
        Some(entry) => routes::read(cx, &entry, &policy),
        None => Vec::new(),
    };
    if routes.is_empty() && table.get("routes").is_none_or(|entry| is_empty(&entry)) {
        let hint = "add `[gateway.routes]` with a line such as `\"/users\" = \"users\"`";
        cx.report.warning(&table.span, "the gateway has no routes: it answers 404 to everything").hint(hint).absence();
    }
    let tls = table.get("tls").and_then(|entry| tls::read(cx, &entry));
    let trusted = cx.texts_of(&table, "trusted", "\"10.0.0.0/8\"");
    let trusted = trusted.iter().filter_map(|text| network(cx, text)).collect();
    let connections = table.get("connections").map(|entry| connections(cx, &entry)).unwrap_or_default();
    Some(Gateway { listen: listen?, tls, trusted, connections, routes, policy })
}

fn network(cx: &mut Cx, text: &At<&str>) -> Option<Network> {
    if text.value.ends_with("/0") {
        let finding = cx.report.warning(&text.span, "every client is trusted to say who it is");
        finding.hint("name the proxies in front of the gateway only");
    }
    let network = text.value.parse();
    if network.is_err() {
        let finding = cx.report.error(&text.span, format!("`{}` is not a range of addresses", text.value));
        finding.hint("write one such as \"10.0.0.0/8\" or \"::1\"");
    }
    network.ok()
}

fn connections<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> ConnectionLimits {
    let mut limits = ConnectionLimits::default();
    let Some(table) = cx.table(entry, "gateway.connections".into()) else { return limits };
    table.check_keys(cx, &CONNECTIONS);
    cx.fill_integer(&table, "total", 1..=CONNECTIONS_MAX, &mut limits.total);
    cx.fill_integer(&table, "per_peer", 1..=CONNECTIONS_MAX, &mut limits.per_peer);
    if table.get("per_peer").is_some() && limits.per_peer > limits.total {
        let shown = |number: u32| number.to_string();
        cx.too_much(&table, ("per_peer", shown(limits.per_peer)), ("total", shown(limits.total)));
    }
    limits
}

fn is_empty(routes: &Entry) -> bool {
    routes.value.as_table().is_some_and(|table| table.is_empty())
}

fn listen<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> Option<SocketAddr> {
    let Some(entry) = table.get("listen") else {
        let hint = format!("add `listen = {EXAMPLE}` to `[gateway]`");
        cx.report.error(&table.span, "the gateway has no address to listen on").hint(hint).absence();
        return None;
    };
    let text = cx.text(&entry, EXAMPLE)?;
    match text.value.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            cx.report.error(&text.span, "port 0 is no fixed port").hint(format!("write {EXAMPLE}, say"));
            None
        }
        Ok(address) => Some(address),
        Err(_) => {
            bad_address(cx, &text);
            None
        }
    }
}

fn bad_address(cx: &mut Cx, text: &At<&str>) {
    let finding = cx.report.error(&text.span, format!("`{}` is not an address", text.value));
    finding.hint(match meant(text.value) {
        Some((host, port)) => format!("write \"{}\"", SocketAddr::new(host, port)),
        None => format!("write an IP address and a port, such as {EXAMPLE} or \"[::1]:8080\""),
    });
}

/// What an address without an IP address was probably meant to be.
fn meant(text: &str) -> Option<(IpAddr, u16)> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("localhost", text));
    let host = match host {
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        "" | "*" => Ipv4Addr::UNSPECIFIED.into(),
        host => host.parse().ok()?,
    };
    Some((host, port.parse().ok().filter(|port| *port != 0)?))
}
