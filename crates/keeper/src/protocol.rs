//! What the platform and the keeper say to each other: JSON messages on a `SOCK_SEQPACKET` pair, one message a packet,
//! descriptors beside them as `SCM_RIGHTS`.
//!
//! The platform sends [`Request`]s, each with a number of its own; the keeper answers each once, in order, and sends
//! [`Event`]s in between.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

/// The version of the protocol. A keeper answers `Hello` of another version with an error that names both.
pub const VERSION: u32 = 2;

/// The largest packet, in bytes. A request that does not fit is refused before it is sent.
pub const PACKET_BYTES_MAX: usize = 160 * 1024;

/// The longest path of a Unix socket, in bytes (unix(7)).
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A numbered request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// Chosen by the platform; the reply repeats it.
    pub number: u64,
    /// What is asked.
    pub request: Request,
}

/// What the platform asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The first request of a platform process. Answered by [`Reply::Welcome`]; what the keeper holds follows, one
    /// [`Event::Process`] or [`Event::Socket`] each, descriptors beside them.
    Hello {
        /// The protocol version of the platform.
        version: u32,
    },
    /// The platform has taken over what the keeper holds, and answers.
    Ready,
    /// Starts a process. Answered by [`Reply::Spawned`] with the read end of its output.
    Spawn(Spawn),
    /// Sends a signal. No error if the process has ended.
    Signal {
        /// The process.
        key: String,
        /// The signal's number.
        signal: i32,
        /// To whom.
        whom: Whom,
    },
    /// Drops what is kept of an ended process: its exit status and its output.
    Forget {
        /// The process.
        key: String,
    },
    /// Names the file that output goes to while there is no platform process to read it.
    Log {
        /// The process.
        key: String,
        /// The file; opened for appending, made if missing.
        path: PathBuf,
    },
    /// Makes a listening socket, or finds the one of that name. Answered by [`Reply::Bound`] with the socket.
    Bind {
        /// The socket's name.
        name: String,
        /// Its address.
        address: ListenAddress,
    },
    /// Closes a listening socket.
    Close {
        /// The socket's name.
        name: String,
    },
    /// Ends the keeper after this reply: kills what still runs and exits with the code.
    Stop {
        /// The exit code of the keeper.
        code: u8,
    },
}

/// A process to start. It gets a session of its own, `/dev/null` as input and one pipe for output and errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spawn {
    /// Its name, unique among the processes that are not forgotten.
    pub key: String,
    /// Program and arguments; the program is looked up in the `PATH` of `env` if it has no slash.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub folder: PathBuf,
    /// The cgroup folders that it joins before it runs; each has a `cgroup.procs`.
    pub cgroups: Vec<PathBuf>,
    /// Resource limits where no cgroup can hold them.
    pub rlimits: Vec<Rlimit>,
    /// Where its output goes while there is no platform process.
    pub log: PathBuf,
    /// The number of its run, as its log says it; `None` for a build.
    pub run: Option<u64>,
    /// Values that its log must not show.
    pub secrets: Vec<String>,
}

/// One resource limit, soft and hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// What is limited.
    pub resource: LimitedResource,
    /// The limit: bytes of address space, or a number of descriptors.
    pub value: u64,
}

/// What an [`Rlimit`] limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitedResource {
    /// `RLIMIT_AS`, in bytes.
    AddressSpace,
    /// `RLIMIT_NOFILE`.
    Descriptors,
}

/// Whom a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whom {
    /// The process that was started.
    Leader,
    /// Everything it started: its cgroup where there is one, and its process group.
    Tree,
}

/// Where a socket listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenAddress {
    /// TCP.
    Tcp {
        /// Address and port; port 0 picks a free one.
        address: SocketAddr,
        /// The device that it is bound to (`SO_BINDTODEVICE`), if any.
        device: Option<String>,
    },
    /// A Unix stream socket, mode 0600. A stale file of that name is replaced.
    Unix {
        /// At most [`SOCKET_PATH_BYTES_MAX`].
        path: PathBuf,
    },
}

/// What the keeper sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// The answer to the request of that number.
    Reply {
        /// The number.
        number: u64,
        /// The answer.
        reply: Result<Reply, Refusal>,
    },
    /// Something that happened.
    Event(Event),
}

/// A request was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Nothing more to say.
    Done,
    /// To `Hello`. So many processes and sockets follow as events.
    Welcome {
        /// The keeper's process id.
        pid: u32,
        /// How many [`Event::Process`] follow.
        processes: u32,
        /// How many [`Event::Socket`] follow.
        sockets: u32,
        /// How many platform processes there have been, this one included.
        generation: u32,
    },
    /// To `Spawn`, with the read end of the output.
    Spawned {
        /// The process id.
        pid: u32,
    },
    /// To `Bind`, with the socket.
    Bound {
        /// Whether it was there before.
        existed: bool,
    },
}

/// A request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What failed: `version`, `key`, `chdir`, `cgroup`, `limit`, `exec`, `bind`, `device` or `fd`.
    pub step: String,
    /// The `errno`, or 0.
    pub errno: i32,
    /// The cause in one line.
    pub cause: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A process that the keeper holds, after `Welcome`, with the read end of its output.
    Process {
        /// Its key.
        key: String,
        /// Its process id.
        pid: u32,
        /// How it ended, if it has.
        exit: Option<Exit>,
        /// The cgroup folders that it joined.
        cgroups: Vec<PathBuf>,
        /// Values that its log must not show.
        secrets: Vec<String>,
    },
    /// A socket that the keeper holds, after `Welcome`, with the socket.
    Socket {
        /// Its name.
        name: String,
    },
    /// A process ended.
    Exited {
        /// Its key.
        key: String,
        /// How.
        exit: Exit,
    },
    /// Somebody asked the keeper to end, by this signal.
    StopRequested {
        /// The signal's number.
        signal: i32,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}
