//! The way in from outside.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::{ConnectionLimits, Policy};
use crate::ServiceName;

/// Where requests from outside enter and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The certificate that clients see; without one they speak in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The peers whose word on who the client is counts.
    #[serde(default)]
    pub trusted: Vec<Network>,
    /// How many connections it takes.
    #[serde(default)]
    pub connections: ConnectionLimits,
    /// The routes, in the order of the manifest.
    pub routes: Vec<Route>,
    /// The policy of the gateway's connections.
    pub policy: Policy,
}

impl Gateway {
    /// A gateway in the clear, every other key at its default.
    pub fn new(listen: SocketAddr, routes: Vec<Route>) -> Self {
        let connections = ConnectionLimits::default();
        Self { listen, tls: None, trusted: Vec::new(), connections, routes, policy: Policy::edge() }
    }
}

/// One route of the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The host it is for, in lower case and without a port; any if `None`.
    pub host: Option<String>,
    /// The path prefix, matched on whole segments; `/` fits every path. No trailing slash otherwise.
    pub prefix: String,
    /// The service that answers.
    pub to: ServiceName,
    /// Whether the prefix is removed from the path that the service sees.
    pub strip: bool,
    /// A policy of its own; the gateway's if `None`.
    #[serde(default)]
    pub policy: Option<Box<Policy>>,
}

impl Route {
    /// A route for every host, every other key at its default. The prefix as the field has it.
    pub fn new(prefix: impl Into<String>, to: ServiceName) -> Self {
        Self { host: None, prefix: prefix.into(), to, strip: false, policy: None }
    }
}

/// The gateway's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// From files in PEM, relative to the manifest's folder; read anew when they change.
    Files {
        /// The certificate and those between it and the root.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Made by Isles for `localhost`, for development.
    Development,
}

/// A range of addresses, written as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a range of addresses: write one such as `10.0.0.0/8` or `::1`")]
pub struct ParseNetworkError(String);

impl Network {
    /// Whether the address is within.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(ours).checked_shr(shift) == u32::from(theirs).checked_shr(shift)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(ours).checked_shr(shift) == u128::from(theirs).checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseNetworkError(text.into());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address = address.parse::<IpAddr>().map_err(|_| error())?.to_canonical();
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse::<u8>().map_err(|_| error()))?;
        if bits > most { Err(error()) } else { Ok(Self { address, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl TryFrom<String> for Network {
    type Error = ParseNetworkError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        for (network, address, within) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "9.9.9.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(parsed.contains(address.parse().unwrap()), within, "{network} {address}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "a", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
