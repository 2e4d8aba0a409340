use model::streams::{ConsumerConfig, DeliverPolicy};

use super::world::{World, explicit};

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
    for (config, pending, then) in [
        (start(DeliverPolicy::All), 6, "1 2 3 4 5 6 7 404#1"),
        (start(DeliverPolicy::New), 0, "7 404#1"),
        (start(DeliverPolicy::Last), 1, "6 7 404#1"),
        (filtered(DeliverPolicy::Last, &["b", "c.x"]), 1, "5 404#1"),
        (from(4), 3, "4 5 6 7 404#1"),
        (from(7), 0, "7 404#1"),
        (from(9), 0, "404#1"),
        (since(0), 6, "1 2 3 4 5 6 7 404#1"),
        (since(3), 3, "4 5 6 7 404#1"),
        (since(60), 0, "7 404#1"),
        (filtered(DeliverPolicy::LastPerSubject, &["*", "c.*"]), 4, "3 4 5 6 7 404#1"),
        (filtered(DeliverPolicy::LastPerSubject, &["c.*"]), 2, "4 6 404#1"),
        (filtered(DeliverPolicy::All, &["a", "c.>"]), 4, "1 3 4 6 7 404#1"),
    ] {
        let mut world = World::new(Default::default());
        for subject in subjects {
            world.publish(&[subject]);
            world.now = world.now + std::time::Duration::from_secs(1);
        }
        world.consumer(1, config.clone());
        assert_eq!(world.info().num_pending, pending, "{config:?}");
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
    let pending: Vec<_> = world.hub.iter().map(|(_, consumer)| consumer.info().num_pending).collect();
    assert_eq!(pending, [0, 501]);
}
