//! A small HTTP/1.1 client that hides nothing.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The status and the reason code that Isles gave, if it was Isles that answered.
    pub fn refusal(&self) -> (u16, Option<&str>) {
        (self.status, self.header("x-isles-reason"))
    }
}

/// One connection, on which requests follow one another.
#[derive(Debug)]
pub struct Connection<S: Read + Write>(BufReader<S>);

impl Connection<TcpStream> {
    /// Connects by TCP.
    ///
    /// # Errors
    /// When it cannot.
    pub fn tcp(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }
}

impl Connection<UnixStream> {
    /// Connects to a Unix socket.
    ///
    /// # Errors
    /// When it cannot.
    pub fn unix(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }
}

impl<S: Read + Write> Connection<S> {
    /// Sends a request with a body of known length, and reads the answer.
    ///
    /// # Errors
    /// When the connection breaks, or what comes back is no HTTP.
    pub fn request(&mut self, method: &str, target: &str, fields: &str, body: &[u8]) -> io::Result<Answer> {
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let host = if fields.to_lowercase().contains("host:") { "" } else { "host: localhost\r\n" };
        self.send(format!("{method} {target} HTTP/1.1\r\n{host}{length}{fields}\r\n").as_bytes())?;
        self.send(body)?;
        self.answer(method == "HEAD")
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Reads exactly so many bytes.
    ///
    /// # Errors
    /// When the connection ends before.
    pub fn read(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads a line, without its end.
    ///
    /// # Errors
    /// When the connection ends before it.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).into())
    }

    /// Reads an answer's head: its status and its fields.
    ///
    /// # Errors
    /// When the connection ends before, or what comes is no HTTP.
    pub fn head(&mut self) -> io::Result<Answer> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, line))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Answer { status, headers, body: Vec::new() })
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// When the connection ends before, or what comes is no HTTP.
    pub fn answer(&mut self, to_head: bool) -> io::Result<Answer> {
        let mut answer = self.head()?;
        if to_head || matches!(answer.status, 100..=199 | 204 | 304) {
            return Ok(answer);
        }
        answer.body = match (answer.header("transfer-encoding"), answer.header("content-length")) {
            (Some(_), _) => self.chunks()?,
            (None, Some(length)) => self.read(length.parse().map_err(io::Error::other)?)?,
            (None, None) => {
                let mut rest = Vec::new();
                self.0.read_to_end(&mut rest)?;
                rest
            }
        };
        Ok(answer)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
            body.extend(self.read(size)?);
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

/// One request on a connection of its own.
///
/// # Errors
/// When the connection cannot be made or breaks.
pub fn request(address: SocketAddr, method: &str, target: &str, body: &[u8]) -> io::Result<Answer> {
    Connection::tcp(address)?.request(method, target, "connection: close\r\n", body)
}

/// One request to a Unix socket on a connection of its own.
///
/// # Errors
/// When the connection cannot be made or breaks.
pub fn request_unix(path: &Path, method: &str, target: &str, body: &[u8]) -> io::Result<Answer> {
    Connection::unix(path)?.request(method, target, "content-type: application/json\r\nconnection: close\r\n", body)
}
