//! The host as the keeper needs it: signals as data, and the time.

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

use crate::fd::Fd;

/// The signals that the keeper reads instead of being interrupted by them.
const SIGNALS: [i32; 6] = [libc::SIGCHLD, libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGPIPE, libc::SIGUSR2];
/// The size of a `signalfd_siginfo` (signalfd(2)); its first four bytes are the signal's number.
const SIGNAL_BYTES: usize = 128;

/// The time since some moment; never goes back.
pub(crate) fn now() -> Duration {
    since_zero(ClockId::Monotonic)
}

/// Microseconds since 1970.
pub(crate) fn wall_micros() -> u64 {
    u64::try_from(since_zero(ClockId::Realtime).as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn since_zero(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Blocks the signals and gives a descriptor to read them from.
#[allow(unsafe_code)]
pub(crate) fn take_signals() -> io::Result<Fd> {
    // SAFETY: the set is initialised by `sigemptyset` before it is used, and the descriptor is new and ours.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in SIGNALS {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd).into()),
        }
    }
}

/// The signals that have arrived.
pub(crate) fn read_signals(signals: &Fd) -> Vec<i32> {
    let mut buffer = [0; 16 * SIGNAL_BYTES];
    let length = rustix::io::read(signals, &mut buffer).unwrap_or(0);
    let number = |info: &[u8]| i32::from_ne_bytes([info[0], info[1], info[2], info[3]]);
    buffer[..length].chunks_exact(SIGNAL_BYTES).map(number).collect()
}

/// Gives a new process the signals as they are by default. For use between fork and exec.
#[allow(unsafe_code)]
pub(crate) fn reset_signals() {
    // SAFETY: all three functions are async-signal-safe (signal-safety(7)); unknown numbers are refused.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

/// Keeps every descriptor that is open now, but for the first three, from children and from a successor.
#[allow(unsafe_code)]
pub(crate) fn close_on_exec() {
    // SAFETY: closes nothing; only sets a flag on descriptors that may be open.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}
