//! TLS at the gateway, by `rustls` with the cryptography of AWS-LC: it keeps up with OpenSSL, has the hybrid
//! post-quantum key exchange and needs no more than a C compiler. TLS 1.2 and 1.3; resumption by tickets alone, no early data
//! (it can be replayed), no compressed certificates.
//!
//! `pair` and `settings`, by `load` → `door`, which all workers share → `handshake` → `stream`.

mod development;
mod door;
mod error;
mod handshake;
mod load;
mod names;
mod pair;
mod settings;
mod stream;
mod validity;
mod watch;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::ServerConfig;

pub(crate) use door::Door;
pub use error::TlsError;
pub(crate) use handshake::{Handshakes, enter};
pub(crate) use names::Names;
pub(crate) use stream::Secure;

/// Where the gateway's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsConfig {
    /// Files in PEM; read anew when they change.
    Files {
        /// The certificate, then those between it and the root.
        certificate: PathBuf,
        /// Its private key, not encrypted.
        key: PathBuf,
    },
    /// Made by us for this machine alone, and renewed in time.
    Development {
        /// Where `localhost.crt` and `localhost.key` are kept. Made if it is missing.
        folder: PathBuf,
    },
}

impl TlsConfig {
    /// Whether the files can be used. What is yet to be made is not looked at.
    ///
    /// # Errors
    /// When a mesh would not start with them.
    pub fn check(&self) -> Result<(), TlsError> {
        match self {
            Self::Files { certificate, key } => load::files(certificate, key).map(|_| ()),
            Self::Development { .. } => Ok(()),
        }
    }
}

/// What a server of another protocol offers in a handshake, from files in PEM. With `client_ca`, clients have to show a certificate
/// of one of its authorities.
///
/// # Errors
/// When a file cannot be read or used.
pub fn server_settings(
    certificate: &Path,
    key: &Path,
    client_ca: Option<&Path>,
) -> Result<Arc<ServerConfig>, TlsError> {
    load::plain(certificate, key, client_ca)
}
