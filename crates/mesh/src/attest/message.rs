//! Messages of socket diagnostics, without I/O (sock_diag(7), netlink(7), `linux/inet_diag.h`). Numbers are in the host's
//! byte order, addresses and ports in the network's.

use std::{io, net::SocketAddrV4};

/// `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// `struct inet_diag_msg`.
const SOCKET_BYTES: usize = 72;
/// `nlmsghdr` and `struct inet_diag_req_v2`.
const REQUEST_BYTES: usize = 72;
/// Room for a socket with every attribute that comes unasked.
pub(super) const ANSWER_BYTES_MAX: usize = 1024;

const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const AF_INET: u8 = 2;
const IPPROTO_TCP: u8 = 6;
/// `lo` in every network namespace. A socket that is bound to no device is found by it too.
const LOOPBACK_INDEX: u32 = 1;
/// Since Linux 5.8, unasked.
const INET_DIAG_CGROUP_ID: u16 = 21;
const TCP_TIME_WAIT: u8 = 6;
const TCP_LISTEN: u8 = 10;

/// A TCP socket as the kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Its inode number; 0 once no process has it open.
    pub(super) inode: u64,
    /// Its owner's user id; meaningless once no process has it open.
    pub(super) uid: u32,
    /// The cgroup2 group of the process that made it.
    pub(super) cgroup: Option<u64>,
}

/// What the kernel answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Found(Found),
    /// There is no such connected socket.
    Missing,
    /// To another question.
    Other,
}

/// Asks for one IPv4 socket by its own address and its peer's.
#[expect(clippy::cast_possible_truncation, reason = "it is 72")]
pub(super) fn request(number: u32, own: SocketAddrV4, peer: SocketAddrV4) -> [u8; REQUEST_BYTES] {
    let mut bytes = [0; REQUEST_BYTES];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    };
    put(&(REQUEST_BYTES as u32).to_ne_bytes());
    put(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(&NLM_F_REQUEST.to_ne_bytes());
    put(&number.to_ne_bytes());
    put(&0_u32.to_ne_bytes());
    put(&[AF_INET, IPPROTO_TCP, 0, 0]);
    put(&u32::MAX.to_ne_bytes());
    put(&tuple(own, peer));
    put(&LOOPBACK_INDEX.to_ne_bytes());
    put(&[0xff; 8]);
    bytes
}

/// The beginning of `struct inet_diag_sockid`: ports, and addresses of 16 bytes.
fn tuple(own: SocketAddrV4, peer: SocketAddrV4) -> [u8; 36] {
    let mut bytes = [0; 36];
    bytes[..2].copy_from_slice(&own.port().to_be_bytes());
    bytes[2..4].copy_from_slice(&peer.port().to_be_bytes());
    bytes[4..8].copy_from_slice(&own.ip().octets());
    bytes[20..24].copy_from_slice(&peer.ip().octets());
    bytes
}

/// Reads the answer to [`request`].
///
/// # Errors
/// When the kernel refused the question, or the bytes are no answer.
pub(super) fn parse(bytes: &[u8], number: u32, own: SocketAddrV4, peer: SocketAddrV4) -> io::Result<Answer> {
    let length = u32_at(bytes, 0).and_then(|length| usize::try_from(length).ok()).ok_or_else(malformed)?;
    let body = bytes.get(HEADER_BYTES..length).ok_or_else(malformed)?;
    if u32_at(bytes, 8) != Some(number) {
        return Ok(Answer::Other);
    }
    match u16_at(bytes, 4) {
        Some(SOCK_DIAG_BY_FAMILY) => parse_socket(body, own, peer).ok_or_else(malformed),
        Some(NLMSG_ERROR) => {
            let code = u32_at(body, 0).ok_or_else(malformed)?.cast_signed();
            let error = io::Error::from_raw_os_error(code.wrapping_neg());
            if error.kind() == io::ErrorKind::NotFound { Ok(Answer::Missing) } else { Err(error) }
        }
        _ => Err(malformed()),
    }
}

/// What listens on the peer's port, and what remains of a connection that has ended, is not the peer.
fn parse_socket(body: &[u8], own: SocketAddrV4, peer: SocketAddrV4) -> Option<Answer> {
    let (socket, attributes) = body.split_at_checked(SOCKET_BYTES)?;
    let is_it = socket[4..8] == tuple(own, peer)[..4] && is_connected(socket[1]) && has_addresses(socket, own, peer);
    if !is_it {
        return Some(Answer::Missing);
    }
    let (uid, inode) = (u32_at(socket, 64)?, u32_at(socket, 68)?);
    let cgroup = attribute(attributes, INET_DIAG_CGROUP_ID).and_then(|value| value.try_into().ok());
    Some(Answer::Found(Found { inode: inode.into(), uid, cgroup: cgroup.map(u64::from_ne_bytes) }))
}

