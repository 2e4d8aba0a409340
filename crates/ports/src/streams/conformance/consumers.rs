//! How far consumers are can be seen, and they can be set back.

use model::streams::{Retention, StreamConfig};

use super::{CONSUMER, ORDERS, Rig, TOPICS, consumer, orders, refused, topic};
use crate::streams::{Start, StreamsError};

/// How far consumers are can be seen, and they can be set back.
pub async fn consumers(rig: impl Rig) {
    let topics = rig.topics();
    refused!(topics.consumers(ORDERS).await, StreamsError::Absent(_));
    orders(&*topics, &["1", "2", "3", "4"]).await;
    assert!(topics.consumers(ORDERS).await.expect("there is none").is_empty());
    refused!(topics.rewind(ORDERS, CONSUMER, Start::New).await, StreamsError::Absent(_));

    assert_eq!(rig.take(ORDERS, &consumer(), 3).await, [1, 2, 3]);
    let found = topics.consumers(ORDERS).await.expect("they are listed");
    let [one] = &found[..] else { panic!("{found:?}") };
    assert_eq!((one.name.as_str(), one.config.durable_name.as_str()), (CONSUMER, CONSUMER));
    assert_eq!((one.delivered, one.acknowledged, one.pending, one.ack_pending), (3, 0, 1, 3));
    assert_eq!((one.redelivered, one.is_paused), (0, false));
    assert_eq!(topics.info(ORDERS).await.expect("it is there").consumers, 1);

    let second = topics.read(ORDERS, Start::Sequence(2), 1).await.expect("it is read").remove(0);
    for (start, expected) in [
        (Start::Sequence(2), vec![2, 3, 4]),
        (Start::Sequence(0), vec![1, 2, 3, 4]),
        (Start::New, vec![]),
        (Start::Time(second.at), vec![2, 3, 4]),
    ] {
        topics.rewind(ORDERS, CONSUMER, start).await.expect("it is set back");
        let taken = rig.take(ORDERS, &consumer(), 10).await;
        // Two messages may have been stored in one microsecond.
        assert!(
            taken == expected || matches!(start, Start::Time(_)) && taken.ends_with(&expected),
            "{start:?}: {taken:?}"
        );
    }
    let kept = StreamConfig { retention: Retention::Interest, ..topic(TOPICS[1]) };
    let name = kept.name.clone();
    topics.ensure(kept).await.expect("it is made");
    rig.take(&name, &consumer(), 1).await;
    refused!(topics.rewind(&name, CONSUMER, Start::Sequence(1)).await, StreamsError::Refused { .. });
}
