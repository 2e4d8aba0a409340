//! Buckets of services.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    response::Response,
};
use model::{
    BucketName,
    api::{BucketEntry, BucketQuery, BucketRevision, BucketStatus, PutValue},
};

use super::{Api, Refused, bad_body, bad_query, stream};
use crate::messaging::{Keys, Messaging, no_bucket};

type Answer<T> = Result<Json<T>, Refused>;

pub(super) async fn list(State(api): State<Api>) -> Answer<Vec<BucketStatus>> {
    match &api.messaging() {
        Some(messaging) => Ok(Json(messaging.bucket_statuses().await?)),
        None => Ok(Json(Vec::new())),
    }
}

pub(super) async fn entries(
    State(api): State<Api>,
    Path(bucket): Path<String>,
    query: Result<Query<BucketQuery>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(query) = query.map_err(|error| bad_query(&error))?;
    let ((messaging, bucket), keys) = (find(&api, &bucket)?, Keys::parse(query.keys)?);
    let (tasks, closing) = (api.streams.clone(), api.closing.clone());
    if !query.follow {
        let values = messaging.values(&bucket, &keys).await?;
        return Ok(stream::respond(&tasks, |mut objects| async move {
            for value in values {
                if objects.send(&value).await.is_err() {
                    return;
                }
            }
        }));
    }
    let mut messages = messaging.watch(&bucket).await?;
    Ok(stream::respond(&tasks, |mut objects| async move {
        // What goes wrong ends the answer: its reader asks again, and is told.
        while let Some(Some(Ok(message))) = closing.run_until_cancelled(messages.recv()).await {
            let Some(entry) = keys.entry(&bucket, &message) else { continue };
            if objects.send(&entry).await.is_err() {
                return;
            }
        }
    }))
}

pub(super) async fn get(State(api): State<Api>, Path((bucket, key)): Path<(String, String)>) -> Answer<BucketEntry> {
    let (messaging, bucket) = find(&api, &bucket)?;
    Ok(Json(messaging.entry(&bucket, &key).await?))
}

pub(super) async fn put(
    State(api): State<Api>,
    Path((bucket, key)): Path<(String, String)>,
    body: Result<Json<PutValue>, JsonRejection>,
) -> Answer<BucketRevision> {
    let (messaging, bucket) = find(&api, &bucket)?;
    let Json(put) = body.map_err(|error| bad_body(&error, "send {\"value\": \"a text\"}"))?;
    Ok(Json(messaging.put(&bucket, &key, put).await?))
}

pub(super) async fn delete(
    State(api): State<Api>,
    Path((bucket, key)): Path<(String, String)>,
) -> Answer<BucketRevision> {
    let (messaging, bucket) = find(&api, &bucket)?;
    Ok(Json(messaging.delete(&bucket, &key).await?))
}

pub(super) async fn history(
    State(api): State<Api>,
    Path((bucket, key)): Path<(String, String)>,
) -> Answer<Vec<BucketEntry>> {
    let (messaging, bucket) = find(&api, &bucket)?;
    Ok(Json(messaging.history(&bucket, &key).await?))
}

fn find(api: &Api, name: &str) -> Result<(Messaging, BucketName), Refused> {
    let messaging = api.messaging().ok_or_else(|| no_bucket(name))?;
    let bucket = messaging.bucket(name)?.0.clone();
    Ok((messaging, bucket))
}
