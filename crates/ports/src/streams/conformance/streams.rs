//! Streams are made, changed, told of and emptied.

use model::streams::{Retention, StreamConfig};

use super::{AUDIT, ORDERS, Rig, TOPICS, message, orders, payloads, publish, refused, topic};
use crate::streams::StreamsError;

/// Streams are made, changed, told of and emptied.
pub async fn streams(rig: impl Rig) {
    let topics = rig.topics();
    assert!(topics.list().await.expect("they are listed").is_empty());
    refused!(topics.info(ORDERS).await, StreamsError::Absent(_));
    refused!(topics.info("a.b").await, StreamsError::Invalid(_));

    orders(&*topics, &["one", "two", "three"]).await;
    topics.ensure(topic(TOPICS[1])).await.expect("it is made");
    topics.ensure(topic(TOPICS[1])).await.expect("it is there");
    let listed: Vec<_> =
        topics.list().await.expect("they are listed").into_iter().map(|found| found.config.name).collect();
    assert_eq!(listed, [AUDIT, ORDERS]);
    let info = topics.info(ORDERS).await.expect("it is there");
    assert_eq!(info.config.subjects, [TOPICS[0]]);
    assert_eq!((info.messages, info.first_sequence, info.last_sequence), (3, 1, 3));
    assert_eq!((info.subjects, info.consumers), (1, 0));
    assert!(info.bytes > 11 && info.first_at <= info.last_at && info.first_at.is_some(), "{info:?}");

    topics.ensure(StreamConfig { max_msgs: 2, ..topic(TOPICS[0]) }).await.expect("it is changed");
    assert_eq!(payloads(&*topics, ORDERS).await, ["two", "three"]);
    let other = StreamConfig { retention: Retention::WorkQueue, ..topic(TOPICS[0]) };
    refused!(topics.ensure(other).await, StreamsError::Refused { .. });
    let overlapping = StreamConfig { name: "other".into(), ..topic(TOPICS[0]) };
    refused!(topics.ensure(overlapping).await, StreamsError::Refused { .. });
    refused!(topics.info("other").await, StreamsError::Absent(_));

    topics.delete(ORDERS, 2).await.expect("it is deleted");
    refused!(topics.delete(ORDERS, 2).await, StreamsError::Absent(_) | StreamsError::Refused { .. });
    assert_eq!(payloads(&*topics, ORDERS).await, ["three"]);
    assert_eq!(topics.purge(ORDERS).await.expect("it is emptied"), 1);
    assert_eq!(publish(&*topics, message("four")).await.sequence, 4);
    refused!(topics.purge("other").await, StreamsError::Absent(_));
}
