//! `ttl`: a message goes when its time has passed.

use std::time::Duration;

use model::streams::StreamConfig;

use super::{ORDERS, Rig, TOPICS, claims::claimed, eventually, message, orders, payloads, publish, refused, topic};
use crate::streams::{Publish, StreamsError};

/// `ttl`: a message goes when its time has passed.
pub async fn time_to_live(rig: impl Rig) {
    let topics = rig.topics();
    let short = Publish { ttl: Some(Duration::from_secs(1)), ..message("short") };
    let allowing = StreamConfig { allow_msg_ttl: true, ..topic(TOPICS[0]) };
    if !topics.capabilities().ttl {
        refused!(topics.ensure(allowing).await, StreamsError::Unsupported(_));
        orders(&*topics, &[]).await;
        refused!(topics.publish(short).await, StreamsError::Unsupported(_));
        let by_header = Publish { headers: vec![("Nats-TTL".into(), "1s".into())], ..message("short") };
        refused!(topics.publish(by_header).await, StreamsError::Unsupported(_));
        assert_eq!(payloads(&*topics, ORDERS).await, [""; 0]);
        return;
    }
    let check = async {
        orders(&*topics, &[]).await;
        refused!(topics.publish(short.clone()).await, StreamsError::Refused { .. });
        topics.ensure(allowing).await.expect("it is changed");
        let none = Publish { ttl: Some(Duration::from_millis(1)), ..message("none") };
        refused!(topics.publish(none).await, StreamsError::Invalid(_));
        publish(&*topics, message("long")).await;
        publish(&*topics, short).await;
        assert_eq!(payloads(&*topics, ORDERS).await, ["long", "short"]);
        let gone = || async { (payloads(&*topics, ORDERS).await == ["long"]).then_some(()) };
        eventually("the message is gone", gone).await;
    };
    claimed("ttl", check).await;
}
