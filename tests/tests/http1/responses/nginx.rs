//! A real nginx as a proxy in front of an instance that answers with given bytes.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
};

use super::{Answer, ours};
use crate::nginx::Nginx;

/// What nginx writes itself where it refuses a response.
const REFUSAL: &[u8] = b"<center>nginx</center>";

/// An nginx, and what its back end says next.
pub(super) struct Proxy {
    nginx: Nginx,
    says: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    pub(super) fn start() -> Self {
        let says = Arc::new(Mutex::new(Vec::new()));
        let said = says.clone();
        let serve = move |stream| drop(answer(stream, &said.lock().expect("nobody panics")));
        Self { nginx: Nginx::in_front_of(serve), says }
    }

    /// What nginx makes of these bytes as the answer to a GET or HEAD. It answers in a form that no two read differently.
    pub(super) fn hear(&self, bytes: &[u8], to_head: bool) -> Option<Answer> {
        *self.says.lock().expect("nobody panics") = bytes.to_vec();
        let method = if to_head { "HEAD" } else { "GET" };
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answers = self.nginx.answers(request.as_bytes());
        // What it takes for final must be final.
        let answer = ours::read(&answers, to_head).filter(|_| !answers.starts_with(b"HTTP/1.1 1"))?;
        let refused = answer.status == 502 || answer.body.windows(REFUSAL.len()).any(|part| part == REFUSAL);
        (!refused).then_some(answer)
    }
}

/// Answers once the request is there.
fn answer(mut stream: UnixStream, bytes: &[u8]) -> std::io::Result<()> {
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&part[..count]),
        }
    }
    stream.write_all(bytes)
}
