//! Why there is no certificate to show.

use std::{io, path::PathBuf};

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is far too long for what it should be.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the host says.
        error: io::Error,
    },
    /// The file holds no certificate.
    #[error("{} holds no certificate in PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no private key that can be read.
    #[error("{} holds no private key in PEM", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key is encrypted.
    #[error("the private key {} is encrypted", path.display())]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    #[error("the private key {} is not that of the certificate {}", key.display(), certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The content of a file is malformed, or of a kind that is not supported.
    #[error("{} cannot be used: {cause}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The development certificate cannot be made or kept.
    #[error("cannot make a certificate in {}: {cause}", folder.display())]
    Development {
        /// Where it is kept.
        folder: PathBuf,
        /// What is in the way.
        cause: String,
    },
}

impl TlsError {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check the path, and that whoever runs Isles may read the file",
            Self::NoCertificate { .. } => {
                "it needs `-----BEGIN CERTIFICATE-----`: the gateway's own first, then the intermediate ones"
            }
            Self::NoKey { .. } => "it needs `-----BEGIN PRIVATE KEY-----` (PKCS #8), or that of an RSA or EC key",
            Self::EncryptedKey { .. } => {
                "nobody is there to type a passphrase: write it in the clear with `openssl pkey -in KEY -out NEW`"
            }
            Self::Mismatch { .. } => {
                "the key must belong to the first certificate of the file: check the order there, and both paths"
            }
            Self::Unusable { .. } => {
                "use an ECDSA (P-256, P-384), Ed25519 or RSA (2048 to 8192 bits) key and its X.509 certificate"
            }
            Self::Development { .. } => "check the permissions and the free space of the folder",
        }
    }
}
