//! The answer to a request that no instance answers.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use model::{Problem, Reason};
use tokio::time::timeout;

use super::{body::Sink, grpc, outlet::Outlet};
use crate::{client::LINGER, problem::Fault};

/// How a request wants to be answered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// It was a HEAD request.
    pub(super) to_head: bool,
    /// It was one of gRPC.
    pub(super) grpc: bool,
}

/// Answers; a client that does not take it in time goes without. Returns the bytes of the body.
pub(super) async fn answer(outlet: &Outlet, manner: Manner, problem: &Problem, fault: &Fault) -> usize {
    if manner.grpc {
        let _ = outlet.begin(trailers_only(problem, fault.reason), true);
        return 0;
    }
    let body = Bytes::from(serde_json::to_vec(problem).expect("a problem has only text, numbers and lists"));
    let length = body.len();
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(fault.reason.status()).expect("every reason has a status");
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    fields.insert(header::CONTENT_LENGTH, length.into());
    fields.insert(REASON, HeaderValue::from_static(fault.reason.code()));
    if let Some(wait) = fault.retry_after {
        fields.insert(header::RETRY_AFTER, seconds(wait).into());
    }
    if let Ok(mut pipe) = outlet.begin(response, manner.to_head)
        && !manner.to_head
    {
        let _ = timeout(LINGER, pipe.send(body, true)).await;
    }
    length
}

/// Whole ones, at least one.
fn seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1000).max(1)).unwrap_or(u64::MAX)
}

const REASON: HeaderName = HeaderName::from_static("x-isles-reason");

/// What gRPC calls a response without a message: all of it is in the head, and the status of HTTP is 200.
fn trailers_only(problem: &Problem, reason: Reason) -> Response<()> {
    let mut response = Response::new(());
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    fields.insert("grpc-status", u16::from(grpc::status(reason)).into());
    if let Ok(message) = HeaderValue::try_from(grpc::message(problem)) {
        fields.insert("grpc-message", message);
    }
    fields.insert(REASON, HeaderValue::from_static(reason.code()));
    response
}
