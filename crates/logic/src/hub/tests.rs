//! What a decision costs, counted in questions to storage, and who hears of it.

use std::cell::Cell;

use model::{
    Timestamp,
    streams::{AckPolicy, ConsumerConfig, StreamConfig},
};

use super::Hub;
use crate::{
    consumer::{Action, Event, Pull, Settings, Target, check},
    stream::{Head, Outcome, Stored, Stream, tests::fake::Fake, tests::world::incoming},
};

/// Storage that counts what it is asked.
#[derive(Default)]
struct Counting {
    fake: Fake,
    asked: Cell<u64>,
}

impl Counting {
    fn ask(&self) -> &Fake {
        self.asked.set(self.asked.get() + 1);
        &self.fake
    }
}

impl Stored for Counting {
    fn next(&self, after: u64) -> Option<Head> {
        self.ask().next(after)
    }
    fn next_of(&self, subject: &str, after: u64) -> Option<Head> {
        self.ask().next_of(subject, after)
    }
    fn last_of(&self, subject: &str, before: u64) -> Option<Head> {
        self.ask().last_of(subject, before)
    }
    fn count(&self, subject: Option<&str>, after: u64) -> u64 {
        self.ask().count(subject, after)
    }
    fn since(&self, at: Timestamp) -> Option<Head> {
        self.ask().since(at)
    }
}

const NOW: Timestamp = Timestamp(1_790_000_000_000_000);

struct Bench {
    hub: Hub,
    stored: Counting,
}

impl Bench {
    fn new(consumers: u64) -> Self {
        let config =
            StreamConfig { name: "S".into(), subjects: vec!["n.*".into(), "r.*".into()], ..StreamConfig::default() };
        let mut hub = Hub::new(Stream::new(crate::stream::check(config).unwrap()));
        let stored = Counting::default();
        for id in 0..consumers {
            let config = ConsumerConfig {
                name: format!("c{id}"),
                filter_subject: format!("n.{id}"),
                ack_policy: AckPolicy::Explicit,
                ..ConsumerConfig::default()
            };
            let config = check(config, hub.stream.config()).unwrap();
            hub.create(id, Settings { config, dead_letter: false }, NOW, &stored);
            let pull = Pull { id, batch: 10, ..Pull::default() };
            hub.handle(id, Event::Pull(pull), NOW, &stored, &mut Vec::new());
        }
        Self { hub, stored }
    }

    /// Publishes, and tells to whom it was delivered and how often storage was asked.
    fn publish(&mut self, subject: &str) -> (Vec<Target>, u64) {
        let before = self.stored.asked.get();
        let message = incoming(subject, "", 10);
        let Outcome::Stored(placed) = self.hub.stream.publish(&message, &|_| true, NOW, &self.stored) else {
            panic!("{subject} is refused");
        };
        self.stored.fake.place(&placed);
        let mut actions = Vec::new();
        self.hub.placed(&[placed], NOW, &self.stored, &mut actions);
        let delivered = actions.into_iter().filter_map(|(_, action)| match action {
            Action::Deliver(delivery) => Some(delivery.to),
            _ => None,
        });
        (delivered.collect(), self.stored.asked.get() - before)
    }
}

#[test]
fn a_publish_costs_what_matches_with_ten_thousand_consumers_as_with_ten() {
    let (mut few, mut many) = (Bench::new(10), Bench::new(10_000));
    for subject in ["n.7", "n.7", "n.3", "n.7"] {
        let (to, asked) = few.publish(subject);
        assert_eq!(many.publish(subject), (to.clone(), asked), "{subject}");
        assert_eq!(to.len(), 1, "{subject}");
    }
    assert!(many.publish("n.9999").0 == [Target::Request(9_999)] && few.publish("n.9999") == (vec![], 0));
}

