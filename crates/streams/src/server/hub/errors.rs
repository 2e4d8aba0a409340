//! The texts of `-ERR`, which clients compare.

pub(crate) const UNKNOWN_OPERATION: &str = "Unknown Protocol Operation";
pub(crate) const PARSER: &str = "Parser Error";
pub(crate) const LINE_TOO_LONG: &str = "maximum control line exceeded";
pub(crate) const PAYLOAD: &str = "Maximum Payload Violation";
pub(crate) const AUTHORIZATION: &str = "Authorization Violation";
pub(crate) const AUTH_TIMEOUT: &str = "Authentication Timeout";
pub(crate) const CONNECTIONS: &str = "maximum connections exceeded";
pub(crate) const SUBSCRIPTIONS: &str = "maximum subscriptions exceeded";
pub(crate) const SUBJECT: &str = "Invalid Subject";
pub(crate) const PUBLISH_SUBJECT: &str = "Invalid Publish Subject";
pub(crate) const TLS: &str = "Secure Connection - TLS Required";
pub(crate) const STALE: &str = "Stale Connection";
pub(crate) const NO_RESPONDERS: &str = "no responders requires headers support";
pub(crate) const HEADERS: &str = "message headers not supported";
