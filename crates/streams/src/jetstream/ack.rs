//! What a client answers to a delivered message.

use serde::Deserialize;

use super::{Nanos, Next, Status};

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ack {
    /// The message is done.
    Done,
    /// The message is to be delivered again: after this time, or as the consumer's back-off says.
    Again(Option<Nanos>),
    /// The message is being worked on: its time begins anew.
    InProgress,
    /// The message is never to be delivered again, with the reason if there is one.
    Never(Option<String>),
    /// The message is done, and this request for others follows; it is answered with the status if it cannot be understood.
    DoneAndNext(Result<Next, Status>),
}

/// The JSON after `-NAK`.
#[derive(Deserialize)]
struct Delay {
    delay: Nanos,
}

impl Ack {
    /// Reads the body of an acknowledgement; `None` for what is none and changes nothing.
    pub fn parse(body: &[u8]) -> Option<Self> {
        match body {
            b"" | b"+ACK" | b"+OK" => return Some(Self::Done),
            b"+WPI" => return Some(Self::InProgress),
            _ => {}
        }
        if let Some(rest) = body.strip_prefix(b"+NXT") {
            return Some(Self::DoneAndNext(Next::parse(rest)));
        }
        if let Some(rest) = body.strip_prefix(b"-NAK") {
            return Some(Self::Again(delay(rest.trim_ascii())));
        }
        let reason = String::from_utf8_lossy(body.strip_prefix(b"+TERM")?.trim_ascii()).into_owned();
        Some(Self::Never(Some(reason).filter(|reason| !reason.is_empty())))
    }
}

/// JSON with nanoseconds, or a text such as `1m30s`. What is neither asks for no delay of its own.
fn delay(text: &[u8]) -> Option<Nanos> {
    if text.first() == Some(&b'{') {
        return serde_json::from_slice::<Delay>(text).ok().map(|body| body.delay);
    }
    Nanos::parse(str::from_utf8(text).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let next = |batch: u64| Some(Ack::DoneAndNext(Ok(Next { batch, ..Next::default() })));
        let again = |nanos: i64| Some(Ack::Again(Some(Nanos(nanos))));
        let never = |reason: Option<&str>| Some(Ack::Never(reason.map(str::to_owned)));
        for (body, expected) in [
            ("", Some(Ack::Done)),
            ("+ACK", Some(Ack::Done)),
            ("+OK", Some(Ack::Done)),
            ("+WPI", Some(Ack::InProgress)),
            ("-NAK", Some(Ack::Again(None))),
            ("-NAK {\"delay\": 1500}", again(1_500)),
            ("-NAK{\"delay\":0}", again(0)),
            ("-NAK 1m30s", again(90_000_000_000)),
            ("-NAK {\"delay\":\"1s\"}", Some(Ack::Again(None))),
            ("-NAK soon", Some(Ack::Again(None))),
            ("+TERM", never(None)),
            ("+TERM  ", never(None)),
            ("+TERM no such user ", never(Some("no such user"))),
            ("+NXT", next(1)),
            ("+NXT 5", next(5)),
            ("+NXT {\"batch\":7}", next(7)),
            ("+NXT {\"id\":\"x\"}", Some(Ack::DoneAndNext(Next::parse(b"{\"id\":\"x\"}")))),
            ("+ACK ", None),
            ("+WPI now", None),
            ("ok", None),
        ] {
            assert_eq!(Ack::parse(body.as_bytes()), expected, "{body}");
        }
    }
}
