//! Statuses: messages without a body whose header block tells a client how its request went.
//!
//! Clients compare the texts, so they are part of the protocol.

use std::{borrow::Cow, fmt::Write};

use super::Nanos;

/// What of a pull request was not met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unmet {
    /// Messages that were asked for and did not come.
    pub messages: u64,
    /// Bytes that were asked for and did not come.
    pub bytes: u64,
}

/// A status, with what its headers tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The consumer is alive and has nothing to deliver.
    IdleHeartbeat {
        /// The sequence of the consumer's last delivery.
        consumer_seq: u64,
        /// The sequence of its message in the stream.
        stream_seq: u64,
        /// Where to answer the flow control request that the consumer waits for.
        stalled: Option<String>,
    },
    /// The client answers at the message's reply subject when it has come this far.
    FlowControl,
    /// The end of a direct get of several messages.
    EndOfBatch(BatchEnd),
    /// A pull request that no message meets now.
    NoMessages,
    /// A direct get that no message meets.
    MessageNotFound,
    /// A direct get of several messages that none meets.
    NoResults,
    /// A direct get without a condition.
    EmptyRequest,
    /// A direct get whose conditions exclude each other.
    BadRequest,
    /// A direct get that is no JSON.
    MalformedRequest,
    /// A pull request whose time is over.
    RequestTimeout(Unmet),
    /// A pull request whose client has gone.
    InterestExpired(Unmet),
    /// A pull request without waiting, while others wait for more messages than there are.
    RequestsPending,
    /// A pull request is full.
    BatchCompleted(Unmet),
    /// The next message is larger than what a pull request leaves.
    MessageSizeExceedsMaxBytes(Unmet),
    /// The consumer was deleted.
    ConsumerDeleted,
    /// The consumer delivers without being asked.
    ConsumerIsPushBased,
    /// Too many pull requests wait.
    ExceededMaxWaiting,
    /// A pull request for more messages than the consumer allows.
    ExceededMaxRequestBatch(i64),
    /// A pull request for longer than the consumer allows.
    ExceededMaxRequestExpires(Nanos),
    /// A pull request for more bytes than the consumer allows.
    ExceededMaxRequestMaxBytes(i64),
    /// The server ends.
    ServerShutdown(Unmet),
    /// A pull request that cannot be understood, with the cause.
    BadPullRequest(String),
    /// A request that asks for a higher level of the API.
    RequiredApiLevel,
    /// A direct get of the last messages of too many subjects.
    TooManyResults,
}

/// What the end of a batch tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchEnd {
    /// How many messages meet the request beyond those sent.
    pub pending: u64,
    /// The sequence of the last message sent.
    pub last_seq: u64,
    /// Up to which sequence last messages of subjects were looked for.
    pub up_to_seq: Option<u64>,
}

impl Status {
    /// The header block, ready to be sent.
    pub fn block(&self) -> String {
        let (code, text) = self.line();
        let mut block = format!("NATS/1.0 {code} {text}\r\n");
        for (name, value) in self.headers() {
            let _ = write!(block, "{name}: {value}\r\n");
        }
        block + "\r\n"
    }

