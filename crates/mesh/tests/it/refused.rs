//! What is refused before it is on its way is counted and logged: as one of its connection, else as one of its entrance.

use std::{sync::Arc, time::Duration};

use model::{
    Reason,
    figures::{EntryFigures, Outcomes},
    spec::{AccessLog, ConnectionLimits, Rate},
};
use ports::traffic::{Routing, Traffic};
use serde_json::Value;

use crate::{access_log::lines, http2_client, rig::*};

const GET: &str = "GET /a?secret HTTP/1.1\r\nhost: a\r\n\r\n";

/// A rig whose gateway has the route `/users` alone.
async fn rig(log: AccessLog, connections: ConnectionLimits) -> (Rig, Routing) {
    let limits = |policy: &mut model::spec::Policy| {
        (policy.access_log, policy.limits.head_timeout, policy.limits.fields) = (log, Duration::from_millis(100), 4);
        policy.rate = Some(Rate { requests: 1, per: Duration::from_secs(3600), burst: 1 });
    };
    let rig = Rig::with(limits).await;
    let target = rig.server(echo).await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    let gateway = Arc::make_mut(routing.gateway.as_mut().unwrap());
    gateway.routes[0].prefix = "/users".into();
    gateway.connections = connections;
    rig.mesh.apply(routing.clone()).await;
    (rig, routing)
}

/// What the gateway refused, and at addresses of no connection, once it is as much as that.
async fn until(rig: &Rig, expected: &[(&str, &[(Reason, u64)])]) {
    let figures = |(entry, refused): &(&str, &[(Reason, u64)])| EntryFigures {
        entry: (*entry).into(),
        refused: refused.iter().copied().collect(),
    };
    let expected: Vec<_> = expected.iter().map(figures).collect();
    let reached = async {
        while rig.mesh.entries() != expected {
            tokio::task::yield_now().await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, reached).await;
    assert_eq!(rig.mesh.entries(), expected);
}

#[tokio::test]
async fn what_no_connection_is_known_for_is_counted_by_its_entrance() {
    let (rig, routing) = rig(AccessLog::Errors, ConnectionLimits::default()).await;
    until(&rig, &[]).await;
    for (request, reason) in [
        (GET.to_owned(), Reason::NoRoute),
        ("GET /users HTTP/1.1\r\n\r\n".into(), Reason::BadRequest),
        (format!("GET /users HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: b\r\n".repeat(4)), Reason::HeadTooLarge),
        ("GET /us".into(), Reason::RequestTimeout),
    ] {
        assert_eq!(rig.client().await.problem(&request).await.reason, reason.code());
    }
    let mut http2 = http2_client::connect(&rig, rig.gateway).await;
    assert_eq!(http2_client::send(&mut http2, http2_client::request("GET", "/a?secret", "")).await.0, 404);
    rig.mesh.apply(Routing { connections: Arc::default(), ..routing }).await;
    assert_eq!(rig.caller().await.problem(GET).await.reason, "not-declared");
    let gateway =
        [(Reason::BadRequest, 1), (Reason::NoRoute, 2), (Reason::RequestTimeout, 1), (Reason::HeadTooLarge, 1)];
    until(&rig, &[("gateway", &gateway), ("undeclared", &[(Reason::NotDeclared, 1)])]).await;
    assert_eq!(rig.mesh.connections().iter().map(|one| one.requests).sum::<u64>(), 0, "of no connection");

    let lines = lines(&rig, 6).await;
    let said = |line: &Value| {
        let text = |field: &str| line[field].as_str().unwrap().to_owned();
        let whole = line["received"].as_u64() > Some(0);
        (text("connection"), text("method"), text("path"), text("reason"), line["status"].as_u64().unwrap(), whole)
    };
    let line = |connection: &str, method: &str, path: &str, reason: Reason| {
        let (reason, status) = (reason.code().to_owned(), u64::from(reason.status()));
        (connection.to_owned(), method.to_owned(), path.to_owned(), reason, status, !method.is_empty())
    };
    let mut found: Vec<_> = lines.iter().map(said).collect();
    found.sort();
    assert_eq!(
        found,
        [
            line("gateway", "", "", Reason::BadRequest),
            line("gateway", "", "", Reason::HeadTooLarge),
            line("gateway", "", "", Reason::RequestTimeout),
            line("gateway", "GET", "/a", Reason::NoRoute),
            line("gateway", "GET", "/a", Reason::NoRoute),
            line("undeclared", "GET", "/a", Reason::NotDeclared),
        ]
    );
}

#[tokio::test]
async fn what_a_connection_is_known_for_is_one_of_its_requests() {
    let (rig, _) = rig(AccessLog::Errors, ConnectionLimits::default()).await;
    let mut client = rig.client().await;
    assert_eq!(client.get("/users").await.0, 200);
    assert_eq!(client.get("/users").await.0, 429);
    assert_eq!(rig.caller().await.problem("GET / HTTP/1.1\r\n\r\n").await.reason, "bad-request");
    let lines = lines(&rig, 2).await;
    let mut named: Vec<_> =
        lines.iter().map(|line| (line["connection"].as_str().unwrap(), line["path"].as_str().unwrap())).collect();
    named.sort_unstable();
    assert_eq!(named, [("gateway -> users", "/users"), ("orders/1 -> users", "")]);
    let all = rig.mesh.connections();
    let figures: Vec<_> =
        all.iter().map(|one| (&*one.connection, one.outcomes, one.reasons.clone(), one.latency.count)).collect();
    let failed = |success| Outcomes { success, failed: 1, ..Outcomes::default() };
    assert_eq!(
        figures,
        [
            ("gateway -> users", failed(1), [(Reason::RateLimited, 1)].into(), 1),
            ("orders -> users", failed(0), [(Reason::BadRequest, 1)].into(), 0),
        ]
    );
    assert!(all[1].bytes_sent > 0);
    until(&rig, &[]).await;
}

#[tokio::test]
async fn those_that_are_too_many_are_counted_but_not_logged_where_nothing_is() {
    let (rig, _) = rig(AccessLog::Off, ConnectionLimits { total: 1, per_peer: 1 }).await;
    let mut first = rig.client().await;
    assert_eq!(first.get("/users").await.0, 200);
    assert!(rig.client().await.rest().await.contains("too-many-connections"));
    until(&rig, &[("gateway", &[(Reason::TooManyConnections, 1)])]).await;
    assert_eq!(std::fs::read(rig.folder.path().join("access.log")).unwrap(), b"");
}

#[tokio::test]
async fn what_is_refused_is_logged_with_the_trace_of_its_caller() {
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (rig, _) = rig(AccessLog::Errors, ConnectionLimits::default()).await;
    for (fields, path) in [("", "/users"), (TRACE, "/users"), (TRACE, "/none"), ("00-0-0-00", "/users"), ("", "/users")]
    {
        let traceparent = if fields.is_empty() { String::new() } else { format!("traceparent: {fields}\r\n") };
        let mut client = rig.client().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n{traceparent}\r\n")).await;
        client.response().await;
    }
    let lines = lines(&rig, 4).await;
    let mut traces: Vec<_> =
        lines.iter().map(|line| (line["reason"].as_str().unwrap(), line["trace"].as_str().unwrap())).collect();
    traces.sort_unstable();
    assert_eq!(traces, [("no-route", TRACE), ("rate-limited", ""), ("rate-limited", ""), ("rate-limited", TRACE)]);
}
