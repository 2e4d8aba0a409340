//! What the HTTP/1.1 codec makes of the bytes that a client sends on one connection.

use wire::http1::{
    Body, CHUNK_END, ChunkHead, FieldKind, Framing, HeadError, HeadLimits, LAST_CHUNK, RequestHead, RequestLine,
    end_request, write_request,
};

/// How a request goes on inside, as it came.
pub const INSIDE: RequestLine = RequestLine::AS_IT_CAME;

/// A request as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Vec<u8>,
    /// The canonical path.
    pub path: String,
    /// The host.
    pub host: String,
    /// How the body is framed.
    pub framing: Framing,
    /// The data of the body.
    pub body: Vec<u8>,
    /// The fields that go on and have no meaning to a proxy.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The head as it goes on.
    pub forwarded: Vec<u8>,
    /// How many bytes it took.
    pub length: usize,
}

/// Why no further request was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The input is used up.
    Clean,
    /// The input ends within a request.
    Truncated,
    /// The last request was the last one by its own word.
    Closed,
    /// What follows is refused.
    Refused(HeadError),
}

/// Reads the requests of one connection; its bytes arrive in these pieces.
pub fn read(pieces: &[&[u8]]) -> (Vec<Request>, End) {
    let mut reader = Reader::default();
    for piece in pieces {
        reader.input.extend_from_slice(piece);
        while let Some(progress) = reader.step().transpose() {
            if let Err(end) = progress {
                return (reader.requests, end);
            }
        }
    }
    let end = if reader.input.is_empty() && reader.current.is_none() { End::Clean } else { End::Truncated };
    (reader.requests, end)
}

/// The request as it goes on, whole.
pub fn send_on(request: &Request) -> Vec<u8> {
    let mut sent = request.forwarded.clone();
    match request.framing {
        Framing::Chunked => sent.extend(encode(&[&request.body])),
        _ => sent.extend_from_slice(&request.body),
    }
    sent
}

/// The pieces as chunks.
pub fn encode(pieces: &[&[u8]]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        encoded.extend([ChunkHead::new(piece.len()).as_bytes(), piece, CHUNK_END].concat());
    }
    encoded.extend_from_slice(LAST_CHUNK);
    encoded
}

#[derive(Default)]
struct Reader {
    input: Vec<u8>,
    head: RequestHead,
    current: Option<(Body, Request, bool)>,
    requests: Vec<Request>,
}

impl Reader {
    /// Takes one part off the input; none if there is too little of it.
    fn step(&mut self) -> Result<Option<()>, End> {
        match self.current.take() {
            None => self.begin(),
            Some((mut body, mut request, keep_alive)) => {
                let compacted = body.compact(&mut self.input).map_err(End::Refused)?;
                request.body.extend_from_slice(&self.input[compacted.data]);
                request.length += compacted.consumed;
                self.input.drain(..compacted.consumed);
                if !compacted.done {
                    self.current = Some((body, request, keep_alive));
                    return Ok(None);
                }
                self.requests.push(request);
                if keep_alive { Ok(Some(())) } else { Err(End::Closed) }
            }
        }
    }

    fn begin(&mut self) -> Result<Option<()>, End> {
        if !self.head.parse(&self.input, &HeadLimits::default()).map_err(End::Refused)? {
            return Ok(None);
        }
        let request = describe(&self.input, &self.head);
        self.input.drain(..self.head.length());
        self.current = Some((Body::new(self.head.framing()), request, self.head.keep_alive()));
        Ok(Some(()))
    }
}

fn describe(bytes: &[u8], head: &RequestHead) -> Request {
    let mut forwarded = Vec::new();
    write_request(bytes, head, INSIDE, &mut forwarded);
    end_request(head, None, &mut forwarded);
    let goes_on = |kind| matches!(kind, FieldKind::Other | FieldKind::Forwarded);
    let fields = head.fields().iter().filter(|field| goes_on(field.kind));
    Request {
        method: head.method(bytes).to_vec(),
        path: head.path(bytes).to_owned(),
        host: head.host(bytes).to_owned(),
        framing: head.framing(),
        body: Vec::new(),
        fields: fields.map(|field| (field.name.of_head(bytes).to_vec(), field.value.of_head(bytes).to_vec())).collect(),
        forwarded,
        length: head.length(),
    }
}
