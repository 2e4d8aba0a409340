//! The last lines of `isles up`: where the gateway is and what to try.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use model::{
    spec::{Gateway, Route, System, Tls},
    status::SystemStatus,
};

use crate::{
    paint::{Paint, Style},
    project::{Project, quote},
    table::{self, Cell},
    text,
    view::phase,
};

/// Where the gateway's development certificate is kept, in the project's folder.
const DEVELOPMENT_CERTIFICATE: &str = ".isles/tls/localhost.crt";

/// That it is up, its gateway, what the host cannot do, and what to try.
pub(crate) fn render(status: &SystemStatus, taken: Duration, tries: &[String], paint: Paint) -> String {
    let (title, style) = title(status, taken);
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let scheme = text::scheme(status.gateway_tls);
    let url = status.gateway.map(|gateway| format!("{scheme}://{}", reachable(gateway)));
    rows.extend(url.map(|url| row("gateway", &url, Style::Bold)));
    rows.extend(status.notices.iter().map(|notice| row("notice", notice, Style::Worrying)));
    rows.extend(tries.iter().enumerate().map(|(i, line)| row(if i == 0 { "try" } else { "" }, line, Style::Plain)));
    format!("\n{}\n{}", paint.apply(style, &title), table::render_rows(rows, None, paint))
}

fn title(status: &SystemStatus, taken: Duration) -> (String, Style) {
    let failing: Vec<_> =
        status.services.iter().filter(|it| phase::is_failing(it)).map(|it| it.name.as_str()).collect();
    if !failing.is_empty() {
        let title = format!("{} is up but for {}: started again and again", status.name, failing.join(", "));
        return (title, Style::Worrying);
    }
    let services = text::count(status.services.len(), "service");
    (format!("{} is up: {services} in {}", status.name, text::age(taken)), Style::Good)
}

fn row(name: &str, value: &str, style: Style) -> Vec<Cell> {
    vec![Cell::new(format!("  {name}"), Style::Dim), Cell::new(value, style)]
}

/// The three commands to try, as they are written in the current folder.
pub(crate) fn tries(system: &System, project: &Project, gateway: Option<SocketAddr>) -> Vec<String> {
    let routed = system.gateway.as_ref().and_then(|gateway| Some((gateway, first(&gateway.routes)?)));
    let request = gateway.zip(routed);
    let request = request.map(|(address, (gateway, route))| curl(reachable(address), gateway, route, project));
    let call = || system.services.keys().next().map(|service| project.command(&format!("call {service} /")));
    [Some(project.command("ps")), Some(project.command("logs -f")), request.or_else(call)]
        .into_iter()
        .flatten()
        .collect()
}

/// The first route for any host, else the first one.
fn first(routes: &[Route]) -> Option<&Route> {
    routes.iter().find(|route| route.host.is_none()).or(routes.first())
}

fn curl(address: SocketAddr, gateway: &Gateway, route: &Route, project: &Project) -> String {
    let trusted = project.folder.join(DEVELOPMENT_CERTIFICATE);
    let trust = match gateway.tls {
        Some(Tls::Development) => format!("--cacert {} ", quote(&trusted.display().to_string())),
        _ => String::new(),
    };
    let host = route.host.as_ref().map(|host| format!("-H {} ", quote(&format!("host: {host}"))));
    let url = format!("{}://{address}{}", text::scheme(gateway.tls.is_some()), route.prefix);
    format!("curl {trust}{}{}", host.unwrap_or_default(), quote(&url))
}

/// An address that a client on this host can use where the gateway listens on every one.
fn reachable(gateway: SocketAddr) -> SocketAddr {
    let ip = match gateway.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, gateway.port())
}
