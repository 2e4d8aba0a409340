//! As much of a NATS client as it takes.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};

const CONNECT: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"name\":\"load\"}\r\nPING\r\n";
/// Where answers come in: `INBOX.` and a token.
pub(crate) const INBOX: &str = "_INBOX.load";
const READ_BYTES: usize = 256 << 10;
/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection with a subscription to its own inbox.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    line: String,
    subscriptions: u64,
    /// What is to be written.
    pub(crate) out: Vec<u8>,
    pub(crate) message: Message,
}

/// The message that was read last.
#[derive(Default)]
pub(crate) struct Message {
    /// Where it is to be answered.
    pub(crate) reply: String,
    /// Headers included.
    pub(crate) bytes: Vec<u8>,
    headers: usize,
}

impl Message {
    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[self.headers..]
    }

    /// The number behind `NATS/1.0 `, where there is one.
    pub(crate) fn status(&self) -> Option<&str> {
        let first = std::str::from_utf8(self.bytes[..self.headers].split(|byte| *byte == b'\r').next()?).ok()?;
        first.strip_prefix("NATS/1.0 ")?.split(' ').next()
    }
}

impl Client {
    pub(crate) fn connect(address: &str) -> anyhow::Result<Self> {
        let writer = TcpStream::connect(address)?;
        writer.set_nodelay(true)?;
        writer.set_read_timeout(Some(PATIENCE))?;
        let reader = BufReader::with_capacity(READ_BYTES, writer.try_clone()?);
        let (line, out, message) = (String::new(), CONNECT.to_vec(), Message::default());
        let mut client = Self { reader, writer, line, subscriptions: 0, out, message };
        client.subscribe(&format!("{INBOX}.>"))?;
        Ok(client)
    }

    /// Returns when the server has taken it.
    pub(crate) fn subscribe(&mut self, subject: &str) -> anyhow::Result<()> {
        self.subscriptions += 1;
        self.out.extend_from_slice(format!("SUB {subject} {}\r\nPING\r\n", self.subscriptions).as_bytes());
        self.flush()?;
        while !self.read_line()?.starts_with("PONG") {}
        Ok(())
    }

    /// Adds a message to what is to be written.
    pub(crate) fn publish(&mut self, subject: &str, reply: &str, payload: &[u8]) {
        let space = if reply.is_empty() { "" } else { " " };
        let _ = write!(self.out, "PUB {subject}{space}{reply} {}\r\n", payload.len());
        self.out.extend_from_slice(payload);
        self.out.extend_from_slice(b"\r\n");
    }

    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.writer.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Whether some of what comes next is here already.
    pub(crate) fn has_more(&self) -> bool {
        !self.reader.buffer().is_empty()
    }

    /// Reads the next message.
    pub(crate) fn read(&mut self) -> anyhow::Result<()> {
        loop {
            self.read_line()?;
            let mut words = self.line.split_ascii_whitespace();
            let has_headers = match words.next() {
                Some("MSG") => false,
                Some("HMSG") => true,
                Some("PING") => {
                    self.out.extend_from_slice(b"PONG\r\n");
                    self.flush()?;
                    continue;
                }
                Some("PONG" | "INFO" | "+OK") => continue,
                _ => bail!("the server says: {}", self.line.trim_end()),
            };
            let words: Vec<_> = words.collect();
            let sizes = if has_headers { 2 } else { 1 };
            ensure!(words.len() >= 2 + sizes, "an odd line: {}", self.line);
            let (names, sizes) = words.split_at(words.len() - sizes);
            self.message.reply.clear();
            self.message.reply.push_str(names.get(2).copied().unwrap_or_default());
            self.message.headers = if has_headers { sizes[0].parse()? } else { 0 };
            let total: usize = sizes[sizes.len() - 1].parse()?;
            self.message.bytes.resize(total + 2, 0);
            self.reader.read_exact(&mut self.message.bytes)?;
            self.message.bytes.truncate(total);
            return Ok(());
        }
    }

    /// Asks and waits for the answer.
    pub(crate) fn request(&mut self, subject: &str, body: &str) -> anyhow::Result<String> {
        self.publish(subject, &format!("{INBOX}.0"), body.as_bytes());
        self.flush()?;
        self.read()?;
        let answer = String::from_utf8(self.message.payload().to_vec())?;
        ensure!(self.message.status().is_none(), "{subject}: {}", self.message.status().unwrap_or_default());
        Ok(answer)
    }

    /// As [`Client::request`], of JetStream's API.
    pub(crate) fn api(&mut self, subject: &str, body: &str) -> anyhow::Result<String> {
        let answer = self.request(&format!("$JS.API.{subject}"), body)?;
        ensure!(!answer.contains("\"error\""), "{subject}: {answer}");
        Ok(answer)
    }

    fn read_line(&mut self) -> anyhow::Result<&str> {
        self.line.clear();
        let count = self.reader.read_line(&mut self.line)?;
        ensure!(count > 0, "the server has closed the connection");
        let error = self.line.strip_prefix("-ERR");
        error
            .map_or(Ok(()), |error| Err(anyhow::anyhow!("the server says: {}", error.trim())))
            .context("in the protocol")?;
        Ok(&self.line)
    }
}
