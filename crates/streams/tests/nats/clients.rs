//! The published client `async-nats`.

use std::sync::Arc;

use async_nats::{ConnectOptions, HeaderMap, RequestErrorKind, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use logic::subject::{Permissions, Rules};
use streams::server::{Auth, Config, Identity, User};
use tokio::{sync::mpsc, time::timeout};

use crate::rig::{PATIENCE, Server};

async fn next(subscriber: &mut Subscriber) -> async_nats::Message {
    timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap()
}

/// The server has done all that this client asked for: what it flushed has only been sent.
async fn done(client: &async_nats::Client) {
    let error = client.request("nobody", "".into()).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
}

#[tokio::test]
async fn publish_and_subscribe_with_headers() {
    let server = Server::start(Config::default());
    let (one, two) = (server.client().await, server.client().await);
    let mut all = one.subscribe("orders.>").await.unwrap();
    done(&one).await;
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "7");
    headers.append("many", "a");
    headers.append("many", "b");
    two.publish_with_headers("orders.placed", headers.clone(), "tea".into()).await.unwrap();
    two.publish_with_reply("orders.eu.paid", "answers", Bytes::new()).await.unwrap();
    let (first, second) = (next(&mut all).await, next(&mut all).await);
    assert_eq!((first.subject.as_str(), &first.payload[..]), ("orders.placed", &b"tea"[..]));
    assert_eq!(first.headers.unwrap(), headers);
    assert_eq!((second.subject.as_str(), second.reply.unwrap().as_str()), ("orders.eu.paid", "answers"));
    assert_eq!(one.server_info().max_payload, 1 << 20);
}

#[tokio::test]
async fn requests_are_answered_or_told_of_nobody() {
    let server = Server::start(Config::default());
    let (asks, answers) = (server.client().await, server.client().await);
    let mut requests = answers.queue_subscribe("double", "workers".into()).await.unwrap();
    done(&answers).await;
    let serving = async {
        while let Some(request) = requests.next().await {
            let doubled = request.payload.repeat(2);
            answers.publish(request.reply.unwrap(), doubled.into()).await.unwrap();
        }
    };
    let asking = async {
        for word in ["a", "bc", ""] {
            assert_eq!(asks.request("double", word.into()).await.unwrap().payload, word.repeat(2));
        }
        done(&asks).await;
    };
    tokio::select! {
        () = serving => panic!("it serves as long as it is asked"),
        () = asking => {}
    }
}

#[tokio::test]
async fn a_queue_group_shares_and_a_subscription_drains() {
    const MESSAGES: u32 = 1000;
    let server = Server::start(Config::default());
    let (from, to) = (server.client().await, server.client().await);
    let mut group = [
        to.queue_subscribe("jobs", "workers".into()).await.unwrap(),
        to.queue_subscribe("jobs", "workers".into()).await.unwrap(),
    ];
    done(&to).await;
    for number in 0..MESSAGES {
        from.publish("jobs", number.to_string().into()).await.unwrap();
    }
    done(&from).await;
    let mut counts = [0; 2];
    for (subscriber, count) in group.iter_mut().zip(&mut counts) {
        subscriber.drain().await.unwrap();
        while timeout(PATIENCE, subscriber.next()).await.unwrap().is_some() {
            *count += 1;
        }
    }
    assert_eq!(counts.iter().sum::<u32>(), MESSAGES);
    assert!(counts.iter().all(|count| *count > MESSAGES / 4), "{counts:?}");
}

#[tokio::test]
async fn a_subscription_ends_after_so_many() {
    let server = Server::start(Config::default());
    let client = server.client().await;
    let mut three = client.subscribe("a").await.unwrap();
    three.unsubscribe_after(3).await.unwrap();
    for number in 0..5 {
        client.publish("a", number.to_string().into()).await.unwrap();
    }
    let mut got = Vec::new();
    while let Some(message) = timeout(PATIENCE, three.next()).await.unwrap() {
        got.push(message.payload);
    }
    assert_eq!(got, ["0", "1", "2"]);
}

#[tokio::test]
async fn users_tokens_and_permissions() {
    let permissions = Permissions { publish: Rules::new(Some(&["mine"]), &[]), ..Permissions::default() };
    let identity = Arc::new(Identity { name: "ada".into(), permissions, ..Identity::default() });
    let users = vec![User { password: "secret".into(), identity }];
    let auth = Auth { users, token: Some("token".into()) };
    let server = Server::start(Config { auth, ..Config::default() });
    assert!(async_nats::connect(server.url()).await.is_err());
    assert!(ConnectOptions::with_user_and_password("ada".into(), "wrong".into()).connect(server.url()).await.is_err());
    let free = ConnectOptions::with_token("token".into()).connect(server.url()).await.unwrap();
    let (told, mut events) = mpsc::channel(16);
    let options = ConnectOptions::with_user_and_password("ada".into(), "secret".into());
    let options = options.event_callback(move |event| {
        let told = told.clone();
        async move { told.send(event.to_string()).await.unwrap() }
    });
    let limited = options.connect(server.url()).await.unwrap();
    let mut all = free.subscribe(">").await.unwrap();
    free.publish("ready", "".into()).await.unwrap();
    assert_eq!(next(&mut all).await.subject.as_str(), "ready");
    limited.publish("other", "".into()).await.unwrap();
    limited.publish("mine", "".into()).await.unwrap();
    assert_eq!(next(&mut all).await.subject.as_str(), "mine");
    let event = async {
        loop {
            let event = events.recv().await.unwrap();
            if event.contains("other") {
                return event;
            }
        }
    };
    let event = timeout(PATIENCE, event).await.unwrap();
    assert!(event.to_lowercase().contains("permissions violation for publish to"), "{event}");
}

/// A client that is cut off comes back to the next server at the same address, with its subscriptions.
#[tokio::test]
async fn a_client_comes_back() {
    let server = Server::start(Config::default());
    let client = server.client().await;
    let mut all = client.subscribe("a").await.unwrap();
    done(&client).await;
    server.handle.stop().await;
    let again = Server::at(server.address);
    let from = again.client().await;
    let arrived = async {
        // Until the client has come back nobody gets a message.
        while from.request("a", "".into()).await.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = arrived => panic!("nobody answers"),
        message = next(&mut all) => assert_eq!(message.subject.as_str(), "a"),
    }
}
