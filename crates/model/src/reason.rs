//! Reason codes: the stable names of everything that Isles itself refuses or gives up.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ServiceName;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $code:literal $status:literal $title:literal $hint:literal;)*) => {
        /// Why Isles answered a request itself. The code is stable; clients may match on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $name),* }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable code: what `x-isles-reason` says.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The HTTP status it is answered with.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// What happened, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// What a person can do; `SERVICE` stands for the service that was called.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint),* }
            }
        }
    };
}

reasons! {
    /// The request is not HTTP/1.1 as RFC 9112 writes it.
    BadRequest "bad-request" 400 "the request is malformed" "send a request that follows RFC 9112; over TLS (https), where the port speaks it";
    /// No route of the gateway fits host and path.
    NoRoute "no-route" 404 "no route fits this host and path" "add a route to [gateway.routes], or check the path";
    /// The peer is not the instance that the address belongs to.
    NotAttested "not-attested" 403 "this address belongs to another instance"
        "call from the instance itself: each instance has addresses of its own";
    /// The policy takes no requests that ask to change to another protocol.
    UpgradeRefused "upgrade-refused" 403 "this route or connection takes no upgrades"
        "set `upgrades = true` in its policy, or send the request without `upgrade`";
    /// The client took too long to send its request head.
    RequestTimeout "request-timeout" 408 "the request head did not arrive in time" "send the whole head at once";
    /// The request body came too slowly.
    BodyTooSlow "body-too-slow" 408 "the request body came too slowly" "send faster, or lower `progress` in the limits";
    /// The body is larger than allowed.
    BodyTooLarge "body-too-large" 413 "the request body is larger than allowed" "send less, or raise the limit";
    /// The request target is longer than allowed (RFC 9112 section 3).
    TargetTooLong "target-too-long" 414 "the request target is longer than allowed" "send less in path and query";
    /// The address belongs to no declared connection.
    NotDeclared "not-declared" 421 "this address belongs to no declared connection"
        "declare the call: calls = [\"…\"] in the caller's part of the manifest";
    /// The TLS connection was opened for another host, and its certificate is not for this one (RFC 9110 section 15.5.20).
    Misdirected "misdirected" 421 "this connection is not for this host"
        "open another connection for this host, or add it to the certificate";
    /// A protocol needs HTTP/2, and the request came over HTTP/1.1.
    Http2Required "http2-required" 426 "gRPC needs HTTP/2" "speak HTTP/2 with prior knowledge, or TLS with ALPN `h2`";
    /// More requests than the rate allows.
    RateLimited "rate-limited" 429 "more requests came than the rate allows" "send fewer, or raise `rate`";
    /// An HTTP/2 client sent too many frames that cost something and ask for nothing. It gets a GOAWAY with ENHANCE_YOUR_CALM.
    TooManyFrames "too-many-frames" 429 "the client sent too many frames that ask for nothing"
        "send fewer PING, SETTINGS, RST_STREAM and empty frames, or raise the limits of `http2`";
    /// The request head is larger than allowed, or has too many fields.
    HeadTooLarge "head-too-large" 431 "the request head is larger than allowed" "send fewer or shorter header fields";
    /// The method, the transfer coding or the version is not supported.
    NotImplemented "not-implemented" 501 "the request asks for something that is not supported"
        "use a method in capital letters other than CONNECT, a transfer coding of `chunked` or none, and HTTP/1.1";
    /// The instance refused the connection.
    Refused "refused" 502 "the instance refused the connection" "see `isles why SERVICE` and `isles logs SERVICE`";
    /// The connection to the instance broke before the end of its answer.
    Reset "reset" 502 "the instance closed the connection before its answer was whole"
        "see `isles logs SERVICE` for a crash";
    /// The instance's answer is not HTTP/1.1 as RFC 9112 writes it.
    BadResponse "bad-response" 502 "the instance's answer is malformed" "see what the program writes with `curl -v`";
    /// The instance's response head is larger than allowed.
    ResponseTooLarge "response-too-large" 502 "the instance's response head is larger than allowed"
        "send fewer or shorter fields, or raise `response_head` in the limits";
    /// The service has no instance that could take the request.
    NoUpstream "no-upstream" 503 "the service has no healthy instance" "run `isles why SERVICE`";
    /// The request was held until the service became healthy, but it did not in time.
    NotReady "not-ready" 503 "the service has not become healthy in time" "run `isles why SERVICE`";
    /// As many requests as may wait for an instance, or for a connection to one.
    QueueFull "queue-full" 503 "too many requests wait for an instance, or for a connection to one"
        "raise `queue` of the connection, or run `isles scale SERVICE=N`";
    /// The breaker is open: the service failed too often.
    BreakerOpen "breaker-open" 503 "the service failed too often and is given a rest"
        "run `isles why SERVICE`: it lists what failed";
    /// As many requests are in flight as may be, and the queue is full or the wait took too long.
    Overloaded "overloaded" 503 "more requests are in flight, and wait, than the service can take"
        "run `isles scale SERVICE=N`, or raise `in_flight_max` or `queue`";
    /// More connections than allowed, in all or from this peer.
    TooManyConnections "too-many-connections" 503 "there are too many connections"
        "reuse connections, or raise `connections` of the gateway, or `client_connections` of the connection";
    /// Isles is shutting down.
    ShuttingDown "shutting-down" 503 "the system is shutting down" "try again when it is up";
    /// The instance was drained, and the request did not end in time.
    DrainTimeout "drain-timeout" 503 "the instance was stopped before the request ended" "raise `drain_timeout`";
    /// No connection to the instance within the connect timeout.
    ConnectTimeout "connect-timeout" 504 "the instance did not accept the connection in time"
        "see `isles why SERVICE`: is it overloaded?";
    /// The caller's own deadline has passed.
    DeadlineExceeded "deadline-exceeded" 504 "the caller's deadline has passed" "give the request more time";
    /// Silence in the middle of a message.
    IdleTimeout "idle-timeout" 504 "nothing came for too long in the middle of a message" "raise `idle_timeout`";
    /// No answer within the request timeout.
    Timeout "timeout" 504 "the instance did not answer in time" "raise `timeout` of the connection, or see `isles why SERVICE`";
}

