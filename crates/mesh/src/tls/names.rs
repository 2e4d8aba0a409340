//! Which hosts a client may ask for on a connection.

use std::sync::Arc;

use rustls::{
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName},
    server::ParsedCertificate,
};

/// What a connection was opened with.
#[derive(Clone)]
pub(crate) struct Names {
    /// The name that the client asked for in the handshake.
    asked: Arc<str>,
    /// The certificate that it was shown.
    certificate: Arc<CertificateDer<'static>>,
}

impl Names {
    pub(super) fn new(asked: &str, certificate: Arc<CertificateDer<'static>>) -> Self {
        Self { asked: asked.into(), certificate }
    }

    /// Whether a request for a host, given without its port, may come here: the client asked for it, or the certificate is for
    /// it too (RFC 9113 section 9.1.1). For any other host the connection says nothing (RFC 9110 section 15.5.20).
    pub(crate) fn cover(&self, host: &str) -> bool {
        host.eq_ignore_ascii_case(&self.asked) || self.are_certified(host)
    }

    fn are_certified(&self, host: &str) -> bool {
        let Ok(name) = ServerName::try_from(host.trim_matches(['[', ']'])) else { return false };
        ParsedCertificate::try_from(&*self.certificate)
            .is_ok_and(|certificate| verify_server_name(&certificate, &name).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn hosts_that_a_connection_is_for() {
        let certified = ["a.test".into(), "*.b.test".into(), "127.0.0.1".into(), "::1".into()];
        let params = CertificateParams::new(certified).unwrap();
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone();
        let names = Names::new("asked.test", Arc::new(certificate));
        for (host, covered) in [
            ("asked.test", true),
            ("ASKED.test", true),
            ("a.test", true),
            ("A.Test", true),
            ("x.b.test", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("x.a.test", false),
            ("b.test", false),
            ("x.y.b.test", false),
            ("127.0.0.2", false),
            ("[::2]", false),
            ("other.test", false),
            ("a_b", false),
            ("", false),
        ] {
            assert_eq!(names.cover(host), covered, "{host}");
        }
    }
}
