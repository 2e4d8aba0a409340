//! `tls { … }`.

use std::{path::PathBuf, time::Duration};

use super::{
    Settings,
    error::ConfError,
    keys::unknown,
    value::{Entry, Item},
};
use crate::server::Handshake;

/// The files for TLS, in PEM, and how it is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whom the certificates of clients have to be from.
    pub client_ca: Option<PathBuf>,
    /// Whether clients have to have one.
    pub verify: bool,
    /// The time for a handshake.
    pub timeout: Duration,
    /// When the handshake begins.
    pub handshake: Handshake,
    /// Whether clients may do without TLS.
    pub is_optional: bool,
}

impl TlsFiles {
    /// TLS with this certificate and key, and else as the reference server has it.
    pub fn new(certificate: PathBuf, key: PathBuf) -> Self {
        let timeout = Duration::from_secs(2);
        let handshake = Handshake::default();
        Self { certificate, key, client_ca: None, verify: false, timeout, handshake, is_optional: false }
    }
}

/// How long a client has to begin with its handshake by itself before it is sent `INFO`, where nothing else is given.
const AUTO: Duration = Duration::from_millis(50);

pub(super) fn tls(item: Item) -> Result<TlsFiles, ConfError> {
    let whole = item.clone();
    let mut files = TlsFiles::new(PathBuf::new(), PathBuf::new());
    for Entry { key, item, is_variable } in item.map()? {
        match key.to_ascii_lowercase().as_str() {
            "cert_file" => files.certificate = item.text()?.into(),
            "key_file" => files.key = item.text()?.into(),
            "ca_file" => files.client_ca = Some(item.text()?.into()),
            "verify" => files.verify = item.boolean()?,
            "timeout" => files.timeout = item.duration()?,
            "handshake_first" | "first" | "immediate" => files.handshake = handshake(&item)?,
            _ if is_variable => {}
            key => return Err(unknown(key, &item)),
        }
    }
    let empty = PathBuf::new();
    match () {
        () if files.certificate == empty => {
            Err(whole.refuse("there is no `cert_file`", "name the server's certificate"))
        }
        () if files.key == empty => Err(whole.refuse("there is no `key_file`", "name the key of the certificate")),
        () if files.verify && files.client_ca.is_none() => {
            Err(whole.refuse("`verify` needs `ca_file`", "name the file with whom clients' certificates are from"))
        }
        () => Ok(files),
    }
}

fn handshake(item: &Item) -> Result<Handshake, ConfError> {
    match item.text()? {
        "auto" => Ok(Handshake::FirstWithin(AUTO)),
        _ => match item.boolean() {
            Ok(true) => Ok(Handshake::First),
            Ok(false) => Ok(Handshake::AfterInfo),
            Err(_) => item.duration().map(Handshake::FirstWithin),
        },
    }
}

impl Settings {
    /// `allow_non_tls`, which stands behind `tls`.
    pub(super) fn tls_optional(&mut self, item: &Item) -> Result<(), ConfError> {
        let is_optional = item.boolean()?;
        match &mut self.tls {
            Some(files) => files.is_optional = is_optional,
            None if is_optional => return Err(item.refuse("there is no `tls` before it", "put it behind `tls { … }`")),
            None => {}
        }
        Ok(())
    }
}