impl Reason {
    /// What a person can do about a call of this service.
    pub fn hint_for(self, service: &ServiceName) -> String {
        self.hint().replace("SERVICE", service.as_str())
    }

    /// Whether it speaks of the request or of who sent it.
    pub fn blames_caller(self) -> bool {
        self.status() < 500
    }

    /// Whether it speaks of the service that was called, rather than of the caller, of a bound or of Isles in front of it.
    pub fn blames_callee(self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::Reset
                | Self::BadResponse
                | Self::ResponseTooLarge
                | Self::ConnectTimeout
                | Self::Timeout
                | Self::IdleTimeout
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        let found = Self::ALL.iter().find(|reason| reason.code() == code);
        found.copied().ok_or_else(|| serde::de::Error::custom(format!("unknown reason `{code}`")))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Reason {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Reason".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let codes: Vec<_> = Self::ALL.iter().map(|reason| reason.code()).collect();
        let meaning = "Why Isles answered a request itself: one of the reason codes.";
        schemars::json_schema!({ "type": "string", "description": meaning, "enum": codes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_survive_a_round_trip() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        for reason in Reason::ALL {
            assert_eq!(serde_json::from_str::<Reason>(&format!("\"{}\"", reason.code())).unwrap(), *reason);
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }

    #[test]
    fn a_command_in_a_hint_names_the_service() {
        let users = "users".parse().unwrap();
        for reason in Reason::ALL {
            let hint = reason.hint_for(&users);
            for command in hint.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("isles ")) {
                assert!(command.contains(" users"), "{reason}: {command}");
            }
        }
        assert_eq!(Reason::QueueFull.hint_for(&users), "raise `queue` of the connection, or run `isles scale users=N`");
    }
}
