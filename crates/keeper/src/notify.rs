//! The service manager, where there is one: what it is told (sd_notify(3)), and the listeners that it keeps for a keeper
//! that was killed (sd_pid_notify_with_fds(3), sd_listen_fds(3)).

use std::{
    collections::BTreeMap,
    io::IoSlice,
    mem::MaybeUninit,
    net::SocketAddr,
    os::fd::{AsFd, RawFd},
};

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    getsockname, sendmsg_addr, socket_with,
};
use serde::{Deserialize, Serialize};

use crate::{fd::Fd, protocol::ListenAddress};

/// The first descriptor that a service manager gives (sd_listen_fds(3)).
const FIRST: RawFd = 3;

/// The service manager. Without one nothing is told.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ServiceManager {
    /// The socket that it listens on; one of the abstract namespace begins with `@`.
    socket: Option<String>,
    /// The listeners that an earlier keeper left with it.
    kept: BTreeMap<String, Fd>,
    is_told: bool,
}

impl ServiceManager {
    /// The one that started this process, as the environment tells.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| variable(name)?.parse::<u32>().ok();
        let is_ours = number("LISTEN_PID") == Some(std::process::id());
        let count = number("LISTEN_FDS").filter(|_| is_ours).and_then(|count| RawFd::try_from(count).ok()).unwrap_or(0);
        let names = variable("LISTEN_FDNAMES").unwrap_or_default();
        let numbers = FIRST..FIRST.saturating_add(count);
        let kept = numbers.zip(names.split(':')).filter_map(|(fd, name)| Some((name.into(), Fd::take_over(fd).ok()?)));
        Self { socket: variable("NOTIFY_SOCKET"), kept: kept.collect(), is_told: false }
    }

    /// Whether it kept a listener on this TCP address under that name.
    pub fn has_kept(&self, name: &str, address: SocketAddr) -> bool {
        self.kept.get(name).is_some_and(|fd| is_at(fd, address))
    }

    /// The listener that it kept for this address; another one of that name is closed.
    pub(crate) fn take(&mut self, name: &str, address: &ListenAddress) -> Option<Fd> {
        let fd = self.kept.remove(name)?;
        let found = matches!(address, ListenAddress::Tcp { address, .. } if is_at(&fd, *address));
        if !found {
            self.remove(name);
        }
        found.then_some(fd)
    }

    /// Tells, once, that the system answers. What nobody has taken until then is given up.
    pub(crate) fn is_ready(&mut self) {
        if !std::mem::replace(&mut self.is_told, true) {
            self.tell("READY=1", None);
            std::mem::take(&mut self.kept).keys().for_each(|name| self.remove(name));
        }
    }

    pub(crate) fn is_stopping(&self) {
        self.tell("STOPPING=1", None);
    }

    /// Has it keep a listener. Those of Unix sockets can be made anew: who uses them ends with the keeper.
    pub(crate) fn keep(&self, name: &str, address: &ListenAddress, fd: &Fd) {
        if matches!(address, ListenAddress::Tcp { .. }) {
            self.tell(&format!("FDSTORE=1\nFDNAME={name}"), Some(fd));
        }
    }

    pub(crate) fn remove(&self, name: &str) {
        self.tell(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), None);
    }

    /// That it does not listen changes nothing here.
    fn tell(&self, text: &str, fd: Option<&Fd>) {
        let Some(path) = &self.socket else { return };
        let address = match path.strip_prefix('@') {
            Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
            None => SocketAddrUnix::new(path.as_str()),
        };
        let _ = address.and_then(|address| send(&address, text, fd));
    }
}

fn send(address: &SocketAddrUnix, text: &str, fd: Option<&Fd>) -> rustix::io::Result<()> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds: Vec<_> = fd.map(AsFd::as_fd).into_iter().collect();
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&fds));
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg_addr(&socket, address, &[IoSlice::new(text.as_bytes())], &mut control, flags).map(drop)
}

fn is_at(fd: &Fd, address: SocketAddr) -> bool {
    getsockname(fd).is_ok_and(|found| SocketAddr::try_from(found) == Ok(address))
}
