//! `redelivery`: a stream says how often its messages come, and those that came that often are kept.

use std::time::Duration;

use model::streams::{ConsumerConfig, Redelivery, StreamConfig};

use super::{
    CONSUMER, ORDERS, Rig, TOPICS, all, claims::claimed, consumer, eventually, message, publish, refused, topic,
};
use crate::streams::{Publish, StreamsError};

/// `redelivery`: a stream says how often its messages come, and those that came that often are kept.
pub async fn redelivery(rig: impl Rig) {
    let topics = rig.topics();
    let once = Redelivery { max_deliver: Some(1), ..Redelivery::default() };
    topics.ensure(StreamConfig { metadata: once.metadata(), ..topic(TOPICS[0]) }).await.expect("it is made");
    let headers = vec![("Trace".to_owned(), "a".to_owned())];
    let order = Publish { headers: headers.clone(), id: Some("7".into()), ..message("order") };
    publish(&*topics, order).await;
    let quick = ConsumerConfig { ack_wait: Duration::from_millis(200), ..consumer() };
    assert_eq!(rig.take(ORDERS, &quick, 1).await, [1]);
    let most = topics.consumers(ORDERS).await.expect("they are listed")[0].config.max_deliver;
    let dead = |from| topics.dead(ORDERS, CONSUMER, from, 10);
    if !topics.capabilities().redelivery {
        assert!(most < 1, "a consumer that asked for nothing is delivered {most} times");
        refused!(dead(0).await, StreamsError::Unsupported(_));
        refused!(topics.replay(ORDERS, CONSUMER, 1).await, StreamsError::Unsupported(_));
        refused!(topics.remove_dead(ORDERS, CONSUMER, 1).await, StreamsError::Unsupported(_));
        return;
    }
    let check = async {
        assert_eq!(most, 1);
        assert_eq!(dead(0).await.expect("there is none"), []);
        let died = || async {
            // A message is found dead when somebody asks for more.
            rig.take(ORDERS, &quick, 1).await;
            dead(0).await.expect("they are read").pop()
        };
        let letter = eventually("the message is among the dead letters", died).await;
        assert_eq!((letter.sequence, letter.deliveries, letter.reason.as_str()), (1, 1, "max-deliveries"));
        let original = all(&*topics, ORDERS).await.remove(0);
        assert_eq!(letter.message, original);
        assert!(letter.first_delivered_at >= Some(original.at), "{letter:?}");
        assert_eq!(letter.first_delivered_at, letter.delivered_at, "it was delivered once");
        assert_eq!(dead(2).await.expect("there is no other"), []);

        // Whoever is the second finds it gone.
        let (one, other) = tokio::join!(topics.replay(ORDERS, CONSUMER, 1), topics.replay(ORDERS, CONSUMER, 1));
        let [Ok(again), Err(StreamsError::Absent(_))] = (if one.is_ok() { [one, other] } else { [other, one] }) else {
            panic!("both or neither");
        };
        assert_eq!((again.stream.as_str(), again.sequence, again.duplicate), (ORDERS, 2, false));
        assert_eq!(dead(0).await.expect("it is gone"), []);
        let second = all(&*topics, ORDERS).await.remove(1);
        assert!(second.payload == original.payload && second.headers.starts_with(&headers), "{second:?}");
        refused!(topics.replay(ORDERS, CONSUMER, 1).await, StreamsError::Absent(_));

        rig.take(ORDERS, &quick, 1).await;
        let letter = eventually("the message is dead again", died).await;
        assert_eq!((letter.sequence, letter.message.sequence), (2, 2));
        topics.remove_dead(ORDERS, CONSUMER, 2).await.expect("it is there");
        assert_eq!(dead(0).await.expect("it is gone"), []);
        assert_eq!(all(&*topics, ORDERS).await.len(), 2, "nothing is published");
        refused!(topics.remove_dead(ORDERS, CONSUMER, 2).await, StreamsError::Absent(_));
        refused!(topics.dead("other", CONSUMER, 0, 1).await, StreamsError::Absent(_));
    };
    claimed("redelivery", check).await;
}
