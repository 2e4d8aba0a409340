//! A person's request to a service: through the mesh, as any caller's.

use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, Uri, header, uri::PathAndQuery},
    response::{IntoResponse, Response},
};
use hyper_util::rt::TokioIo;
use model::Problem;
use ports::tasks::{TaskKind, Tasks};

use super::{Api, Refused, service_name};

pub(super) async fn call(
    State(api): State<Api>,
    Path((service, _)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    forward(&api, &service, request).await
}

pub(super) async fn call_root(
    State(api): State<Api>,
    Path(service): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    forward(&api, &service, request).await
}

async fn forward(api: &Api, service: &str, mut request: Request) -> Result<Response, Refused> {
    let status = api.system.service(service_name(service)?).await?;
    let address = status.address.ok_or_else(|| unreachable_mesh("the service has no address"))?;
    let prefix = format!("/v1/services/{service}/call");
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let target = target.strip_prefix(&prefix).unwrap_or("/");
    *request.uri_mut() = target.parse::<Uri>().map_err(|error| unreachable_mesh(&error.to_string()))?;
    let host = HeaderValue::from_str(&address.to_string()).map_err(|error| unreachable_mesh(&error.to_string()))?;
    request.headers_mut().insert(header::HOST, host);
    send(&api.tasks, address, request).await.map_err(|error| unreachable_mesh(&error.to_string()))
}

async fn send(
    tasks: &Tasks,
    address: SocketAddr,
    request: Request,
) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tasks.spawn(TaskKind::Work("operator's call"), async move { drop(connection.await) });
    Ok(sender.send_request(request).await?.map(Body::new).into_response())
}

fn unreachable_mesh(detail: &str) -> Refused {
    let problem = Problem::new(502, "call-failed", "the mesh could not be called", "see `isles status`");
    problem.with_detail(detail).into()
}
