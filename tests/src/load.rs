//! Requests one after the other from several clients, while something else happens.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    http::{Answer, Connection},
    wait,
};

/// Failures that are kept.
const FAILURES_MAX: usize = 20;

/// Clients that send a request each again and again, on kept connections.
pub struct Load {
    state: Arc<State>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    end: AtomicBool,
    done: AtomicU32,
    failures: Mutex<Vec<String>>,
}

impl Load {
    /// Starts so many clients.
    pub fn start(clients: usize, address: SocketAddr, path: &'static str) -> Self {
        let state = Arc::<State>::default();
        let start = |_| {
            let state = state.clone();
            thread::spawn(move || state.run(address, path))
        };
        Self { clients: (0..clients).map(start).collect(), state }
    }

    /// Waits until so many more requests were answered.
    ///
    /// # Panics
    /// When they are not in time.
    pub fn wait_for(&self, requests: u32) {
        let goal = self.state.done.load(Ordering::Relaxed) + requests;
        wait::until("more answers", || (self.state.done.load(Ordering::Relaxed) >= goal).then_some(()));
    }

    /// Ends; asserts that every request was answered with 200.
    ///
    /// # Panics
    /// When one was not.
    #[track_caller]
    pub fn assert_no_failure(self) {
        let state = self.state.clone();
        let failures = self.end();
        let done = state.done.load(Ordering::Relaxed);
        assert!(failures.is_empty() && done > 0, "{done} requests done, failed: {failures:#?}");
    }

    /// Ends; gives back the failures, the first twenty of them.
    ///
    /// # Panics
    /// When a client did.
    pub fn end(self) -> Vec<String> {
        self.state.end.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().expect("a client does not panic");
        }
        self.state.failures.lock().expect("a client does not panic").clone()
    }
}

impl State {
    fn run(&self, address: SocketAddr, path: &str) {
        let mut kept = None;
        while !self.end.load(Ordering::Relaxed) {
            match self.request(&mut kept, address, path) {
                Ok(answer) if answer.status == 200 => _ = self.done.fetch_add(1, Ordering::Relaxed),
                Ok(answer) => self.fail(format!("{} {}", answer.status, answer.text())),
                Err(error) => {
                    kept = None;
                    self.fail(error.to_string());
                }
            }
        }
    }

    fn request(
        &self,
        kept: &mut Option<Connection<std::net::TcpStream>>,
        address: SocketAddr,
        path: &str,
    ) -> io::Result<Answer> {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::tcp(address)?,
        };
        let answer = connection.request("GET", path, "", b"")?;
        if answer.header("connection") != Some("close") {
            *kept = Some(connection);
        }
        Ok(answer)
    }

    fn fail(&self, failure: String) {
        let mut failures = self.failures.lock().expect("a client does not panic");
        if failures.len() < FAILURES_MAX {
            failures.push(failure);
        }
    }
}
