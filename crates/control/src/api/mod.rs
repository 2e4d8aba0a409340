//! The control API: HTTP and JSON under `/v1`, as `model::api` lists it.

mod buckets;
mod call;
mod connections;
mod logs;
mod metrics;
mod releases;
mod rollout;
mod services;
mod stream;
mod system;
mod topics;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        DefaultBodyLimit,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, delete, get, post},
};
use model::{Problem, ServiceName};
use ports::{clock::Clock, logs::Logs, tasks::Tasks, traffic::Traffic};
use tokio_util::sync::CancellationToken;

use crate::{Releases, ServiceStreams, SystemHandle, messaging::Messaging};

/// The largest body of a request that the API itself reads: a message of 1 MiB, however it is written in JSON.
const BODY_BYTES_MAX: usize = 8 << 20;

/// What the handlers need.
#[derive(Clone)]
pub struct Api {
    /// The system.
    pub system: SystemHandle,
    /// Its logs.
    pub logs: Arc<dyn Logs>,
    /// Its releases.
    pub releases: Releases,
    /// What counts its requests.
    pub traffic: Arc<dyn Traffic>,
    /// Its topics and buckets.
    pub messaging: Option<ServiceStreams>,
    /// The time of its messages.
    pub clock: Arc<dyn Clock>,
    /// Runs what a request starts.
    pub tasks: Tasks,
    /// Runs what feeds the streams of the API; they end by themselves when the platform ends.
    pub streams: Tasks,
    /// Ends the streams of the API when the platform ends.
    pub closing: CancellationToken,
}

impl Api {
    /// The topics and buckets of the system that runs now.
    fn messaging(&self) -> Option<Messaging> {
        let (system, clock) = (self.system.spec(), self.clock.clone());
        self.messaging.clone().map(|streams| Messaging { system, streams, clock })
    }
}

/// Serves the API on a listening socket.
pub async fn serve(socket: tokio::net::UnixListener, api: Api) {
    // It never ends by itself.
    let _ = axum::serve(socket, router(api)).await;
}

fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/system", get(system::status))
        .route("/v1/system/watch", get(system::watch))
        .route("/v1/system/down", post(system::down))
        .route("/v1/services/{service}", get(services::status))
        .route("/v1/services/{service}/why", get(services::why))
        .route("/v1/services/{service}/restart", post(services::restart))
        .route("/v1/services/{service}/scale", post(services::scale))
        .route("/v1/services/{service}/call/{*path}", any(call::call))
        .route("/v1/services/{service}/call/", any(call::call_root))
        .route("/v1/deploys", post(releases::deploy))
        .route("/v1/rollbacks", post(releases::roll_back))
        .route("/v1/releases", get(releases::list))
        .route("/v1/releases/{from}/diff/{to}", get(releases::diff))
        .route("/v1/rollout", get(rollout::status))
        .route("/v1/rollout/watch", get(rollout::watch))
        .route("/v1/rollout/promote", post(rollout::promote))
        .route("/v1/rollout/pause", post(rollout::pause))
        .route("/v1/rollout/resume", post(rollout::resume))
        .route("/v1/rollout/abort", post(rollout::abort))
        .route("/v1/connections", get(connections::list))
        .route("/v1/logs", get(logs::read))
        .route("/v1/topics", get(topics::list))
        .route("/v1/topics/{topic}", get(topics::status))
        .route("/v1/topics/{topic}/messages", get(topics::read).post(topics::publish))
        .route("/v1/topics/{topic}/messages/{sequence}", delete(topics::remove_message))
        .route("/v1/topics/{topic}/consumers/{consumer}", delete(topics::remove_consumer))
        .route("/v1/topics/{topic}/consumers/{consumer}/replay", post(topics::replay))
        .route("/v1/topics/{topic}/dead", get(topics::dead))
        .route("/v1/topics/{topic}/dead/replay", post(topics::replay_dead))
        .route("/v1/topics/{topic}/dead/remove", post(topics::remove_dead))
        .route("/v1/buckets", get(buckets::list))
        .route("/v1/buckets/{bucket}/keys", get(buckets::entries))
        .route("/v1/buckets/{bucket}/keys/{*key}", get(buckets::get).put(buckets::put).delete(buckets::delete))
        .route("/v1/buckets/{bucket}/history/{*key}", get(buckets::history))
        .route("/metrics", get(metrics::metrics))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(api)
}

/// A problem as an answer.
pub(crate) struct Refused(Box<Problem>);

impl From<Box<Problem>> for Refused {
    fn from(problem: Box<Problem>) -> Self {
        Self(problem)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Box::new(problem).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reason = self.0.reason.clone();
        let mut response = (status, Json(*self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        if let Ok(reason) = header::HeaderValue::from_str(&reason) {
            headers.insert("x-isles-reason", reason);
        }
        response
    }
}

async fn unknown_path() -> Refused {
    Problem::new(404, "unknown-path", "there is no such path in the API", "see docs/api.md").into()
}

async fn wrong_method() -> Refused {
    Problem::new(405, "wrong-method", "this path of the API takes another method", "see docs/api.md").into()
}

fn bad_query(error: &QueryRejection) -> Refused {
    let problem = Problem::new(400, "bad-query", "the query is not what this path takes", "see docs/api.md");
    problem.with_detail(error.body_text()).into()
}

fn bad_body(error: &JsonRejection, hint: &str) -> Refused {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let hint = "a message, with its header, or a value has at most 1048576 bytes";
        let problem = Problem::new(413, "body-too-large", "the body is larger than the API takes", hint);
        return problem.with_detail(format!("it has more than {BODY_BYTES_MAX} bytes")).into();
    }
    let problem = Problem::new(422, "bad-body", "the body is not what this path takes", hint);
    problem.with_detail(error.body_text()).into()
}

fn service_name(text: &str) -> Result<ServiceName, Refused> {
    text.parse().map_err(|error: model::InvalidName| {
        let problem = Problem::new(400, "bad-name", "this is not a service's name", "see `isles ps` for the names");
        problem.with_detail(error.to_string()).into()
    })
}
