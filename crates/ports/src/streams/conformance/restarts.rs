//! What was acknowledged outlives the end of the engine's process.

use super::{CONSUMER, ORDERS, Rig, consumer, eventually, message, orders, payloads, publish};
use crate::streams::Publish;

/// What was acknowledged outlives the end of the engine's process.
pub async fn restarts(mut rig: impl Rig) {
    let topics = rig.topics();
    orders(&*topics, &["1", "2"]).await;
    let once = Publish { id: Some("7".into()), ..message("3") };
    publish(&*topics, once.clone()).await;
    assert_eq!(rig.take(ORDERS, &consumer(), 2).await, [1, 2]);
    drop(topics);
    rig.restart().await;
    let topics = rig.topics();
    let back = || async { topics.info(ORDERS).await.ok() };
    eventually("the stream is there again", back).await;
    assert_eq!(payloads(&*topics, ORDERS).await, ["1", "2", "3"]);
    assert!(publish(&*topics, once).await.duplicate);
    assert_eq!(publish(&*topics, message("4")).await.sequence, 4);
    let found = topics.consumers(ORDERS).await.expect("they are listed");
    assert_eq!(found.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), [CONSUMER]);
}
