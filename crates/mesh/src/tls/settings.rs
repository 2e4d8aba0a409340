//! What the gateway offers in a handshake.

use std::sync::Arc;

use rustls::{
    Error, ServerConfig,
    crypto::aws_lc_rs::{Ticketer, default_provider},
    server::NoServerSessionStorage,
    version::{TLS12, TLS13},
};

use super::pair::Pair;

/// The protocols that clients may choose from (RFC 7301), the preferred first.
const PROTOCOLS: &[&[u8]] = &[b"h2", b"http/1.1"];

/// The settings for a certificate. Tickets of an earlier key are not honoured: what it vouched for ends with it.
pub(super) fn of(pair: Pair) -> Result<ServerConfig, Error> {
    let mut settings = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(pair.chain, pair.key)?;
    settings.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
    // Tickets keep the session at the client, whichever worker it meets next.
    settings.ticketer = Ticketer::new()?;
    settings.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(settings)
}
