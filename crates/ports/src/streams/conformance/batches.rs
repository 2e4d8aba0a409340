//! `atomic_across_streams`: messages of several streams are stored together or not at all.

use super::{AUDIT, ORDERS, Rig, TOPICS, claims::claimed, message, orders, payloads, refused, topic};
use crate::streams::{Publish, StreamsError};

/// `atomic_across_streams`: messages of several streams are stored together or not at all.
pub async fn batches(rig: impl Rig) {
    let topics = rig.topics();
    orders(&*topics, &[]).await;
    topics.ensure(topic(TOPICS[1])).await.expect("it is made");
    let audit = Publish { subject: TOPICS[1].into(), ..message("audit") };
    let stored = async || [payloads(&*topics, ORDERS).await, payloads(&*topics, AUDIT).await];
    let nothing = [const { Vec::<String>::new() }; 2];
    if !topics.capabilities().atomic_across_streams {
        refused!(topics.publish_all(vec![message("order"), audit]).await, StreamsError::Unsupported(_));
        assert_eq!(stored().await, nothing);
        return;
    }
    let check = async {
        let conflicting = Publish { expect_last: Some(5), ..audit.clone() };
        refused!(topics.publish_all(vec![message("order"), conflicting]).await, StreamsError::Conflict { .. });
        let unheard = Publish { subject: "conformance.nobody".into(), ..audit.clone() };
        refused!(topics.publish_all(vec![message("order"), unheard]).await, StreamsError::Absent(_));
        assert_eq!(stored().await, nothing);
        let acks = topics.publish_all(vec![message("order"), audit, message("second")]).await.expect("all are stored");
        let places: Vec<_> = acks.iter().map(|ack| (ack.stream.as_str(), ack.sequence)).collect();
        assert_eq!(places, [(ORDERS, 1), (AUDIT, 1), (ORDERS, 2)]);
        assert_eq!(stored().await, [vec!["order", "second"], vec!["audit"]]);
    };
    claimed("atomic_across_streams", check).await;
}
