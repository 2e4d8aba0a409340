//! A message is stored once, as it is, or refused.

use super::{ORDERS, Rig, all, message, orders, payloads, publish, refused};
use crate::streams::{Publish, StreamsError};

/// A message is stored once, as it is, or refused.
pub async fn publishing(rig: impl Rig) {
    let topics = rig.topics();
    refused!(topics.publish(message("early")).await, StreamsError::Absent(_));
    orders(&*topics, &[]).await;
    let headers = vec![("Trace".into(), "a b".into()), ("Trace".into(), "c".into())];
    let bytes = Publish { payload: vec![0, 255, 13, 10], headers: headers.clone(), ..message("") };
    let ack = publish(&*topics, bytes.clone()).await;
    assert_eq!((ack.stream.as_str(), ack.sequence, ack.duplicate), (ORDERS, 1, false));
    let stored = all(&*topics, ORDERS).await.remove(0);
    assert_eq!((&stored.payload, &stored.headers, stored.sequence), (&bytes.payload, &headers, 1));
    assert_eq!(stored.subject, bytes.subject);

    let once = Publish { id: Some("7".into()), ..message("once") };
    assert_eq!(publish(&*topics, once.clone()).await.sequence, 2);
    let again = publish(&*topics, once).await;
    assert_eq!((again.sequence, again.duplicate), (2, true));

    let expecting = |last| Publish { expect_last: Some(last), ..message("next") };
    refused!(topics.publish(expecting(1)).await, StreamsError::Conflict { found: 2, .. });
    assert_eq!(publish(&*topics, expecting(2)).await.sequence, 3);

    let subject = |subject: &str| Publish { subject: subject.into(), ..message("") };
    refused!(topics.publish(subject("conformance.nobody")).await, StreamsError::Absent(_));
    refused!(topics.publish(subject("conformance.*")).await, StreamsError::Invalid(_));
    refused!(topics.publish(subject("")).await, StreamsError::Invalid(_));
    let two_lines = Publish { headers: vec![("a".into(), "b\r\nc: d".into())], ..message("") };
    refused!(topics.publish(two_lines).await, StreamsError::Invalid(_));
    let large = Publish { payload: vec![0; 2 << 20], ..message("") };
    refused!(topics.publish(large).await, StreamsError::Invalid(_));
    assert_eq!(payloads(&*topics, ORDERS).await.len(), 3);
}
