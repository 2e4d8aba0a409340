//! Who listens where, as `/proc` tells (proc(5)).

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use model::Gather;
use ports::keeper::stat;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// A listening socket: its address and its inode.
type Listener = (SocketAddr, u64);

/// Where processes listen on TCP.
pub(crate) fn listening(pids: &[i32]) -> Vec<SocketAddr> {
    let inodes: BTreeSet<u64> = pids.iter().flat_map(|pid| sockets_of(*pid)).gather();
    let found = listeners().into_iter().filter(|(_, inode)| inodes.contains(inode)).map(|(address, _)| address);
    found.gather::<BTreeSet<_>>().into_iter().collect()
}

/// The process that keeps an address from being listened on, and the name of its program; `None` where the host does
/// not tell.
pub fn port_owner(address: SocketAddr) -> Option<(u32, String)> {
    let collides = |other: IpAddr| other == address.ip() || other.is_unspecified() || address.ip().is_unspecified();
    let found = listeners().into_iter().filter(|(other, _)| other.port() == address.port() && collides(other.ip()));
    let inodes: BTreeSet<u64> = found.map(|(_, inode)| inode).gather();
    let owns = |pid: i32| sockets_of(pid).iter().any(|inode| inodes.contains(inode));
    let pid = stat::all().into_iter().map(|stat| stat.pid).find(|pid| !inodes.is_empty() && owns(*pid))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some((pid.unsigned_abs(), name.trim().into()))
}

/// The inodes of a process's sockets.
pub(crate) fn sockets_of(pid: i32) -> Vec<u64> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = fds.filter_map(|fd| fs::read_link(fd.path()).ok());
    links.filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect()
}

fn listeners() -> Vec<Listener> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines().filter_map(parse)).collect()
}

fn parse(line: &str) -> Option<Listener> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (ip, port) = fields.get(1)?.split_once(':')?;
    if *fields.get(3)? != LISTEN {
        return None;
    }
    let address = SocketAddr::new(parse_ip(ip)?, u16::from_str_radix(port, 16).ok()?);
    Some((address, fields.get(9)?.parse().ok()?))
}

/// Words of 32 bits in the host's order, each in hexadecimal.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let words = (0..text.len()).step_by(8).map(|at| u32::from_str_radix(text.get(at..at + 8)?, 16).ok());
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_tables() {
        let rest = "00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4242 1 0000000000000000 100 0 0 10 0";
        for (local, expected) in [
            ("0100007F:1F90", "127.0.0.1:8080"),
            ("00000000000000000000000001000000:0050", "[::1]:80"),
            ("0000000000000000FFFF00000100007F:0050", "[::ffff:127.0.0.1]:80"),
        ] {
            assert_eq!(parse(&format!("  0: {local} {rest}")), Some((expected.parse().unwrap(), 4242)));
        }
        let connected = rest.replace(" 0A ", " 01 ");
        assert_eq!(parse(&format!("  0: 0100007F:1F90 {connected}")), None);
        assert_eq!(parse("  sl  local_address rem_address   st tx_queue rx_queue"), None);
    }

    #[test]
    fn this_process_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let me = std::process::id();
        assert!(listening(&[i32::try_from(me).unwrap()]).contains(&address));
        assert_eq!(port_owner(address).map(|(pid, _)| pid), Some(me));
        assert_eq!(
            port_owner(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port())).map(|(pid, _)| pid),
            Some(me)
        );
        assert_eq!(port_owner("127.0.0.1:1".parse().unwrap()), None);
    }
}
