//! The request for the next messages of a pull consumer, in its three forms: nothing, a number, JSON.

use serde::Deserialize;

use super::{Nanos, Status};

/// A request for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// How many messages, at least 1.
    pub batch: u64,
    /// For how long the request waits; 0 is without end, or not at all with `no_wait`.
    pub expires: Nanos,
    /// The most bytes; 0 is without bound.
    pub max_bytes: u64,
    /// Not to wait where there is no message now.
    pub no_wait: bool,
    /// How often a waiting request wants to hear from the server; 0 is never.
    pub idle_heartbeat: Nanos,
}

impl Default for Next {
    fn default() -> Self {
        Self { batch: 1, expires: Nanos(0), max_bytes: 0, no_wait: false, idle_heartbeat: Nanos(0) }
    }
}

/// The JSON form, in which clients also write `null` for what they do not ask for. Priority groups are not supported, and the
/// name of one says nothing to a consumer without them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    expires: Option<Nanos>,
    batch: Option<i64>,
    max_bytes: Option<i64>,
    no_wait: Option<bool>,
    idle_heartbeat: Option<Nanos>,
    min_pending: Option<i64>,
    min_ack_pending: Option<i64>,
    id: Option<String>,
    priority: Option<i64>,
}

impl Next {
    /// Reads the body of a request, or what follows `+NXT` in an acknowledgement. A text that is neither number nor JSON
    /// asks for one message.
    ///
    /// # Errors
    /// The status that answers it.
    pub fn parse(body: &[u8]) -> Result<Self, Status> {
        let body = body.trim_ascii();
        if body.first() == Some(&b'{') {
            return serde_json::from_slice(body).map_err(|error| bad(error.to_string())).and_then(Self::from_body);
        }
        let number = str::from_utf8(body).ok().and_then(|text| text.parse::<i64>().ok());
        Ok(Self { batch: at_least_one(number.unwrap_or(1)), ..Self::default() })
    }

    fn from_body(body: Body) -> Result<Self, Status> {
        let (expires, idle_heartbeat) = (body.expires.unwrap_or_default(), body.idle_heartbeat.unwrap_or_default());
        if idle_heartbeat.0 > 0 && idle_heartbeat.0.saturating_mul(2) > expires.0 {
            return Err(bad("heartbeat value too large"));
        }
        if [body.min_pending, body.min_ack_pending].iter().any(|least| least.unwrap_or(0) != 0) {
            return Err(bad("Not a Overflow Priority consumer"));
        }
        if body.id.is_some_and(|id| !id.is_empty()) {
            return Err(bad("Not a Pinned Client Priority consumer"));
        }
        if !(0..=9).contains(&body.priority.unwrap_or(0)) {
            return Err(bad("Priority must be between 0 and 9"));
        }
        Ok(Self {
            batch: at_least_one(body.batch.unwrap_or(0)),
            expires,
            max_bytes: body.max_bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            no_wait: body.no_wait.unwrap_or(false),
            idle_heartbeat,
        })
    }
}

fn at_least_one(number: i64) -> u64 {
    number.max(1).unsigned_abs()
}

fn bad(cause: impl Into<String>) -> Status {
    Status::BadPullRequest(cause.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let batch = |batch: u64| Next { batch, ..Next::default() };
        for (text, expected) in [
            ("", batch(1)),
            ("  \r\n", batch(1)),
            ("10", batch(10)),
            (" 7 ", batch(7)),
            ("0", batch(1)),
            ("-3", batch(1)),
            ("all", batch(1)),
            ("{}", batch(1)),
            (r#"{"batch":5,"no_wait":true}"#, Next { no_wait: true, ..batch(5) }),
            (
                r#"{"expires":5000000000,"batch":2,"max_bytes":1024,"idle_heartbeat":1000000000,"group":"a"}"#,
                Next { expires: Nanos::from_secs(5), max_bytes: 1024, idle_heartbeat: Nanos::from_secs(1), ..batch(2) },
            ),
            (r#"{"max_bytes":-1,"more":true}"#, batch(1)),
            (
                r#"{"batch":9,"expires":null,"max_bytes":null,"no_wait":null,"idle_heartbeat":null,"min_pending":null,
                "min_ack_pending":null,"group":null,"id":null,"priority":null}"#,
                batch(9),
            ),
        ] {
            assert_eq!(Next::parse(text.as_bytes()), Ok(expected), "{text}");
        }
        assert_eq!(Next::parse(&[0xff]), Ok(batch(1)));
    }

    #[test]
    fn refusals() {
        for (text, expected) in [
            (r#"{"expires":1,"idle_heartbeat":1}"#, "heartbeat value too large"),
            (r#"{"min_pending":1}"#, "Not a Overflow Priority consumer"),
            (r#"{"min_ack_pending":1}"#, "Not a Overflow Priority consumer"),
            (r#"{"id":"x"}"#, "Not a Pinned Client Priority consumer"),
            (r#"{"priority":10}"#, "Priority must be between 0 and 9"),
        ] {
            assert_eq!(Next::parse(text.as_bytes()), Err(bad(expected)), "{text}");
        }
        for text in ["{", r#"{"batch":"1"}"#] {
            let status = Next::parse(text.as_bytes()).unwrap_err();
            assert!(status.block().starts_with("NATS/1.0 400 Bad Request - "), "{text}: {status:?}");
        }
    }
}
