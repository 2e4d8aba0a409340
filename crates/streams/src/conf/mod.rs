//! The configuration file of nats-server, as far as there is what it configures. Whatever else stands in one is refused, with the
//! place and a hint: nothing is read and then not obeyed.

mod access;
mod error;
mod jetstream;
mod keys;
mod syntax;
#[cfg(test)]
mod tests;
mod tls;
mod value;

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

pub use error::{ConfError, Place};
pub use jetstream::JetStream;
pub use tls::TlsFiles;

use crate::server::Config;

/// What a NATS server is to do, before it does anything.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub host: IpAddr,
    /// The port for clients; 0 is any that is free.
    pub port: u16,
    /// Where the monitoring answers; port 0 is any that is free.
    pub monitor: Option<(IpAddr, u16)>,
    /// The server itself. `host`, `port`, `jetstream` and `tls` are for whoever starts it to fill in.
    pub server: Config,
    /// The files for TLS, if there is to be TLS.
    pub tls: Option<TlsFiles>,
    /// JetStream, if there is to be JetStream.
    pub jetstream: Option<JetStream>,
    /// Where the log goes instead of the standard error output.
    pub log_file: Option<PathBuf>,
    /// Where the process id is written.
    pub pid_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 4222,
            monitor: None,
            server: Config::default(),
            tls: None,
            jetstream: None,
            log_file: None,
            pid_file: None,
        }
    }
}

/// Where files and variables come from.
pub struct Source<'a> {
    /// Reads a file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
    /// The value of a variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// Reads a configuration file. Paths in it are relative to the working folder, those of `include` to the file.
///
/// # Errors
/// With the file, the line and the key of what cannot be read or is not supported.
pub fn read(file: &Path, source: &Source<'_>) -> Result<Settings, ConfError> {
    keys::settings(syntax::parse(file, source)?)
}
