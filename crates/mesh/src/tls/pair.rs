//! A certificate and its key, from files.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{Error as PemError, PemObject},
};

use super::TlsError;

/// No certificate or key comes near it.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How an encrypted key is marked: in PKCS #8 (RFC 7468 section 11), and before it (RFC 1421 section 4.6.1.1).
const ENCRYPTED: [&str; 2] = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];

/// A certificate chain and the key of its first certificate.
pub(super) struct Pair {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// Reads both from PEM. Whether they belong together shows when they are used.
pub(super) fn read(certificate: &Path, key: &Path) -> Result<Pair, TlsError> {
    Ok(Pair { chain: certificates(certificate)?, key: read_key(key, &content(key)?)? })
}

/// Reads certificates from PEM, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&content(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(path, &error))?;
    if certificates.is_empty() { Err(TlsError::NoCertificate { path: path.into() }) } else { Ok(certificates) }
}

fn read_key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = String::from_utf8_lossy(pem);
    match PrivateKeyDer::from_pem_slice(pem) {
        _ if ENCRYPTED.iter().any(|mark| text.contains(mark)) => Err(TlsError::EncryptedKey { path: path.into() }),
        Err(PemError::NoItemsFound) => Err(TlsError::NoKey { path: path.into() }),
        result => result.map_err(|error| unusable(path, &error)),
    }
}

fn content(path: &Path) -> Result<Vec<u8>, TlsError> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        let fits = bytes.len() as u64 <= FILE_BYTES_MAX;
        fits.then_some(bytes).ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))
    };
    read().map_err(|error| TlsError::Read { path: path.into(), error })
}

fn unusable(path: &Path, error: &PemError) -> TlsError {
    TlsError::Unusable { path: path.into(), cause: error.to_string() }
}
