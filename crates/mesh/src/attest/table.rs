//! Looks one TCP socket up in the tables of `/proc/net`, where there are no socket diagnostics (proc_pid_net(5)). Takes
//! longer the more connections the host has.

use std::{fs, io, net::SocketAddrV4};

use super::message::Found;

/// As in `include/net/tcp_states.h`.
const TIME_WAIT: &str = "06";
const LISTEN: &str = "0A";

/// The socket with this address of its own and this peer; `None` if there is none that is connected.
pub(super) fn find(own: SocketAddrV4, peer: SocketAddrV4) -> io::Result<Option<Found>> {
    let plain = find_in(&fs::read_to_string("/proc/net/tcp")?, &format!("{} {}", hex(own), hex(peer)));
    if plain.is_some() {
        return Ok(plain);
    }
    // A host without IPv6 has no such table.
    let table = fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    Ok(find_in(&table, &format!("{} {}", mapped(own), mapped(peer))))
}

fn find_in(table: &str, addresses: &str) -> Option<Found> {
    let line = table.lines().find(|line| line.contains(addresses))?;
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (state, uid, inode) = (*fields.get(3)?, fields.get(7)?.parse().ok()?, fields.get(9)?.parse().ok()?);
    (![TIME_WAIT, LISTEN].contains(&state)).then_some(Found { inode, uid, cgroup: None })
}

/// Words of 32 bits in the host's order.
fn hex(address: SocketAddrV4) -> String {
    format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}

fn mapped(address: SocketAddrV4) -> String {
    format!("{:016}{:08X}{}", 0, u32::from_ne_bytes([0, 0, 0xff, 0xff]), hex(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_tables() {
        let (own, peer) = ("127.0.0.1:40000".parse().unwrap(), "127.1.0.7:20001".parse().unwrap());
        let rest = "00000000:00000000 00:00000000 00000000  1000        0 4242 1 0000000000000000 20 4 30 10 -1";
        let line = |state: &str| format!("   3: 0100007F:9C40 0700017F:4E21 {state} {rest}\n");
        let plain = format!("{} {}", hex(own), hex(peer));
        let found = Some(Found { inode: 4242, uid: 1000, cgroup: None });
        for (state, expected) in [("01", found), (TIME_WAIT, None), (LISTEN, None)] {
            assert_eq!(find_in(&format!("  sl  local_address\n{}", line(state)), &plain), expected, "{state}");
        }
        let six = "0000000000000000FFFF00000100007F:9C40 0000000000000000FFFF00000700017F:4E21";
        assert_eq!(format!("{} {}", mapped(own), mapped(peer)), six);
    }
}
