//! What is asked about topics and buckets, against a real server that answers with what it was asked.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    http::{Method, Uri, header},
    response::IntoResponse,
    routing::any,
};
use client::{Client, ClientError};
use model::api::{BucketQuery, Content, DeadQuery, MessageQuery, Publish, PutValue, Replay, Start, WhichDead};
use tokio::{net::UnixListener, task::JoinSet};

type Asked = Arc<Mutex<Vec<String>>>;

/// Answers everything with a JSON text, and notes what was asked: `METHOD TARGET BODY`.
fn serve() -> (Client, Asked, tempfile::TempDir, JoinSet<()>) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let asked = Asked::default();
    let noted = asked.clone();
    let note = async move |method: Method, uri: Uri, body: Bytes| {
        noted.lock().unwrap().push(format!("{method} {uri} {}", String::from_utf8_lossy(&body)));
        ([(header::CONTENT_TYPE, "application/json")], "null").into_response()
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(async { axum::serve(listener, Router::new().fallback(any(note))).await.unwrap() });
    (Client::new(socket), asked, folder, tasks)
}

#[tokio::test]
async fn requests() {
    let (client, asked, _folder, _tasks) = serve();
    let (topic, bucket) = ("orders.placed".parse().unwrap(), "sessions".parse().unwrap());
    let follow = MessageQuery { from: Some(Start::Sequence(7)), follow: true };
    let publish = Publish { payload: Content::Text("{}".into()), headers: vec![], id: Some("a".into()) };
    let dead = DeadQuery { consumer: Some("a b".into()), limit: Some(3) };
    let put = PutValue { value: Content::Text("v".into()), revision: Some(0) };
    let keys = BucketQuery { keys: Some("a.>".into()), follow: false };
    let nothing =
        |result: Result<(), ClientError>| assert!(matches!(result, Err(ClientError::Protocol(_))), "{result:?}");
    nothing(client.topics().await.map(drop));
    nothing(client.topic(&topic).await.map(drop));
    drop(client.messages(&topic, &MessageQuery::default()).await.unwrap());
    drop(client.messages(&topic, &follow).await.unwrap());
    nothing(client.publish(&topic, &publish).await.map(drop));
    nothing(client.replay(&topic, "mailer", &Replay { from: Start::First }).await.map(drop));
    drop(client.dead(&topic, &dead).await.unwrap());
    nothing(client.replay_dead(&topic, &WhichDead::default()).await.map(drop));
    let of_mailer = WhichDead { consumer: Some("mailer".into()), ..WhichDead::default() };
    nothing(client.remove_dead(&topic, &of_mailer).await.map(drop));
    nothing(client.buckets().await.map(drop));
    drop(client.entries(&bucket, &keys).await.unwrap());
    nothing(client.entry(&bucket, "a/b?c").await.map(drop));
    nothing(client.put(&bucket, "a.b", &put).await.map(drop));
    nothing(client.delete(&bucket, "a.b").await.map(drop));
    nothing(client.history(&bucket, "a.b").await.map(drop));
    let expected = [
        "GET /v1/topics ",
        "GET /v1/topics/orders.placed ",
        "GET /v1/topics/orders.placed/messages ",
        "GET /v1/topics/orders.placed/messages?from=7&follow=true ",
        r#"POST /v1/topics/orders.placed/messages {"payload":"{}","id":"a"}"#,
        r#"POST /v1/topics/orders.placed/consumers/mailer/replay {"from":"first"}"#,
        "GET /v1/topics/orders.placed/dead?consumer=a%20b&limit=3 ",
        "POST /v1/topics/orders.placed/dead/replay {}",
        r#"POST /v1/topics/orders.placed/dead/remove {"consumer":"mailer"}"#,
        "GET /v1/buckets ",
        "GET /v1/buckets/sessions/keys?keys=a.%3E ",
        "GET /v1/buckets/sessions/keys/a/b%3Fc ",
        r#"PUT /v1/buckets/sessions/keys/a.b {"value":"v","revision":0}"#,
        "DELETE /v1/buckets/sessions/keys/a.b ",
        "GET /v1/buckets/sessions/history/a.b ",
    ];
    assert_eq!(*asked.lock().unwrap(), expected);
}
