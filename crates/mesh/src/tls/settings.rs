//! What the gateway offers in a handshake.

use std::sync::Arc;

use rustls::{
    Error, RootCertStore, ServerConfig,
    crypto::aws_lc_rs::{Ticketer, default_provider},
    pki_types::CertificateDer,
    server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};

use super::pair::Pair;

/// The protocols that clients may choose from (RFC 7301), the preferred first.
const PROTOCOLS: &[&[u8]] = &[b"h2", b"http/1.1"];

/// The settings for a certificate, for HTTP.
pub(super) fn of(pair: Pair) -> Result<ServerConfig, Error> {
    let mut settings = plain(pair, WebPkiClientVerifier::no_client_auth())?;
    settings.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(settings)
}

/// Asks clients for a certificate of one of these authorities.
pub(super) fn verifier(
    roots: Vec<CertificateDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots);
    WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::new(default_provider())).build()
}

/// The settings for a certificate, whatever is spoken. Tickets of an earlier key are not honoured: what it vouched for ends with it.
pub(super) fn plain(pair: Pair, clients: Arc<dyn ClientCertVerifier>) -> Result<ServerConfig, Error> {
    let mut settings = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(clients)
        .with_single_cert(pair.chain, pair.key)?;
    // Tickets keep the session at the client, whichever worker it meets next.
    settings.ticketer = Ticketer::new()?;
    settings.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::PrivateKeyDer;

    use super::*;

    #[test]
    fn cve_2026_123610_certificates_are_not_compressed() {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["a".into()]).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let settings = of(Pair { chain: vec![certificate.der().clone()], key }).unwrap();
        assert!(settings.cert_decompressors.is_empty() && settings.cert_compressors.is_empty());
    }
}
