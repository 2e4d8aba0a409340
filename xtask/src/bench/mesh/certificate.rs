//! A certificate for the time of a measurement, the same for all.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::ensure;

/// Files in PEM.
pub(super) struct Certificate {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// Both in one file.
    pub(super) both: PathBuf,
}

impl Certificate {
    /// Makes one for `localhost`, with a key on P-256.
    ///
    /// # Errors
    /// When openssl cannot.
    pub(super) fn make(folder: &Path) -> anyhow::Result<Self> {
        let [certificate, key, both] = ["certificate.pem", "key.pem", "both.pem"].map(|name| folder.join(name));
        let make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
                    -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost,IP:127.0.0.1";
        let mut command = Command::new("openssl");
        let output = command.args(make.split(' ')).arg("-keyout").arg(&key).arg("-out").arg(&certificate).output()?;
        ensure!(output.status.success(), "openssl failed:\n{}", String::from_utf8_lossy(&output.stderr));
        fs::write(&both, [fs::read(&certificate)?, fs::read(&key)?].concat())?;
        Ok(Self { certificate, key, both })
    }
}
