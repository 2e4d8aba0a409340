use model::streams::{ConsumerConfig, DeliverPolicy, Retention};

use super::world::{World, explicit};
use crate::{
    consumer::{Ack, Event, Pull},
    hub::NoWay,
};

#[test]
fn where_a_consumer_begins() {
    let subjects = ["a", "b", "a", "c.x", "b", "c.y"];
    let start = |deliver_policy| ConsumerConfig { deliver_policy, ..explicit() };
    let filtered = |deliver_policy, filters: &[&str]| ConsumerConfig {
        filter_subjects: filters.iter().map(|f| (*f).to_owned()).collect(),
        ..start(deliver_policy)
    };
    let from = |opt_start_seq| ConsumerConfig { opt_start_seq, ..start(DeliverPolicy::ByStartSequence) };
    let since = |s: u64| ConsumerConfig {
        opt_start_time: Some(model::Timestamp(1_790_000_000_000_000 + s * 1_000_000)),
        ..start(DeliverPolicy::ByStartTime)
    };
    for (config, pending, before, then) in [
        (start(DeliverPolicy::All), 6, 0, "1 2 3 4 5 6 7 404#1"),
        (start(DeliverPolicy::New), 0, 6, "7 404#1"),
        (start(DeliverPolicy::Last), 1, 5, "6 7 404#1"),
        (filtered(DeliverPolicy::Last, &["b", "c.x"]), 1, 4, "5 404#1"),
        (from(4), 3, 3, "4 5 6 7 404#1"),
        (from(7), 0, 6, "7 404#1"),
        (from(9), 0, 6, "404#1"),
        (since(0), 6, 0, "1 2 3 4 5 6 7 404#1"),
        (since(3), 3, 3, "4 5 6 7 404#1"),
        (since(60), 0, 6, "7 404#1"),
        (filtered(DeliverPolicy::LastPerSubject, &["*", "c.*"]), 4, 2, "3 4 5 6 7 404#1"),
        (filtered(DeliverPolicy::LastPerSubject, &["c.*"]), 2, 3, "4 6 404#1"),
        (filtered(DeliverPolicy::All, &["a", "c.>"]), 4, 0, "1 3 4 6 7 404#1"),
    ] {
        let mut world = World::new(Default::default());
        for subject in subjects {
            world.publish(&[subject]);
            world.now = world.now + std::time::Duration::from_secs(1);
        }
        world.consumer(1, config.clone());
        let info = world.info();
        assert_eq!((info.num_pending, info.delivered_stream_seq), (pending, before), "{config:?}");
        world.publish(&["a"]);
        assert_eq!(world.fetch(10), then, "{config:?}");
        assert_eq!(world.info().num_pending, 0, "{config:?}");
    }
}

#[test]
fn what_is_overwritten_meanwhile_is_not_delivered() {
    let config = model::streams::StreamConfig { max_msgs_per_subject: 1, ..Default::default() };
    let mut world = World::new(config);
    world.publish(&["a", "b", "c"]);
    let lasts =
        ConsumerConfig { deliver_policy: DeliverPolicy::LastPerSubject, filter_subject: "*".into(), ..explicit() };
    world.consumer(1, lasts);
    assert_eq!((world.fetch(1), world.info().num_pending), ("1".into(), 2));
    world.publish(&["b", "a", "b"]);
    assert_eq!(world.info().num_pending, 3, "c, a and b");
    assert_eq!(world.fetch(9), "3 5 6 404#2");
}

#[test]
fn a_filter_of_few_among_many_is_found() {
    let mut world = World::new(Default::default());
    (0..500).for_each(|i| world.publish(&[&format!("n.{i}")]));
    world.publish(&["r.1", "n.1", "r.2"]);
    world.consumer(1, ConsumerConfig { filter_subject: "r.*".into(), ..explicit() });
    world.consumer(2, ConsumerConfig { filter_subject: "n.*".into(), ..explicit() });
    assert_eq!(world.fetch(5), "501 503 404#1");
    let pending = [1, 2].map(|id| world.hub.info(id, &world.stored).unwrap().num_pending);
    assert_eq!(pending, [0, 501]);
}

