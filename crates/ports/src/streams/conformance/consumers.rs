//! How far consumers are can be seen, and they can be set back; `rewind`: in place and in every stream.

use model::streams::{Retention, StreamConfig};

use super::{CONSUMER, ORDERS, Rig, TOPICS, claims::claimed, consumer, message, orders, publish, refused, topic};
use crate::streams::{Publish, Start, StreamsError};

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
        (Start::Time(second.at), vec![2, 3, 4]),
        (Start::New, vec![]),
    ] {
        let pending = topics.rewind(ORDERS, CONSUMER, start).await.expect("it is set back");
        let taken = rig.take(ORDERS, &consumer(), 10).await;
        assert_eq!(pending, taken.len() as u64, "{start:?}");
        // Two messages may have been stored in one microsecond.
        assert!(
            taken == expected || matches!(start, Start::Time(_)) && taken.ends_with(&expected),
            "{start:?}: {taken:?}"
        );
    }
    publish(&*topics, message("5")).await;
    assert_eq!(rig.take(ORDERS, &consumer(), 10).await, [5]);
    let set_back = &topics.consumers(ORDERS).await.expect("they are listed")[0];
    topics.remove_consumer(ORDERS, CONSUMER).await.expect("it is there");
    refused!(topics.remove_consumer(ORDERS, CONSUMER).await, StreamsError::Absent(_));
    assert!(topics.consumers(ORDERS).await.expect("they are listed").is_empty());
    let kept = [(TOPICS[1], Retention::Interest), (TOPICS[2], Retention::WorkQueue)]
        .map(|(name, retention)| StreamConfig { retention, ..topic(name) });
    if !topics.capabilities().rewind {
        for config in kept {
            let name = held(&rig, config).await;
            refused!(topics.rewind(&name, CONSUMER, Start::Sequence(1)).await, StreamsError::Refused { .. });
        }
        return;
    }
    claimed("rewind", async {
        assert_eq!(
            (set_back.created, set_back.ack_pending),
            (one.created, 1),
            "it is the one that it was, and skipped four"
        );
        for config in kept {
            what_is_kept(&rig, config).await;
        }
    })
    .await;
}

/// Makes a stream that keeps messages for consumers only, and takes some. Returns its name.
async fn held(rig: &impl Rig, config: StreamConfig) -> String {
    let (topics, name, subject) = (rig.topics(), config.name.clone(), config.subjects[0].clone());
    topics.ensure(config).await.expect("it is made");
    assert_eq!(rig.take(&name, &consumer(), 1).await, [0; 0]);
    for payload in ["1", "2", "3", "4"] {
        publish(&*topics, Publish { subject: subject.clone(), ..message(payload) }).await;
    }
    assert_eq!(rig.take(&name, &consumer(), 3).await, [1, 2, 3]);
    name
}

/// What it has is given again, and nothing is passed over.
async fn what_is_kept(rig: &impl Rig, config: StreamConfig) {
    let (topics, name) = (rig.topics(), held(rig, config).await);
    let rewind = |start| topics.rewind(&name, CONSUMER, start);
    topics.delete(&name, 2).await.expect("it is there");
    refused!(rewind(Start::Sequence(2)).await, StreamsError::Refused { .. });
    refused!(rewind(Start::New).await, StreamsError::Refused { .. });
    assert_eq!(rewind(Start::Sequence(3)).await.expect("it is there"), 2);
    assert_eq!(rig.take(&name, &consumer(), 10).await, [3, 4]);
    assert_eq!(rewind(Start::Sequence(0)).await.expect("there are some"), 3);
    assert_eq!(rig.take(&name, &consumer(), 10).await, [1, 3, 4]);
}
