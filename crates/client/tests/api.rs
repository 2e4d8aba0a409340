//! The client against a real server on a real socket.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use client::{Call, Client, ClientError};
use model::{
    Problem, ServiceName, Timestamp,
    api::{Accepted, LogLine, LogQuery, Scale, Why},
    figures::{BreakerState, ConnectionFigures, EntryFigures, Latency, Outcomes},
    status::{Inbound, ServicePhase, ServiceStatus, SystemPhase, SystemStatus},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
    task::JoinSet,
};

struct Server {
    client: Client,
    socket: PathBuf,
    _folder: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

fn serve(router: Router) -> Server {
    listen("", |listener| async { axum::serve(listener, router).await.unwrap() })
}

/// Answers the first connection with these bytes, whatever is asked, and closes it.
fn serve_raw(bytes: &'static str) -> Server {
    listen("", move |listener| async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let read = stream.read(&mut [0; 4096]).await.unwrap();
        assert!(read > 0);
        stream.write_all(bytes.as_bytes()).await.unwrap();
    })
}

fn listen<F: Future<Output = ()> + Send + 'static>(below: &str, run: impl FnOnce(UnixListener) -> F) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(below);
    std::fs::create_dir_all(&state).unwrap();
    let short = folder.path().join("s");
    let listener = UnixListener::bind(&short).unwrap();
    let socket = state.join("api.sock");
    std::fs::rename(&short, &socket).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(run(listener));
    Server { client: Client::new(&socket), socket, _folder: folder, _tasks: tasks }
}

fn service(replicas: u32) -> ServiceStatus {
    ServiceStatus {
        name: name("users"),
        phase: ServicePhase::Healthy,
        replicas,
        fixed: false,
        rolling_out: false,
        healthy: replicas,
        problem: None,
        address: None,
        inbound: Inbound::Open,
        calls: vec![],
        instances: vec![],
    }
}

fn system(phase: SystemPhase) -> SystemStatus {
    SystemStatus {
        name: "shop".parse().unwrap(),
        version: "0.1.0".into(),
        phase,
        keeper_pid: 1,
        platform_pid: 2,
        started_at: Timestamp(3),
        up_since: Some(Timestamp(2)),
        gateway: Some("127.0.0.1:8080".parse().unwrap()),
        gateway_tls: false,
        problem: None,
        notices: vec![],
        entries: vec![EntryFigures { entry: "gateway".into(), refused: [(model::Reason::NoRoute, 2)].into() }],
        services: vec![service(2)],
    }
}

/// One connection, named by a text.
fn figures(text: &str) -> Vec<ConnectionFigures> {
    vec![ConnectionFigures {
        connection: text.into(),
        caller: "gateway".into(),
        callee: name("users"),
        requests: 1,
        outcomes: Outcomes { success: 1, ..Outcomes::default() },
        reasons: [(model::Reason::Timeout, 1)].into(),
        bytes_received: 2,
        bytes_sent: 3,
        retries: 4,
        hedges: 5,
        in_flight: 6,
        concurrency: 5,
        concurrency_limit: Some(7),
        queued: 8,
        breaker: BreakerState::Probing,
        ejected: vec!["users/1#2".parse().unwrap()],
        latency: Latency { count: 1, buckets: vec![(1000, 1)], ..Latency::default() },
        requests_by_worker: vec![1, 0],
    }]
}

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

fn refusal() -> Response {
    let problem = Problem { detail: "there is no service `userz`".into(), ..Problem::of(model::Reason::NoRoute) };
    (StatusCode::NOT_FOUND, Json(problem)).into_response()
}

fn log_line(text: &str) -> LogLine {
    LogLine { at: Timestamp(1), service: name("users"), instance: None, migration: false, text: text.into() }
}

#[tokio::test]
async fn typed_endpoints() {
    let why = Why {
        service: service(2),
        summary: "all is well".into(),
        findings: vec![],
        connections: vec![],
        events: vec![],
        failures: vec![],
    };
    let answer = why.clone();
    let server = serve(
        Router::new()
            .route("/v1/system", get(async || Json(system(SystemPhase::Running))))
            .route("/v1/system/down", post(async || Json(Accepted {})))
            .route("/v1/services/users", get(async || Json(service(2))))
            .route("/v1/services/users/why", get(async || Json(answer)))
            .route("/v1/services/users/restart", post(async || Json(service(2))))
            .route(
                "/v1/services/users/scale",
                post(async |Json(scale): Json<Scale>| Json(service(scale.replicas.unwrap_or(1)))),
            )
            .route("/v1/services/{service}", get(async || refusal()))
            .route("/v1/connections", get(async |uri: Uri| Json(figures(uri.query().unwrap_or("")))))
            .route("/metrics", get(async || "isles_build_info 1\n")),
    );
    let client = &server.client;
    assert_eq!(client.system().await.unwrap(), system(SystemPhase::Running));
    assert_eq!(client.down().await.unwrap(), Accepted {});
    assert_eq!(client.service(&name("users")).await.unwrap(), service(2));
    assert_eq!(client.why(&name("users")).await.unwrap(), why);
    assert_eq!(client.restart(&name("users")).await.unwrap(), service(2));
    assert_eq!(client.scale(&name("users"), Some(7)).await.unwrap(), service(7));
    assert_eq!(client.scale(&name("users"), None).await.unwrap(), service(1));
    assert_eq!(client.connections(None).await.unwrap(), figures(""));
    assert_eq!(client.connections(Some(&name("users"))).await.unwrap(), figures("service=users"));
    assert_eq!(client.metrics().await.unwrap(), b"isles_build_info 1\n");
    let refused = client.service(&name("userz")).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no service `userz`");
    assert!(matches!(refused, ClientError::Api(problem) if problem.status == 404));
}

