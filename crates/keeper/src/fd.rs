//! Descriptors that outlive an `execve`: written as their numbers, taken over by them.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

/// A descriptor that a successor of this keeper takes over.
///
/// It is written as its number, and from then on stays open over an `execve`; see [`crate::host::close_on_exec`].
#[derive(Debug)]
pub(crate) struct Fd(OwnedFd);

impl Fd {
    /// Takes over the open descriptor of this number, which nothing else in this process may own.
    ///
    /// # Errors
    /// When none of this number is open.
    #[allow(unsafe_code)]
    pub(crate) fn take_over(number: RawFd) -> io::Result<Self> {
        if number < 0 {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        // SAFETY: it is only asked and marked here; if none is open, that is an error.
        fcntl_setfd(unsafe { BorrowedFd::borrow_raw(number) }, FdFlags::CLOEXEC)?;
        // SAFETY: it is open, and what starts a successor gives each number once.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(number) }))
    }

    pub(crate) fn try_clone(&self) -> io::Result<OwnedFd> {
        Ok(fcntl_dupfd_cloexec(&self.0, 0)?)
    }
}

impl From<OwnedFd> for Fd {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl AsFd for Fd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Serialize for Fd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fcntl_setfd(&self.0, FdFlags::empty()).map_err(S::Error::custom)?;
        self.0.as_raw_fd().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = RawFd::deserialize(deserializer)?;
        Self::take_over(number).map_err(|error| D::Error::custom(format!("descriptor {number}: {error}")))
    }
}
