//! TLS 1.3 to clients, with the client's first cipher: whatever load tool asks gets the same from both.

use super::{
    load::{Load, Seat},
    peers,
    rounds::{self, Contender},
    row::{Bar, Row},
    samples::Measure,
    setup::Setup,
    speaker,
    system::{Gateway, System},
};

/// Requests on kept connections, and a handshake for each request.
pub(super) fn run(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let back = speaker::backend(setup, 1)?;
    let nginx = peers::nginx(setup, back.address()?, &[])?;
    let system = System::start(setup, Gateway::Tls)?;
    let measure = |close| {
        let contender = |name, pids, origin| Contender {
            name,
            pids,
            seat: Seat::Outside,
            url: format!("https://{origin}/"),
            load: Load::Http1 { connections: 64, script: None, close },
        };
        let contenders = [
            contender("nginx", nginx.started.pids()?, nginx.ports.tls),
            contender("gateway", system.pids.clone(), system.gateway),
        ];
        rounds::run(setup, contenders)
    };
    let [nginx_kept, gateway_kept] = measure(false)?;
    let [nginx_new, gateway_new] = measure(true)?;
    Ok(vec![
        gateway_kept.against(&nginx_kept, Measure::Cpu, "TLS, GET 100 B", Bar::AtMost(1.0)),
        gateway_new.against(&nginx_new, Measure::PerSecond, "TLS, a handshake for each request", Bar::AtLeast(1.0)),
        gateway_new.against(&nginx_new, Measure::Cpu, "TLS, a handshake for each request", Bar::AtMost(1.0)),
    ])
}
