//! A conversation of several clients with a server.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use wire::nats::{HeaderBlock, Limits, Parsed, ServerOp, parse_server};

/// Only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client says something.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) client: usize,
    pub(crate) says: String,
}

/// What a client heard after each step, the order of its messages aside; and whether its connection ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) steps: Vec<Vec<String>>,
    pub(crate) ended: bool,
}

/// What all clients heard.
pub(crate) fn talk(server: &super::Server, script: &[Step]) -> BTreeMap<usize, Heard> {
    let mut clients = BTreeMap::new();
    for step in script {
        clients.entry(step.client).or_insert_with(|| Client::connect(server.address));
        let client = clients.get_mut(&step.client).expect("it was just connected");
        client.say(&step.says);
        // Once it got its answer, what it said is on its way to the others, before their answers.
        client.listen();
        clients.iter_mut().filter(|(number, _)| **number != step.client).for_each(|(_, other)| other.listen());
    }
    clients.into_iter().map(|(number, client)| (number, client.heard)).collect()
}

struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
    heard: Heard,
    pongs_due: usize,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(PATIENCE))).expect("they can be set");
        let mut client = Self { stream, unread: Vec::new(), heard: Heard::default(), pongs_due: 0 };
        while !client.unread.ends_with(b"\r\n") {
            client.read();
        }
        client.unread.clear();
        client
    }

    fn say(&mut self, says: &str) {
        self.pongs_due += says.lines().filter(|line| line.eq_ignore_ascii_case("PING")).count();
        // It may have been sent away before.
        let _ = self.stream.write_all(says.as_bytes());
    }

    /// Hears everything up to the answer to a `PING`, or to the end.
    fn listen(&mut self) {
        let _ = self.stream.write_all(b"PING\r\n");
        self.pongs_due += 1;
        let mut heard = Vec::new();
        while !self.heard.ended && self.pongs_due > 0 {
            match parse_server(&self.unread, &Limits::default()).expect("servers speak NATS") {
                Parsed::Partial { .. } => self.read(),
                Parsed::Whole { op, length } => {
                    match op {
                        ServerOp::Pong => self.pongs_due -= 1,
                        op => heard.extend(tell(op)),
                    }
                    self.unread.drain(..length);
                }
            }
        }
        heard.sort();
        self.heard.steps.push(heard);
    }

    fn read(&mut self) {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.heard.ended = true,
            Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => self.heard.ended = true,
            Err(error) => panic!("no answer: {error}"),
        }
    }
}

/// An operation as both servers mean it: ours gives a reason where the other one gives none, and says with a `503` what nobody got.
fn tell(op: ServerOp<'_>) -> Option<String> {
    match op {
        ServerOp::Error(b"Parser Error") => None,
        ServerOp::Error(text) => Some(format!("error {}", String::from_utf8_lossy(text))),
        ServerOp::Message(message) => {
            // Which of its subscriptions is told that nobody answers is chance with the other one.
            let status = HeaderBlock::parse(message.headers).ok().and_then(|block| block.status());
            let (sid, headers) = if status.is_some() { (&b"-"[..], &b""[..]) } else { (message.sid, message.headers) };
            let [subject, sid, reply, headers, payload] =
                [message.subject, sid, message.reply.unwrap_or(b"-"), headers, message.payload]
                    .map(String::from_utf8_lossy);
            Some(format!("message {subject} {sid} {reply} {status:?} {headers:?} {payload:?}"))
        }
        op => Some(format!("{op:?}")),
    }
}
