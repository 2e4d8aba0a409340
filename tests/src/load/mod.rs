//! Requests one after the other from several clients, while something else happens.

mod http2;
mod mixed;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
};

pub use mixed::Slowness;

use crate::{
    http::{Answer, Connection},
    wait,
};

/// Failures that are kept.
const FAILURES_MAX: usize = 20;

/// Clients that send a request each again and again, on kept connections.
#[derive(Default)]
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
        let mut load = Self::default();
        for _ in 0..clients {
            let mut client = Client::new(address);
            load.add(move || client.ask("GET", path, b"").map(drop));
        }
        load
    }

    /// Starts a client that does this again and again.
    fn add(&mut self, ask: impl FnMut() -> io::Result<()> + Send + 'static) {
        let state = self.state.clone();
        self.clients.push(thread::spawn(move || state.run(ask)));
    }

    /// How many requests were answered so far.
    pub fn answered(&self) -> u32 {
        self.state.done.load(Ordering::Relaxed)
    }

    /// Waits until so many more requests were answered.
    ///
    /// # Panics
    /// When they are not in time.
    pub fn wait_for(&self, requests: u32) {
        let goal = self.answered() + requests;
        wait::until("more answers", || (self.answered() >= goal).then_some(()));
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
    fn run(&self, mut ask: impl FnMut() -> io::Result<()>) {
        while !self.end.load(Ordering::Relaxed) {
            match ask() {
                Ok(()) => _ = self.done.fetch_add(1, Ordering::Relaxed),
                Err(error) => self.fail(error.to_string()),
            }
        }
    }

    fn fail(&self, failure: String) {
        let mut failures = self.failures.lock().expect("a client does not panic");
        if failures.len() < FAILURES_MAX {
            failures.push(failure);
        }
    }
}

/// A client of HTTP/1.1 that keeps its connection.
struct Client {
    address: SocketAddr,
    kept: Option<Connection<std::net::TcpStream>>,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        Self { address, kept: None }
    }

    /// The answer; an error unless it is 200.
    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let mut connection = self.connection()?;
        let answer = connection.request(method, path, "", body)?;
        self.keep(connection, answer)
    }

    fn connection(&mut self) -> io::Result<Connection<std::net::TcpStream>> {
        self.kept.take().map_or_else(|| Connection::tcp(self.address), Ok)
    }

    fn keep(&mut self, connection: Connection<std::net::TcpStream>, answer: Answer) -> io::Result<Answer> {
        if answer.header("connection") != Some("close") {
            self.kept = Some(connection);
        }
        check(answer.status, &answer.text())?;
        Ok(answer)
    }
}

fn check(status: u16, text: &str) -> io::Result<()> {
    if status == 200 { Ok(()) } else { Err(io::Error::other(format!("{status} {text}"))) }
}
