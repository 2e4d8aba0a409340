//! `schedule`: a message comes when its time has come.

use std::time::Duration;

use model::streams::StreamConfig;

use super::{
    ORDERS, Rig, TOPICS, all, claims::claimed, eventually, message, orders, payloads, publish, refused, topic,
};
use crate::streams::{Publish, StreamsError};

const LATER: &str = "conformance.later";

/// `schedule`: a message comes when its time has come.
pub async fn delayed(rig: impl Rig) {
    let topics = rig.topics();
    orders(&*topics, &["now"]).await;
    let now = all(&*topics, ORDERS).await[0].at;
    let at = now + Duration::from_secs(2);
    let headers = [("Nats-Schedule", format!("@at {}", at.to_rfc3339())), ("Nats-Schedule-Target", TOPICS[0].into())];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
    let later = Publish { subject: LATER.into(), headers, ..message("later") };
    let subjects = vec![TOPICS[0].into(), LATER.into()];
    let allowing = StreamConfig { allow_msg_schedules: true, subjects, ..topic(TOPICS[0]) };
    if !topics.capabilities().schedule {
        refused!(topics.ensure(allowing).await, StreamsError::Unsupported(_));
        refused!(topics.publish(later).await, StreamsError::Unsupported(_));
        assert_eq!(payloads(&*topics, ORDERS).await, ["now"]);
        return;
    }
    let check = async {
        topics.ensure(allowing).await.expect("it is changed");
        publish(&*topics, later).await;
        let delivered = || async {
            all(&*topics, ORDERS)
                .await
                .into_iter()
                .find(|found| found.subject == TOPICS[0] && found.payload == b"later")
        };
        let delivered = eventually("the message comes", delivered).await;
        assert!(delivered.at >= at, "{delivered:?} came before {at:?}");
    };
    claimed("schedule", check).await;
}
