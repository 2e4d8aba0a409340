//! The family of the gateway's TLS.

use model::figures::TlsFigures;

use super::text::{Family, Kind};

pub(super) fn family(figures: TlsFigures) -> Family {
    let TlsFigures { handshakes, resumed, failed, in_the_clear } = figures;
    let help = "Connections to the gateway by how their handshake ended.";
    let mut family = Family::new("isles_tls_handshakes_total", Kind::Counter, help);
    for (outcome, count) in [
        ("full", handshakes.saturating_sub(resumed)),
        ("resumed", resumed),
        ("failed", failed),
        ("in_the_clear", in_the_clear),
    ] {
        family.add(&vec![("outcome", outcome.into())], count);
    }
    family
}
