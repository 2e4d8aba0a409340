//! `durability`: what was acknowledged survives the loss of power, where that is claimed.
//!
//! Where a rig can take the power away, that decides: a claim of `Synced` has lost nothing, and of `Written` what is left is the
//! beginning. Killing a server proves nothing, for the host still writes what the server has written; so what its own settings say
//! counts, and a claim may be less than that, but no more.

use super::{ORDERS, Rig, claims::claimed, eventually, message, orders, payloads, publish};
use crate::streams::Durability;

/// Enough that a disk which need not keep them loses some.
const MESSAGES: usize = 100;

/// `durability`: what was acknowledged survives the loss of power, where that is claimed.
pub async fn durability(mut rig: impl Rig) {
    let topics = rig.topics();
    let claim = topics.capabilities().durability;
    let published: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
    orders(&*topics, &[]).await;
    for payload in &published {
        publish(&*topics, message(payload)).await;
    }
    drop(topics);
    let told = rig.lose_power().await;
    let topics = rig.topics();
    let back = || async { topics.info(ORDERS).await.ok() };
    eventually("the stream is there again", back).await;
    let left = payloads(&*topics, ORDERS).await;
    assert_eq!(left, published[..left.len()], "the beginning is left");
    if claim == Durability::Synced {
        let check = async {
            assert_eq!(left.len(), MESSAGES, "so many acknowledged messages are left");
            assert!(told.is_none_or(|told| told == Durability::Synced), "its own settings say {told:?}");
        };
        claimed("durability: Synced", check).await;
    }
}