#[test]
fn a_consumer_that_nobody_takes_from_is_looked_at_once() {
    let mut bench = Bench::new(0);
    for (id, filter) in [(1, "n.1"), (2, ">"), (3, "n.*")] {
        let config = ConsumerConfig { name: "c".into(), filter_subject: filter.into(), ..ConsumerConfig::default() };
        bench.hub.create(id, Settings { config, dead_letter: false }, NOW, &bench.stored);
    }
    for _ in 0..3 {
        bench.publish("n.1");
    }
    let rests = |bench: &Bench| [1, 2, 3].map(|id| bench.hub.get(id).unwrap().rests());
    assert_eq!(rests(&bench), [true, true, false], "to count those of a pattern may cost a look for each subject");
    let pending = [1, 2, 3].map(|id| bench.hub.info(id, &bench.stored).unwrap().num_pending);
    assert_eq!(pending, [3; 3]);
    let pull = Pull { id: 7, batch: 5, ..Pull::default() };
    let mut actions = Vec::new();
    bench.hub.handle(1, Event::Pull(pull), NOW, &bench.stored, &mut actions);
    let left =
        actions.iter().filter_map(|(_, action)| if let Action::Deliver(d) = action { Some(d.pending) } else { None });
    assert_eq!(left.collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!((rests(&bench), bench.publish("n.1").0), ([false, true, false], vec![Target::Request(7)]));
}

#[test]
fn a_consumer_that_keeps_up_asks_storage_for_nothing() {
    let mut bench = Bench::new(2);
    bench.publish("n.1");
    assert_eq!(bench.publish("n.1"), (vec![Target::Request(1)], 0));
}

#[test]
fn catching_up_costs_what_is_found_and_not_what_lies_between() {
    let mut bench = Bench::new(0);
    for i in 0..2_000 {
        bench.publish(if i % 200 == 199 { "n.rare" } else { "n.often" });
    }
    let config = ConsumerConfig { name: "c".into(), filter_subject: "n.rare".into(), ..ConsumerConfig::default() };
    let config = check(config, bench.hub.stream.config()).unwrap();
    bench.hub.create(1, Settings { config, dead_letter: false }, NOW, &bench.stored);
    let before = bench.stored.asked.get();
    let pull = Pull { id: 1, batch: 10, ..Pull::default() };
    let mut actions = Vec::new();
    bench.hub.handle(1, Event::Pull(pull), NOW, &bench.stored, &mut actions);
    let delivered: Vec<_> = actions
        .iter()
        .filter_map(|(_, action)| if let Action::Deliver(delivery) = action { Some(delivery.seq) } else { None })
        .collect();
    assert_eq!(delivered, (1..=10).map(|i| i * 200).collect::<Vec<_>>());
    let asked = bench.stored.asked.get() - before;
    assert!(asked <= 30, "{asked} questions for ten messages");
}

#[test]
fn a_long_search_is_done_in_steps() {
    let mut bench = Bench::new(0);
    (0..66_000).for_each(|_| drop(bench.publish("n.often")));
    (0..4_000).for_each(|i| drop(bench.publish(&format!("r.{i}"))));
    let config = ConsumerConfig { name: "c".into(), filter_subject: "r.*".into(), ..ConsumerConfig::default() };
    let config = check(config, bench.hub.stream.config()).unwrap();
    bench.hub.create(1, Settings { config, dead_letter: false }, NOW, &bench.stored);
    let mut actions = Vec::new();
    bench.hub.handle(1, Event::Pull(Pull { id: 1, batch: 1, ..Pull::default() }), NOW, &bench.stored, &mut actions);
    assert_eq!((actions.len(), bench.hub.deadline()), (0, Some(NOW)), "nothing among the first 65,536");
    bench.hub.due(NOW, &bench.stored, &mut actions);
    let found =
        actions.iter().find_map(|(_, a)| if let Action::Deliver(d) = a { Some((d.seq, d.pending)) } else { None });
    assert_eq!(found, Some((66_001, 3_999)));
}
