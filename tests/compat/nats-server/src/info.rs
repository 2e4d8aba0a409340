//! What a server says of itself before a client says anything.

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpStream},
};

use serde_json::Value;

pub(crate) struct Info {
    pub(crate) is_tls_required: bool,
}

impl Info {
    /// Asks the server at this port of this machine.
    pub(crate) fn of(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a server that is ready accepts");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("a server speaks first");
        Self::parse(&line)
    }

    fn parse(line: &str) -> Self {
        let json = line.strip_prefix("INFO").unwrap_or_else(|| panic!("a server begins with INFO, not: {line}"));
        let info: Value = serde_json::from_str(json).expect("INFO is JSON");
        Self { is_tls_required: info["tls_required"].as_bool().unwrap_or(false) }
    }
}

#[cfg(test)]
mod tests {
    use super::Info;

    #[test]
    fn tls() {
        let is_required = |line: &str| Info::parse(line).is_tls_required;
        assert!(is_required("INFO {\"port\":4222,\"tls_required\":true} \r\n"));
        assert!(!is_required("INFO {\"port\":4222}\r\n"));
    }
}
