//! A certificate of our own for this machine: who trusts it trusts nothing else, for it can sign no other.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use model::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use super::{TlsError, validity::Validity};

/// The names that it is for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const DAY: Duration = Duration::from_secs(86_400);
/// How long it is valid: what browsers accept at most is 398 days.
const LIFETIME: Duration = DAY.saturating_mul(397);
/// How long before its end it is replaced.
const MARGIN: Duration = DAY.saturating_mul(30);

pub(super) const CERTIFICATE: &str = "localhost.crt";
pub(super) const KEY: &str = "localhost.key";

/// Whether a certificate is valid now and for a while.
pub(super) fn is_fresh(validity: Validity, now: Timestamp) -> bool {
    validity.begins <= now && now + MARGIN < validity.ends
}

/// Makes a certificate and its key anew, and keeps them in the folder.
pub(super) fn make(folder: &Path, now: Timestamp) -> Result<(), TlsError> {
    let failed = |cause: String| TlsError::Development { folder: folder.into(), cause };
    let (certificate, key) = generate(now).map_err(|error| failed(error.to_string()))?;
    let write = || {
        fs::create_dir_all(folder)?;
        replace(folder, KEY, 0o600, &key)?;
        replace(folder, CERTIFICATE, 0o644, &certificate)
    };
    write().map_err(|error| failed(error.to_string()))
}

/// A certificate and its key, both in PEM.
fn generate(now: Timestamp) -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(NAMES.map(String::from))?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Isles development certificate");
    params.distinguished_name = name;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // A little earlier, for clients whose clock is behind.
    params.not_before = date_time_ymd(1970, 1, 1) + (now - DAY).since(Timestamp(0));
    params.not_after = params.not_before + LIFETIME;
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// Nobody sees half a file, or the key with the rights of the umask.
fn replace(folder: &Path, name: &str, mode: u32, content: &str) -> io::Result<()> {
    let new = folder.join(format!("{name}.new"));
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, folder.join(name))
}