#[test]
fn where_a_consumer_may_go_on() {
    for (retention, acked, seq, expected) in [
        (Retention::Limits, 2, 1, Ok((5, "1 2 3 4 5"))),
        (Retention::Limits, 2, 6, Ok((0, ""))),
        (Retention::WorkQueue, 2, 1, Ok((4, "1 3 4 5"))),
        (Retention::WorkQueue, 2, 2, Err(NoWay::Gone(2, Some(3)))),
        (Retention::WorkQueue, 1, 1, Err(NoWay::Gone(1, Some(2)))),
        (Retention::WorkQueue, 1, 4, Ok((2, "4 5"))),
        (Retention::WorkQueue, 1, 5, Err(NoWay::PassesOver(1))),
        (Retention::WorkQueue, 1, 6, Err(NoWay::PassesOver(2))),
        (Retention::Interest, 3, 3, Err(NoWay::Gone(3, Some(4)))),
        (Retention::Interest, 3, 1, Ok((4, "1 2 4 5"))),
    ] {
        let subjects = vec!["a".to_owned()];
        let mut world = World::new(model::streams::StreamConfig { retention, subjects, ..Default::default() });
        world.consumer(1, explicit());
        world.publish(&["a"; 5]);
        assert_eq!(world.fetch(3), "1 2 3");
        world.ack(acked, Ack::Done);
        let pending = world.hub.check_rewind(1, seq, false, &world.stored);
        assert_eq!(pending, expected.map(|(pending, _)| pending), "{retention:?} {acked} {seq}");
        let Ok((_, gets)) = expected else { continue };
        world.event(1, Event::Rewind(seq));
        assert_eq!(world.fetch(9).trim_end_matches("404#2").trim_end(), gets, "{retention:?} {acked} {seq}");
    }
}

#[test]
fn what_is_skipped_does_not_come_again() {
    for (retention, expected) in [
        (Retention::Limits, Ok(0)),
        (Retention::WorkQueue, Err(NoWay::PassesOver(2))),
        (Retention::Interest, Err(NoWay::PassesOver(2))),
    ] {
        let subjects = vec!["a".to_owned()];
        let mut world = World::new(model::streams::StreamConfig { retention, subjects, ..Default::default() });
        world.consumer(1, explicit());
        world.publish(&["a"; 3]);
        assert_eq!((world.fetch(3), world.ack(2, Ack::Done)), ("1 2 3".into(), String::new()));
        assert_eq!(world.hub.check_rewind(1, 4, true, &world.stored), expected, "{retention:?}");
        if expected.is_ok() {
            world.event(1, Event::Skip(4));
            let info = world.info();
            assert_eq!((info.num_ack_pending, info.ack_floor_stream_seq, info.num_pending), (0, 3, 0));
            assert_eq!(world.wait(60_000), "", "neither 1 nor 3");
            world.publish(&["a"]);
            assert_eq!(world.fetch(1), "4");
        }
    }
}

#[test]
fn a_rewound_consumer_keeps_its_counts_and_who_waits() {
    let mut world = World::with(&["a"; 4], explicit());
    assert_eq!((world.fetch(4), world.ack(2, Ack::Done)), ("1 2 3 4".into(), String::new()));
    assert_eq!(world.pull(Pull { batch: 5, ..Pull::default() }), "");
    world.event(1, Event::Rewind(3));
    assert_eq!(world.told(), "3 4", "the request that waits is answered");
    let info = world.info();
    assert_eq!((info.delivered_consumer_seq, info.num_ack_pending, info.ack_floor_stream_seq), (6, 3, 0));
    assert_eq!(world.wait(30_000), "1x2 3x2 4x2");
    world.publish(&["a"]);
    assert_eq!(world.told(), "", "the request has had its five");
}
