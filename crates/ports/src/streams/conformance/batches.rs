//! `atomic_across_streams`: messages of several streams are stored together or not at all.

use super::{AUDIT, ORDERS, Rig, TOPICS, claims::claimed, message, orders, payloads, publish, refused, topic};
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
        let acks =
            topics.publish_all(vec![message("order"), audit.clone(), message("second")]).await.expect("all are stored");
        let places: Vec<_> = acks.iter().map(|ack| (ack.stream.as_str(), ack.sequence)).collect();
        assert_eq!(places, [(ORDERS, 1), (AUDIT, 1), (ORDERS, 2)]);
        assert_eq!(stored().await, [vec!["order", "second"], vec!["audit"]]);

        let known = |payload: &str| Publish { id: Some("7".into()), ..message(payload) };
        let twice = topics.publish_all(vec![known("one"), known("other")]).await;
        refused!(twice, StreamsError::Refused { .. });
        publish(&*topics, known("third")).await;
        let acks =
            topics.publish_all(vec![known("again"), audit]).await.expect("the stream remembers the first of them");
        let told: Vec<_> = acks.iter().map(|ack| (ack.stream.as_str(), ack.sequence, ack.duplicate)).collect();
        assert_eq!(told, [(ORDERS, 3, true), (AUDIT, 2, false)]);
        assert_eq!(stored().await, [vec!["order", "second", "third"], vec!["audit", "audit"]]);
        let large = Publish { payload: vec![0; 1_000_000], ..message("") };
        let too_large = topics.publish_all(vec![large.clone(); 7]).await;
        refused!(too_large, StreamsError::Refused { .. });
        let of_other = Publish { headers: vec![("Nats-Batch-Id".into(), "b".into())], ..message("") };
        refused!(topics.publish_all(vec![of_other]).await, StreamsError::Invalid(_));
        assert_eq!(topics.publish_all(Vec::new()).await.expect("nothing is done"), []);
        assert_eq!(topics.publish_all(vec![large; 5]).await.expect("they are stored").len(), 5);
        assert_eq!(topics.info(ORDERS).await.expect("it is there").messages, 8);
    };
    claimed("atomic_across_streams", check).await;
}
