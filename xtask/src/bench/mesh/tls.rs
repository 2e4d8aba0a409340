//! TLS 1.3 to clients, with the client's first cipher: whatever load tool asks gets the same from both.

use std::net::SocketAddr;

use super::{
    load::{Load, Seat},
    peers,
    rounds::{self, Contender},
    row::{Bar, Row},
    samples::{Measure, Samples},
    setup::Setup,
    speaker,
    system::{Gateway, System},
};

/// Requests on kept connections, and a handshake for each request: by wrk, which takes more processor for one than both, and by a client
/// that takes less, so that the server is what limits.
pub(super) fn run(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let back = speaker::backend(setup, 1)?;
    let nginx = peers::nginx(setup, back.address()?, &[])?;
    let system = System::start(setup, Gateway::Tls)?;
    let measure = |load: &Load, url: fn(SocketAddr) -> String| -> anyhow::Result<[Samples; 2]> {
        let contender = |name, pids, origin| {
            let (seat, url, load) = (Seat::Outside, url(origin), load.clone());
            Contender { name, pids, seat, url, load }
        };
        let contenders = [
            contender("nginx", nginx.started.pids()?, nginx.ports.tls),
            contender("gateway", system.pids.clone(), system.gateway),
        ];
        rounds::run(setup, contenders)
    };
    let wrk =
        |close| measure(&Load::Http1 { connections: 64, script: None, close }, |origin| format!("https://{origin}/"));
    let [nginx_kept, gateway_kept] = wrk(false)?;
    let [nginx_new, gateway_new] = wrk(true)?;
    let (program, certificate) = (setup.programs.of_benches("handshakes"), setup.certificate.certificate.clone());
    let lean = Load::Handshakes { program, certificate, connections: 64 };
    let [nginx_lean, gateway_lean] = measure(&lean, |origin| origin.to_string())?;
    let new = "TLS, a handshake for each request";
    Ok(vec![
        gateway_kept.against(&nginx_kept, Measure::Cpu, "TLS, GET 100 B", Bar::AtMost(1.0)),
        gateway_lean.against(&nginx_lean, Measure::PerSecond, new, Bar::AtLeast(1.0)),
        gateway_lean.against(&nginx_lean, Measure::Cpu, new, Bar::AtMost(1.0)),
        gateway_new.against(&nginx_new, Measure::PerSecond, "the same by wrk", Bar::AtLeast(1.0)),
        gateway_new.against(&nginx_new, Measure::Cpu, "the same by wrk", Bar::AtMost(1.0)),
    ])
}
