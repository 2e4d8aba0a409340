//! What the services of the tests that are written in Rust have in common.

use std::{
    env, io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
};

/// Listens on `$PORT` and serves each connection in a thread of its own.
///
/// # Errors
/// When the port cannot be listened on.
#[allow(clippy::disallowed_methods, reason = "a service is told by its environment what it shall do")]
pub fn listen(serve: fn(TcpStream) -> io::Result<()>) -> io::Result<()> {
    let port = env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or_default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || serve(stream));
    }
}
