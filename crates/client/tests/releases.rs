//! What is asked about releases, and what a deploy came to, against a real server.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::any};
use client::{Client, Deployed};
use model::api::{Conflict, Deploy, Rollback};
use serde_json::{Value, json};
use tokio::{net::UnixListener, sync::mpsc, task::JoinSet};

struct Server {
    client: Client,
    asked: mpsc::Receiver<String>,
    _folder: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

/// Answers everything with this, and tells what was asked: `METHOD TARGET BODY`.
fn serve(status: StatusCode, answer: Value) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let (tell, asked) = mpsc::channel(16);
    let note = async move |method: axum::http::Method, uri: axum::http::Uri, body: String| {
        tell.try_send(format!("{method} {uri} {body}")).unwrap();
        (status, Json(answer)).into_response()
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(async { axum::serve(listener, Router::new().fallback(any(note))).await.unwrap() });
    Server { client: Client::new(socket), asked, _folder: folder, _tasks: tasks }
}

fn rollout() -> Value {
    json!({
        "number": 3, "from": 11, "to": 12, "strategy": "canary", "phase": "advancing", "what": "waits", "paused": false,
        "began_at": 1, "services": [], "queued": 0,
    })
}

fn plan() -> Value {
    json!({ "index": 42, "from": 11, "services": [] })
}

#[tokio::test]
async fn a_deploy_comes_to_a_rollout_or_a_plan() {
    let all = Deploy {
        services: vec!["users".parse().unwrap()],
        dry_run: true,
        if_match: Some(42),
        conflict: Conflict::Supersede,
    };
    let mut accepted = serve(StatusCode::ACCEPTED, rollout());
    assert!(matches!(accepted.client.deploy(&Deploy::default()).await.unwrap(), Deployed::Rollout(it) if it.to == 12));
    assert_eq!(accepted.asked.recv().await.unwrap(), r#"POST /v1/deploys {"dry_run":false,"conflict":"queue"}"#);
    let mut planned = serve(StatusCode::OK, plan());
    assert!(matches!(planned.client.deploy(&all).await.unwrap(), Deployed::Plan(plan) if plan.index == 42));
    let body = r#"{"services":["users"],"dry_run":true,"if_match":42,"conflict":"supersede"}"#;
    assert_eq!(planned.asked.recv().await.unwrap(), format!("POST /v1/deploys {body}"));
}

#[tokio::test]
async fn requests() {
    let mut server = serve(StatusCode::OK, rollout());
    let client = &server.client;
    let one = Rollback { service: Some("users".parse().unwrap()), to: Some(9) };
    for rollback in [&Rollback::default(), &one] {
        assert_eq!(client.rollback(rollback).await.unwrap().number, 3);
    }
    let answers = [client.rollout().await, client.promote().await, client.pause().await, client.resume().await];
    assert!(answers.into_iter().all(|answer| answer.unwrap().number == 3));
    for queued in [None, Some(2)] {
        assert_eq!(client.abort(queued).await.unwrap().unwrap().number, 3);
    }
    assert_eq!(client.watch_rollout(3).await.unwrap().next().await.unwrap().unwrap().to, 12);
    assert!(client.releases().await.is_err(), "it is no list");
    assert_eq!(client.diff(11, 12).await.unwrap().to, 12);
    for expected in [
        "POST /v1/rollbacks {}",
        r#"POST /v1/rollbacks {"service":"users","to":9}"#,
        "GET /v1/rollout ",
        "POST /v1/rollout/promote ",
        "POST /v1/rollout/pause ",
        "POST /v1/rollout/resume ",
        "POST /v1/rollout/abort ",
        "POST /v1/rollout/abort?queued=2 ",
        "GET /v1/rollout/watch?number=3 ",
        "GET /v1/releases ",
        "GET /v1/releases/11/diff/12 ",
    ] {
        assert_eq!(server.asked.recv().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn what_had_not_begun_is_aborted_without_a_rollout() {
    let server = serve(StatusCode::NO_CONTENT, Value::Null);
    assert_eq!(server.client.abort(None).await.unwrap(), None);
}
