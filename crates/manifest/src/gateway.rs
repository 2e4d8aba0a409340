//! `[gateway]`: where requests from outside enter.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use model::spec::{Gateway, Policy};

use crate::{
    keys::GATEWAY,
    policy,
    read::Cx,
    routes,
    table::{At, Entry, Table},
};

const EXAMPLE: &str = "\"127.0.0.1:8080\"";

/// The gateway, if it can listen.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<Gateway> {
    let table = cx.table(entry, "gateway".into())?;
    table.check_keys(cx, &GATEWAY);
    let listen = listen(cx, &table);
    let routes = match table.get("routes") {
        Some(entry) => routes::read(cx, &entry),
        None => Vec::new(),
    };
    if routes.is_empty() && table.get("routes").is_none_or(|entry| is_empty(&entry)) {
        let hint = "add `[gateway.routes]` with a line such as `\"/users\" = \"users\"`";
        cx.report.warning(&table.span, "the gateway has no routes: it answers 404 to everything").hint(hint).absence();
    }
    let policy = policy::read(cx, &table, Policy::edge());
    Some(Gateway { policy, ..Gateway::new(listen?, routes) })
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
