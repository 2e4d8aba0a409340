//! From a source to the settings for its certificate.

use std::{path::Path, sync::Arc};

use model::Timestamp;
use rustls::{Error, InconsistentKeys, ServerConfig, pki_types::CertificateDer, server::WebPkiClientVerifier};

use super::{
    TlsConfig, TlsError,
    development::{self, CERTIFICATE, KEY},
    pair, settings,
    validity::{self, Validity},
};

/// A certificate that can be shown.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) settings: ServerConfig,
    /// The certificate itself.
    pub(super) certificate: CertificateDer<'static>,
    /// `None` if it cannot be read; whoever checks the certificate may know better.
    pub(super) validity: Option<Validity>,
}

/// Reads the certificate; one of our own is made if there is none that lasts.
pub(super) fn load(source: &TlsConfig, now: Timestamp) -> Result<Loaded, TlsError> {
    match source {
        TlsConfig::Files { certificate, key } => files(certificate, key),
        TlsConfig::Development { folder } => {
            let kept = || files(&folder.join(CERTIFICATE), &folder.join(KEY));
            match kept() {
                Ok(loaded) if loaded.is_fresh(now) => Ok(loaded),
                _ => development::make(folder, now).and_then(|()| kept()),
            }
        }
    }
}

impl Loaded {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.validity.is_some_and(|validity| development::is_fresh(validity, now))
    }
}

/// Reads a certificate from files.
pub(super) fn files(certificate: &Path, key: &Path) -> Result<Loaded, TlsError> {
    let pair = pair::read(certificate, key)?;
    let shown = pair.chain[0].clone();
    let validity = validity::of(&shown);
    let settings = settings::of(pair).map_err(|error| refused(certificate, key, error))?;
    Ok(Loaded { settings, certificate: shown, validity })
}

/// The settings for a protocol other than HTTP. With `client_ca`, clients have to show a certificate of it.
pub(super) fn plain(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Arc<ServerConfig>, TlsError> {
    let clients = match client_ca {
        Some(path) => settings::verifier(pair::certificates(path)?)
            .map_err(|error| TlsError::Unusable { path: path.into(), cause: error.to_string() })?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let pair = pair::read(certificate, key)?;
    settings::plain(pair, clients).map(Arc::new).map_err(|error| refused(certificate, key, error))
}

fn refused(certificate: &Path, key: &Path, error: Error) -> TlsError {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::Mismatch { certificate: certificate.into(), key: key.into() }
        }
        Error::InvalidCertificate(error) => {
            TlsError::Unusable { path: certificate.into(), cause: format!("the certificate is refused: {error}") }
        }
        error => TlsError::Unusable { path: key.into(), cause: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

    use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    /// A certificate and its key.
    fn pair() -> (String, String) {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let certificate = CertificateParams::new(["a".into()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn files_and_what_is_wrong_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("a.crt"), folder.path().join("a.key"));
        let ((ours, our_key), (theirs, their_key)) = (pair(), pair());
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let nonsense = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let long = "x".repeat(2 * 1024 * 1024);
        for (first, second, expected) in [
            (&*ours, &*our_key, "ok"),
            (&format!("{ours}{theirs}"), &format!("# mine\n{our_key}"), "ok"),
            (&format!("{ours}{our_key}"), &format!("{ours}{our_key}"), "ok"),
            (&format!("{theirs}{ours}"), &our_key, "a.key is not that of the certificate"),
            (&ours, &their_key, "a.key is not that of the certificate"),
            ("", &our_key, "a.crt holds no certificate in PEM"),
            (&our_key, &our_key, "a.crt holds no certificate in PEM"),
            (&ours, &ours, "a.key holds no private key in PEM"),
            (&ours, "", "a.key holds no private key in PEM"),
            (&ours, encrypted, "a.key is encrypted"),
            (&ours, nonsense, "a.key cannot be used: "),
            (broken, &our_key, "a.crt cannot be used: the certificate is refused"),
            (&ours[..ours.len() - 20], &our_key, "a.crt cannot be used: "),
            (&long, &our_key, "a.crt: file too large"),
        ] {
            fs::write(&certificate, first).unwrap();
            fs::write(&key, second).unwrap();
            let source = TlsConfig::Files { certificate: certificate.clone(), key: key.clone() };
            let result = load(&source, NOW);
            let text = result.as_ref().err().map_or("ok".into(), ToString::to_string);
            assert!(text.contains(expected), "{text}");
            assert!(result.is_ok() || !result.unwrap_err().hint().is_empty());
        }
        fs::write(&certificate, &ours).unwrap();
        fs::remove_file(&key).unwrap();
        assert!(matches!(files(&certificate, &key), Err(TlsError::Read { path, .. }) if path == key));
    }

    fn development(folder: &Path, now: Timestamp) -> Result<Vec<u8>, TlsError> {
        load(&TlsConfig::Development { folder: folder.into() }, now)?;
        Ok(fs::read(folder.join(CERTIFICATE)).unwrap())
    }

    #[test]
    fn our_own_is_kept_until_shortly_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("tls");
        let obtain = |days: u32| development(&folder, NOW + DAY * days).unwrap();
        let first = obtain(0);
        assert_eq!(obtain(365), first);
        let second = obtain(366);
        assert_ne!(second, first);
        assert_eq!(obtain(367), second);
        let mode = |name| folder.join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(KEY), mode(CERTIFICATE) & 0o600), (0o600, 0o600));
    }

    #[test]
    fn our_own_is_made_again_if_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let mut last = development(folder.path(), NOW).unwrap();
        for (name, content) in [(CERTIFICATE, "x".into()), (KEY, String::new()), (KEY, pair().1)] {
            fs::write(folder.path().join(name), content).unwrap();
            let next = development(folder.path(), NOW).unwrap();
            assert_ne!(next, last, "{name}");
            last = next;
        }
        let file = folder.path().join(KEY);
        assert!(matches!(development(&file, NOW), Err(TlsError::Development { .. })));
    }
}
