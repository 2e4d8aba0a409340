//! A raw connection.

use model::Problem;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use wire::http1::{Body, Framing, HeadLimits, RequestHead, ResponseHead};

use super::PATIENCE;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A raw connection, of a client or a server.
pub(crate) struct Conn {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Conn {
    pub(crate) fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), buffer: Vec::new() }
    }

    /// The stream itself, of which nothing was read yet.
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    pub(crate) async fn send(&mut self, text: &str) {
        let _ = timeout(PATIENCE, self.stream.write_all(text.as_bytes())).await.expect("the peer takes it");
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("the peer takes it").is_ok()
    }

    pub(crate) async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await.expect("something arrives");
        matches!(read, Ok(1..))
    }

    /// The next request: head and body. `None` at the end.
    pub(crate) async fn request(&mut self) -> Option<(String, Vec<u8>)> {
        let head = self.request_head().await?;
        let body = self.body(head.1).await?;
        Some((head.0, body))
    }

    pub(crate) async fn request_head(&mut self) -> Option<(String, Framing)> {
        let mut head = RequestHead::default();
        while self.buffer.is_empty() || !head.parse(&self.buffer, &HeadLimits::default()).unwrap() {
            if !self.more().await {
                return None;
            }
        }
        let text = String::from_utf8(self.buffer.drain(..head.length()).collect()).unwrap();
        Some((text, head.framing()))
    }

    /// The next response: status, head and body.
    pub(crate) async fn response(&mut self) -> (u16, String, Vec<u8>) {
        self.response_to("GET").await
    }

    pub(crate) async fn response_to(&mut self, method: &str) -> (u16, String, Vec<u8>) {
        let (status, head, framing) = self.response_head(method).await;
        (status, head, self.body(framing).await.expect("the body is whole"))
    }

    /// The status of a GET; `None` if the connection ends instead.
    pub(crate) async fn try_get(&mut self, path: &str) -> Option<u16> {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let mut head = ResponseHead::default();
        while self.buffer.is_empty() || !head.parse(&self.buffer, false, &HeadLimits::default()).unwrap() {
            if !self.more().await {
                return None;
            }
        }
        Some(head.status())
    }

    pub(crate) async fn response_head(&mut self, method: &str) -> (u16, String, Framing) {
        let mut head = ResponseHead::default();
        while self.buffer.is_empty() || !head.parse(&self.buffer, method == "HEAD", &HeadLimits::default()).unwrap() {
            assert!(self.more().await, "the connection ended without a response");
        }
        let text = String::from_utf8(self.buffer.drain(..head.length()).collect()).unwrap();
        (head.status(), text, head.framing())
    }

    /// The whole body, or `None` if it broke off.
    pub(crate) async fn body(&mut self, framing: Framing) -> Option<Vec<u8>> {
        let (mut body, mut data) = (Body::new(framing), Vec::new());
        loop {
            let compacted = body.compact(&mut self.buffer).unwrap();
            data.extend_from_slice(&self.buffer[compacted.data]);
            self.buffer.drain(..compacted.consumed);
            if compacted.done {
                return Some(data);
            }
            if !self.more().await {
                return body.may_close().then_some(data);
            }
        }
    }

    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.more().await, "the connection ended early");
        }
        self.buffer.drain(..count).collect()
    }

    /// What comes up to an end, that with it.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        while !self.buffer.ends_with(end.as_bytes()) {
            assert!(self.more().await, "the connection ended early");
        }
        String::from_utf8(std::mem::take(&mut self.buffer)).unwrap()
    }

    /// All that still comes.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8(std::mem::take(&mut self.buffer)).unwrap()
    }

    /// Whether the peer closes without another byte.
    pub(crate) async fn ends(&mut self) -> bool {
        self.buffer.is_empty() && !self.more().await
    }

    pub(crate) async fn get(&mut self, path: &str) -> (u16, String) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let (status, _, body) = self.response().await;
        (status, String::from_utf8(body).unwrap())
    }

    /// The problem that a request is answered with.
    pub(crate) async fn problem(&mut self, request: &str) -> Problem {
        self.send(request).await;
        let (mut status, mut head, mut body) = self.response().await;
        while status == 100 {
            (status, head, body) = self.response().await;
        }
        let problem: Problem = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no problem: {head}"));
        assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
        assert!(head.contains(&format!("x-isles-reason: {}\r\n", problem.reason)), "{head}");
        assert_eq!(problem.status, status);
        problem
    }
}
