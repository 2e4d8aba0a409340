//! The body of every error that Isles answers: `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

use crate::{InstanceId, Reason, ServiceName};

/// An error as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// What happened, in a few words; the same for every occurrence of the reason.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable reason code, also in the header `x-isles-reason`.
    pub reason: String,
    /// What happened this time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The connection, as `orders/1 -> users` or `gateway -> users`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The instances that were tried, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<InstanceId>,
    /// What a person can do.
    pub hint: String,
}

impl Problem {
    /// The problem of a reason, with its usual status, title and hint.
    pub fn of(reason: Reason) -> Self {
        Self::new(reason.status(), reason.code(), reason.title(), reason.hint())
    }

    /// The same about a call of a service, which the hint names.
    pub fn about(reason: Reason, service: &ServiceName) -> Self {
        Self { hint: reason.hint_for(service), ..Self::of(reason) }
    }

    /// A problem without detail.
    pub fn new(status: u16, reason: &str, title: &str, hint: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            status,
            reason: reason.into(),
            detail: String::new(),
            connection: None,
            instances: Vec::new(),
            hint: hint.into(),
        }
    }

    /// The same, saying what happened this time.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}
