//! Messages are read from any place on, and followed.

use std::time::Duration;

use super::{ORDERS, PATIENCE, Rig, message, orders, publish, refused, texts};
use crate::streams::{Message, Start, StreamsError};

/// Messages are read from any place on, and followed.
pub async fn reading(rig: impl Rig) {
    let topics = rig.topics();
    refused!(topics.read(ORDERS, Start::Sequence(1), 10).await, StreamsError::Absent(_));
    refused!(topics.tail(ORDERS, Start::New).await, StreamsError::Absent(_));
    orders(&*topics, &[]).await;
    assert_eq!(topics.read(ORDERS, Start::Time(model::Timestamp(0)), 10).await.expect("nothing is read"), []);
    orders(&*topics, &["1", "2", "3", "4", "5", "6"]).await;
    topics.delete(ORDERS, 3).await.expect("it is deleted");
    topics.delete(ORDERS, 6).await.expect("it is deleted");
    let read = async |start, max| topics.read(ORDERS, start, max).await.expect("they are read");
    let whole = read(Start::Sequence(0), 100).await;
    assert_eq!(texts(&whole), ["1", "2", "4", "5"]);
    assert!(whole.is_sorted_by_key(|message| message.at), "{whole:?}");
    assert_eq!(texts(&read(Start::Sequence(3), 1).await), ["4"]);
    assert_eq!(texts(&read(Start::Sequence(6), 10).await), [""; 0]);
    assert_eq!(texts(&read(Start::New, 10).await), [""; 0]);
    for message in &whole {
        let first = read(Start::Time(message.at), 1).await.remove(0);
        assert!(first.at == message.at && first.sequence <= message.sequence, "{first:?} {message:?}");
    }
    let later = whole[3].at + Duration::from_micros(1);
    assert_eq!(texts(&read(Start::Time(later), 10).await), [""; 0]);

    let mut old = topics.tail(ORDERS, Start::Sequence(4)).await.expect("it is followed");
    let mut new = topics.tail(ORDERS, Start::New).await.expect("it is followed");
    publish(&*topics, message("7")).await;
    for expected in ["4", "5", "7"] {
        assert_eq!(texts(&[next(&mut old).await]), [expected]);
    }
    assert_eq!(texts(&[next(&mut new).await]), ["7"]);
}

async fn next(tail: &mut tokio::sync::mpsc::Receiver<Result<Message, StreamsError>>) -> Message {
    let next = tokio::time::timeout(PATIENCE, tail.recv()).await.expect("it comes");
    next.expect("the tail goes on").expect("it is read")
}
