use std::path::PathBuf;

use model::Problem;

/// Why a call of the control API failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens on the socket.
    #[error("no system is running: nothing listens on {}", .socket.display())]
    NotRunning {
        /// The socket.
        socket: PathBuf,
    },
    /// The socket belongs to another user.
    #[error("permission to use {} was denied", .socket.display())]
    Denied {
        /// The socket.
        socket: PathBuf,
    },
    /// Isles refused the call or gave it up.
    #[error("{}", describe(.0))]
    Api(Box<Problem>),
    /// The connection broke before the answer was whole; the platform may be starting again.
    #[error("the connection to the system broke: {0}")]
    Lost(String),
    /// What listens does not speak this version of the API.
    #[error("the answer of the system is not understood: {0}")]
    Protocol(String),
    /// The request cannot be sent.
    #[error("the request cannot be sent: {0}")]
    Request(String),
}

fn describe(problem: &Problem) -> String {
    if problem.detail.is_empty() { problem.title.clone() } else { problem.detail.clone() }
}

impl From<hyper::Error> for ClientError {
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() { Self::Protocol(error.to_string()) } else { Self::Lost(error.to_string()) }
    }
}