fn is_connected(state: u8) -> bool {
    ![TCP_TIME_WAIT, TCP_LISTEN].contains(&state)
}

/// An IPv6 socket that is connected to an IPv4 address shows both as `::ffff:a.b.c.d`.
fn has_addresses(socket: &[u8], own: SocketAddrV4, peer: SocketAddrV4) -> bool {
    let is = |at: usize, wanted: SocketAddrV4| {
        let (plain, mapped) = (wanted.ip().octets(), wanted.ip().to_ipv6_mapped().octets());
        if socket[0] == AF_INET { socket[at..at + 4] == plain } else { socket[at..at + 16] == mapped }
    };
    is(8, own) && is(24, peer)
}

/// The value of an attribute (`struct nlattr`): length with its own four bytes, kind, value, padded to four.
fn attribute(mut bytes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(bytes, 0)?);
        let value = bytes.get(4..length)?;
        if u16_at(bytes, 2)? == kind {
            return Some(value);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer is malformed")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(127, 0, 0, 1), 40_000);
    const PEER: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(127, 1, 0, 7), 20_001);
    const ESTABLISHED: u8 = 1;

    fn message(kind: u16, number: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER_BYTES + body.len()).unwrap();
        let parts = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 2], &number.to_ne_bytes(), &[0; 4], body];
        parts.concat()
    }

    fn socket(family: u8, state: u8, own: SocketAddrV4, attributes: &[u8]) -> Vec<u8> {
        let mut body = vec![0; SOCKET_BYTES];
        (body[0], body[1]) = (family, state);
        body[4..40].copy_from_slice(&tuple(own, PEER));
        if family != AF_INET {
            body[8..24].copy_from_slice(&own.ip().to_ipv6_mapped().octets());
            body[24..40].copy_from_slice(&PEER.ip().to_ipv6_mapped().octets());
        }
        body[64..68].copy_from_slice(&1000_u32.to_ne_bytes());
        body[68..72].copy_from_slice(&4242_u32.to_ne_bytes());
        message(SOCK_DIAG_BY_FAMILY, 7, &[&body, attributes].concat())
    }

    fn attributes() -> Vec<u8> {
        let one = |kind: u16, value: &[u8]| {
            let length = u16::try_from(4 + value.len()).unwrap();
            let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        [one(8, &[0]), one(INET_DIAG_CGROUP_ID, &777_u64.to_ne_bytes()), one(22, &[1, 2])].concat()
    }

    #[test]
    fn answers() {
        let found = |cgroup| Answer::Found(Found { inode: 4242, uid: 1000, cgroup });
        let other = SocketAddrV4::new(*OWN.ip(), 40_001);
        let error = |code: i32| message(NLMSG_ERROR, 7, &(-code).to_ne_bytes());
        for (bytes, expected) in [
            (socket(AF_INET, ESTABLISHED, OWN, &attributes()), found(Some(777))),
            (socket(AF_INET, ESTABLISHED, OWN, &[]), found(None)),
            (socket(10, ESTABLISHED, OWN, &attributes()), found(Some(777))),
            (socket(AF_INET, TCP_LISTEN, OWN, &[]), Answer::Missing),
            (socket(AF_INET, TCP_TIME_WAIT, OWN, &[]), Answer::Missing),
            (socket(AF_INET, ESTABLISHED, other, &[]), Answer::Missing),
            (error(2), Answer::Missing),
            (message(SOCK_DIAG_BY_FAMILY, 6, &[]), Answer::Other),
        ] {
            assert_eq!(parse(&bytes, 7, OWN, PEER).unwrap(), expected, "{bytes:?}");
        }
        assert_eq!(parse(&error(1), 7, OWN, PEER).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn no_bytes_are_too_odd() {
        let whole = socket(AF_INET, ESTABLISHED, OWN, &attributes());
        for length in 0..whole.len() {
            assert!(parse(&whole[..length], 7, OWN, PEER).is_err(), "{length}");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 4, 127, 255] {
                let mut odd = whole.clone();
                odd[at] = value;
                let _ = parse(&odd, 7, OWN, PEER);
            }
        }
    }
}