    fn line(&self) -> (u16, Cow<'static, str>) {
        let (code, text) = match self {
            Self::IdleHeartbeat { .. } => (100, "Idle Heartbeat"),
            Self::FlowControl => (100, "FlowControl Request"),
            Self::EndOfBatch(_) => (204, "EOB"),
            Self::NoMessages => (404, "No Messages"),
            Self::MessageNotFound => (404, "Message Not Found"),
            Self::NoResults => (404, "No Results"),
            Self::EmptyRequest => (408, "Empty Request"),
            Self::BadRequest => (408, "Bad Request"),
            Self::MalformedRequest => (408, "Malformed Request"),
            Self::RequestTimeout(_) => (408, "Request Timeout"),
            Self::InterestExpired(_) => (408, "Interest Expired"),
            Self::RequestsPending => (408, "Requests Pending"),
            Self::BatchCompleted(_) => (409, "Batch Completed"),
            Self::MessageSizeExceedsMaxBytes(_) => (409, "Message Size Exceeds MaxBytes"),
            Self::ConsumerDeleted => (409, "Consumer Deleted"),
            Self::ConsumerIsPushBased => (409, "Consumer is push based"),
            Self::ExceededMaxWaiting => (409, "Exceeded MaxWaiting"),
            Self::ExceededMaxRequestBatch(max) => return (409, format!("Exceeded MaxRequestBatch of {max}").into()),
            Self::ExceededMaxRequestExpires(max) => {
                return (409, format!("Exceeded MaxRequestExpires of {max}").into());
            }
            Self::ExceededMaxRequestMaxBytes(max) => {
                return (409, format!("Exceeded MaxRequestMaxBytes of {max}").into());
            }
            Self::ServerShutdown(_) => (409, "Server Shutdown"),
            // A line break in the cause would end the block.
            Self::BadPullRequest(cause) => {
                return (400, format!("Bad Request - {}", cause.replace(['\r', '\n'], " ")).into());
            }
            Self::RequiredApiLevel => (412, "Required Api Level"),
            Self::TooManyResults => (413, "Too Many Results"),
        };
        (code, text.into())
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::IdleHeartbeat { consumer_seq, stream_seq, stalled } => {
                let sequences = [("Nats-Last-Consumer", consumer_seq), ("Nats-Last-Stream", stream_seq)];
                let stalled = stalled.iter().map(|subject| ("Nats-Consumer-Stalled", subject.clone()));
                sequences.map(|(name, seq)| (name, seq.to_string())).into_iter().chain(stalled).collect()
            }
            Self::EndOfBatch(end) => {
                let ends = [("Nats-Num-Pending", end.pending), ("Nats-Last-Sequence", end.last_seq)];
                let up_to = end.up_to_seq.map(|seq| ("Nats-UpTo-Sequence", seq));
                ends.into_iter().chain(up_to).map(|(name, number)| (name, number.to_string())).collect()
            }
            Self::RequestTimeout(unmet)
            | Self::InterestExpired(unmet)
            | Self::BatchCompleted(unmet)
            | Self::MessageSizeExceedsMaxBytes(unmet)
            | Self::ServerShutdown(unmet) => {
                vec![
                    ("Nats-Pending-Messages", unmet.messages.to_string()),
                    ("Nats-Pending-Bytes", unmet.bytes.to_string()),
                ]
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNMET: Unmet = Unmet { messages: 3, bytes: 40 };

    fn check(status: &Status, expected: &str) {
        assert_eq!(status.block(), expected, "{status:?}");
    }

    #[test]
    fn lines() {
        for (status, line) in [
            (Status::FlowControl, "100 FlowControl Request"),
            (Status::NoMessages, "404 No Messages"),
            (Status::MessageNotFound, "404 Message Not Found"),
            (Status::NoResults, "404 No Results"),
            (Status::EmptyRequest, "408 Empty Request"),
            (Status::BadRequest, "408 Bad Request"),
            (Status::MalformedRequest, "408 Malformed Request"),
            (Status::RequestsPending, "408 Requests Pending"),
            (Status::ConsumerDeleted, "409 Consumer Deleted"),
            (Status::ConsumerIsPushBased, "409 Consumer is push based"),
            (Status::ExceededMaxWaiting, "409 Exceeded MaxWaiting"),
            (Status::ExceededMaxRequestBatch(10), "409 Exceeded MaxRequestBatch of 10"),
            (Status::ExceededMaxRequestExpires(Nanos::from_secs(60)), "409 Exceeded MaxRequestExpires of 1m0s"),
            (Status::ExceededMaxRequestMaxBytes(99), "409 Exceeded MaxRequestMaxBytes of 99"),
            (Status::BadPullRequest("a\r\nb".into()), "400 Bad Request - a  b"),
            (Status::RequiredApiLevel, "412 Required Api Level"),
            (Status::TooManyResults, "413 Too Many Results"),
        ] {
            check(&status, &format!("NATS/1.0 {line}\r\n\r\n"));
        }
    }

    #[test]
    fn what_a_pull_request_did_not_get() {
        for (status, line) in [
            (Status::RequestTimeout(UNMET), "408 Request Timeout"),
            (Status::InterestExpired(UNMET), "408 Interest Expired"),
            (Status::BatchCompleted(UNMET), "409 Batch Completed"),
            (Status::MessageSizeExceedsMaxBytes(UNMET), "409 Message Size Exceeds MaxBytes"),
            (Status::ServerShutdown(UNMET), "409 Server Shutdown"),
        ] {
            check(&status, &format!("NATS/1.0 {line}\r\nNats-Pending-Messages: 3\r\nNats-Pending-Bytes: 40\r\n\r\n"));
        }
    }

    #[test]
    fn heartbeats() {
        let beat = |stalled: Option<&str>| Status::IdleHeartbeat {
            consumer_seq: 4,
            stream_seq: 9,
            stalled: stalled.map(str::to_owned),
        };
        let block = "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 4\r\nNats-Last-Stream: 9\r\n";
        check(&beat(None), &format!("{block}\r\n"));
        check(&beat(Some("$JS.FC.s.c.x")), &format!("{block}Nats-Consumer-Stalled: $JS.FC.s.c.x\r\n\r\n"));
    }

    #[test]
    fn ends_of_batches() {
        let end = |up_to_seq: Option<u64>| Status::EndOfBatch(BatchEnd { pending: 2, last_seq: 7, up_to_seq });
        let block = "NATS/1.0 204 EOB\r\nNats-Num-Pending: 2\r\nNats-Last-Sequence: 7\r\n";
        check(&end(None), &format!("{block}\r\n"));
        check(&end(Some(9)), &format!("{block}Nats-UpTo-Sequence: 9\r\n\r\n"));
    }
}
