//! Topics.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    response::Response,
};
use model::{
    TopicName,
    api::{
        DeadLetterId, DeadQuery, MessageQuery, Publish, Published, RemovedConsumer, RemovedMessage, Replay, Replayed,
        Start, TopicStatus, WhichDead,
    },
};

use super::{Api, Refused, bad_body, bad_query, stream};
use crate::messaging::{Fate, Messaging, no_topic, shown};

type Answer<T> = Result<Json<T>, Refused>;

pub(super) async fn list(State(api): State<Api>) -> Answer<Vec<TopicStatus>> {
    match &api.messaging() {
        Some(messaging) => Ok(Json(messaging.statuses().await?)),
        None => Ok(Json(Vec::new())),
    }
}

pub(super) async fn status(State(api): State<Api>, Path(topic): Path<String>) -> Answer<TopicStatus> {
    let (messaging, topic) = find(&api, &topic)?;
    Ok(Json(messaging.status(&topic).await?))
}

pub(super) async fn publish(
    State(api): State<Api>,
    Path(topic): Path<String>,
    body: Result<Json<Publish>, JsonRejection>,
) -> Answer<Published> {
    let (messaging, topic) = find(&api, &topic)?;
    let Json(message) = body.map_err(|error| bad_body(&error, "send {\"payload\": \"a text\"}"))?;
    Ok(Json(messaging.publish(&topic, message).await?))
}

pub(super) async fn read(
    State(api): State<Api>,
    Path(topic): Path<String>,
    query: Result<Query<MessageQuery>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(query) = query.map_err(|error| bad_query(&error))?;
    let (messaging, topic) = find(&api, &topic)?;
    let (start, tasks, closing) = (query.from.unwrap_or(Start::First), api.streams.clone(), api.closing.clone());
    if query.follow {
        let mut messages = messaging.tail(&topic, start).await?;
        return Ok(stream::respond(&tasks, |mut objects| async move {
            // What goes wrong ends the answer: its reader asks again, and is told.
            while let Some(Some(Ok(message))) = closing.run_until_cancelled(messages.recv()).await {
                if objects.send(&shown(&message)).await.is_err() {
                    return;
                }
            }
        }));
    }
    let mut kept = messaging.kept(&topic, start).await?;
    Ok(stream::respond(&tasks, |mut objects| async move {
        while let Some(Ok(Some(message))) = closing.run_until_cancelled(kept.next()).await {
            if objects.send(&shown(&message)).await.is_err() {
                return;
            }
        }
    }))
}

pub(super) async fn remove_message(
    State(api): State<Api>,
    Path((topic, sequence)): Path<(String, String)>,
) -> Answer<RemovedMessage> {
    let (messaging, topic) = find(&api, &topic)?;
    Ok(Json(messaging.remove_message(&topic, &sequence).await?))
}

pub(super) async fn remove_consumer(
    State(api): State<Api>,
    Path((topic, consumer)): Path<(String, String)>,
) -> Answer<RemovedConsumer> {
    let (messaging, topic) = find(&api, &topic)?;
    Ok(Json(messaging.remove_consumer(&topic, &consumer).await?))
}

pub(super) async fn replay(
    State(api): State<Api>,
    Path((topic, consumer)): Path<(String, String)>,
    body: Result<Json<Replay>, JsonRejection>,
) -> Answer<Replayed> {
    let (messaging, topic) = find(&api, &topic)?;
    let Json(replay) = body.map_err(|error| bad_body(&error, "send {\"from\": \"10m\"}"))?;
    Ok(Json(messaging.replay(&topic, &consumer, replay.from).await?))
}

pub(super) async fn dead(
    State(api): State<Api>,
    Path(topic): Path<String>,
    query: Result<Query<DeadQuery>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(query) = query.map_err(|error| bad_query(&error))?;
    let (messaging, topic) = find(&api, &topic)?;
    let mut letters = messaging.dead(&topic, &query).await?;
    let (tasks, closing) = (api.streams.clone(), api.closing.clone());
    Ok(stream::respond(&tasks, |mut objects| async move {
        while let Some(Ok(Some(letter))) = closing.run_until_cancelled(letters.next()).await {
            if objects.send(&letter).await.is_err() {
                return;
            }
        }
    }))
}

pub(super) async fn replay_dead(
    State(api): State<Api>,
    Path(topic): Path<String>,
    body: Result<Json<WhichDead>, JsonRejection>,
) -> Answer<Vec<DeadLetterId>> {
    settle_dead(&api, &topic, body, Fate::Replayed).await
}

pub(super) async fn remove_dead(
    State(api): State<Api>,
    Path(topic): Path<String>,
    body: Result<Json<WhichDead>, JsonRejection>,
) -> Answer<Vec<DeadLetterId>> {
    settle_dead(&api, &topic, body, Fate::Removed).await
}

async fn settle_dead(
    api: &Api,
    topic: &str,
    body: Result<Json<WhichDead>, JsonRejection>,
    fate: Fate,
) -> Answer<Vec<DeadLetterId>> {
    let (messaging, topic) = find(api, topic)?;
    let Json(which) = body.map_err(|error| bad_body(&error, "send {\"ids\": [\"mailer/3\"]}, or {} for all"))?;
    Ok(Json(messaging.settle_dead(&topic, which, fate).await?))
}

fn find(api: &Api, name: &str) -> Result<(Messaging, TopicName), Refused> {
    let messaging = api.messaging().ok_or_else(|| no_topic(name))?;
    let topic = messaging.topic(name)?.clone();
    Ok((messaging, topic))
}
