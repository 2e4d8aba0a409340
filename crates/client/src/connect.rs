//! Reaching the socket.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, ErrorKind},
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

use crate::ClientError;

/// The longest path that fits a socket address, in bytes (`unix(7)`).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Connects to the Unix socket at `path`.
pub(crate) async fn connect(path: &Path) -> Result<UnixStream, ClientError> {
    let connected = if path.as_os_str().as_bytes().len() <= SOCKET_PATH_BYTES_MAX {
        UnixStream::connect(path).await
    } else {
        connect_by_folder(path).await
    };
    connected.map_err(|error| explain(error, path.into()))
}

async fn connect_by_folder(path: &Path) -> io::Result<UnixStream> {
    let folder = File::open(path.parent().unwrap_or(Path::new("/")))?;
    let name = path.file_name().unwrap_or(OsStr::new(""));
    UnixStream::connect(Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name)).await
}

fn explain(error: io::Error, socket: PathBuf) -> ClientError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory => {
            ClientError::NotRunning { socket }
        }
        ErrorKind::PermissionDenied => ClientError::Denied { socket },
        _ => ClientError::Lost(error.to_string()),
    }
}