#[tokio::test]
async fn log_queries_arrive_as_they_were_sent() {
    let server = serve(Router::new().route(
        "/v1/logs",
        get(async |Query(query): Query<LogQuery>| {
            let line = log_line(&serde_json::to_string(&query).unwrap());
            serde_json::to_string(&line).unwrap() + "\n"
        }),
    ));
    let all = LogQuery { services: "users,orders".into(), since: Some(7), tail: Some(3), follow: true };
    for query in [LogQuery::default(), all] {
        let mut lines = server.client.logs(&query).await.unwrap();
        let echoed = lines.next().await.unwrap().unwrap().text;
        assert_eq!(serde_json::from_str::<LogQuery>(&echoed).unwrap(), query);
        assert_eq!(lines.next().await.unwrap(), None);
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

async fn texts(server: &Server) -> (Vec<String>, Option<ClientError>) {
    let mut lines = server.client.logs(&LogQuery::default()).await.unwrap();
    let mut texts = Vec::new();
    loop {
        match lines.next().await {
            Ok(Some(line)) => texts.push(line.text),
            Ok(None) => return (texts, None),
            Err(error) => return (texts, Some(error)),
        }
    }
}

#[tokio::test]
async fn lines_are_joined_across_chunks() {
    let raw = [
        HEAD,
        &chunk("{\"at\":1,\"se"),
        &chunk("rvice\":\"users\",\"text\":\"a\"}\n"),
        &chunk("\n{\"at\":1,\"service\":\"users\",\"text\":\"b\"}\n{\"at\":1,\"service\":\"users\",\"text\":\"c\"}"),
        &chunk(""),
    ]
    .concat();
    let (texts, error) = texts(&serve_raw(raw.leak())).await;
    assert_eq!((texts, error.map(|e| e.to_string())), (vec!["a".into(), "b".into(), "c".into()], None));
}

#[tokio::test]
async fn a_broken_stream_is_no_end() {
    let raw = [HEAD, &chunk("{\"at\":1,\"service\":\"users\",\"text\":\"abc\"}\n")].concat();
    let (texts, error) = texts(&serve_raw(raw.leak())).await;
    assert_eq!(texts, ["abc"]);
    assert!(matches!(error, Some(ClientError::Lost(_))), "{error:?}");
}

#[tokio::test]
async fn answers_that_are_not_understood() {
    for (raw, lost) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]", false),
        ("HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\nOops", false),
        ("220 smtp.example.org\r\n", false),
        ("", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", true),
    ] {
        let error = serve_raw(raw).client.system().await.unwrap_err();
        let fits = if lost { matches!(error, ClientError::Lost(_)) } else { matches!(error, ClientError::Protocol(_)) };
        assert!(fits, "{raw:?} gave {error:?}");
    }
}

#[tokio::test]
async fn calls_are_passed_on_with_everything() {
    async fn echo(Path(path): Path<String>, uri: Uri, method: Method, headers: HeaderMap, body: Bytes) -> Response {
        let kind = headers["x-kind"].to_str().unwrap();
        let query = uri.query().unwrap_or_default();
        let text = format!("{method} /{path} {query} {kind} {}", String::from_utf8_lossy(&body));
        (StatusCode::CONFLICT, [("x-isles-reason", "refused")], text).into_response()
    }
    let server = serve(Router::new().route("/v1/services/users/call/{*path}", any(echo)));
    let call = Call {
        method: Method::PUT,
        path: "/a/J\u{fc}rg?x=1".into(),
        headers: HeaderMap::from_iter([("x-kind".parse().unwrap(), "test".parse().unwrap())]),
        body: "hello".into(),
    };
    let answer = server.client.call(&name("users"), call).await.unwrap();
    assert_eq!((answer.status(), answer.is_from_isles()), (StatusCode::CONFLICT, true));
    assert_eq!(String::from_utf8(answer.bytes().await.unwrap()).unwrap(), "PUT /a/J\u{fc}rg x=1 test hello");
}

#[tokio::test]
async fn sockets_deeper_than_a_socket_address_is_long() {
    let router = Router::new().route("/v1/system", get(async || Json(system(SystemPhase::Running))));
    let deep = ["d".repeat(60), "e".repeat(60)].join("/");
    let server = listen(&deep, |listener| async { axum::serve(listener, router).await.unwrap() });
    assert!(server.socket.as_os_str().len() > 107);
    assert_eq!(server.client.system().await.unwrap().name.as_str(), "shop");
}

#[tokio::test]
async fn nothing_listens() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    for dead in [folder.path().join("short.sock"), deep.join("long.sock")] {
        let missing = Client::new(&dead).system().await.unwrap_err();
        assert!(matches!(&missing, ClientError::NotRunning { socket } if *socket == dead), "{missing:?}");
    }
    let refused = folder.path().join("refused.sock");
    drop(UnixListener::bind(&refused).unwrap());
    assert!(matches!(Client::new(&refused).system().await.unwrap_err(), ClientError::NotRunning { .. }));
}
