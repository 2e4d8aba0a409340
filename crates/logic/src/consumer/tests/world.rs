//! A stream with consumers, storage and a clock, spoken to in short texts.

use std::time::Duration;

use model::{
    Timestamp,
    streams::{AckPolicy, ConsumerConfig, StreamConfig},
};

use crate::{
    consumer::{Ack, Action, Advisory, Change, Event, Info, Pull, Settings, Snapshot, Target, check},
    hub::Hub,
    stream::{Outcome, Removals, Stored, Stream, tests::fake::Fake, tests::world::incoming},
};

pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) stored: Fake,
    pub(crate) now: Timestamp,
    /// Of each consumer, its last snapshot and the changes since.
    pub(crate) log: std::collections::BTreeMap<u64, (Snapshot, Vec<Change>)>,
    /// What was asked for since somebody looked.
    pub(crate) asked: Vec<(u64, Action)>,
    last_id: u64,
}

impl World {
    pub(crate) fn new(config: StreamConfig) -> Self {
        let subjects = ["*", "a.*", "b.*", "c.*", "n.*", "r.*"].map(str::to_owned).to_vec();
        let config = StreamConfig { name: "S".into(), subjects, ..config };
        Self {
            hub: Hub::new(Stream::new(crate::stream::check(config).unwrap())),
            stored: Fake::default(),
            now: Timestamp(1_790_000_000_000_000),
            log: std::collections::BTreeMap::new(),
            asked: Vec::new(),
            last_id: 0,
        }
    }

    /// A stream with these messages, and one consumer.
    pub(crate) fn with(subjects: &[&str], config: ConsumerConfig) -> Self {
        let mut world = Self::new(StreamConfig::default());
        world.publish(subjects);
        world.consumer(1, config);
        world
    }

    pub(crate) fn consumer(&mut self, id: u64, config: ConsumerConfig) {
        self.consumer_with(id, config, true);
    }

    pub(crate) fn consumer_with(&mut self, id: u64, config: ConsumerConfig, dead_letter: bool) {
        let config = ConsumerConfig { durable_name: format!("c{id}"), ..config };
        let config = check(config, self.hub.stream.config()).unwrap();
        self.hub.create(id, Settings { config, dead_letter }, self.now, &self.stored);
        self.log.insert(id, (self.hub.get(id).unwrap().snapshot(), Vec::new()));
    }

    pub(crate) fn publish(&mut self, subjects: &[&str]) {
        for subject in subjects {
            self.publish_with(subject, "", 10);
        }
    }

    pub(crate) fn publish_with(&mut self, subject: &str, headers: &str, bytes: u64) {
        let message = incoming(subject, headers, bytes);
        let placed = match self.hub.publish(&message, self.now, &self.stored) {
            Outcome::Stored(placed) => vec![placed],
            Outcome::Committed(all) => all,
            _ => return,
        };
        placed.iter().for_each(|placed| self.stored.place(placed));
        let mut actions = Vec::new();
        self.hub.placed(&placed, self.now, &self.stored, &mut actions);
        self.take(actions);
    }

    pub(crate) fn gone(&mut self, removals: &Removals) {
        self.stored.remove(removals);
        let mut actions = Vec::new();
        self.hub.gone(removals, self.now, &self.stored, &mut actions);
        self.take(actions);
    }

    pub(crate) fn event(&mut self, id: u64, event: Event) {
        let mut actions = Vec::new();
        self.hub.handle(id, event, self.now, &self.stored, &mut actions);
        self.take(actions);
    }

    /// Lets the stream do what time has brought.
    pub(crate) fn age(&mut self) {
        let due = self.hub.stream.due(self.now, &self.stored);
        self.stored.remove(&due.removals);
        due.markers.iter().for_each(|marker| self.stored.place_marker(marker));
        let mut actions = Vec::new();
        self.hub.aged(&due, self.now, &self.stored, &mut actions);
        self.take(actions);
    }

    pub(crate) fn due(&mut self) {
        for _ in 0..10_000 {
            let mut actions = Vec::new();
            self.hub.due(self.now, &self.stored, &mut actions);
            self.take(actions);
            if self.hub.deadline().is_none_or(|at| at > self.now) {
                return;
            }
        }
        panic!("deadlines never end");
    }

    /// Does what whoever drives the machines does.
    fn take(&mut self, actions: Vec<(u64, Action)>) {
        for (id, action) in actions {
            match &action {
                Action::Record(change) => self.log.get_mut(&id).unwrap().1.push(*change),
                Action::Release(seq) => {
                    let removals = self.hub.release(*seq, &self.stored);
                    if !removals.is_empty() {
                        self.gone(&removals);
                    }
                }
                _ => {}
            }
            self.asked.push((id, action));
        }
    }

    pub(crate) fn pull(&mut self, pull: Pull) -> String {
        self.last_id += 1;
        self.event(1, Event::Pull(Pull { id: self.last_id, ..pull }));
        self.told()
    }

    /// Pulls so many without waiting.
    pub(crate) fn fetch(&mut self, batch: u64) -> String {
        self.pull(Pull { batch, no_wait: true, ..Pull::default() })
    }

    pub(crate) fn ack(&mut self, seq: u64, ack: Ack) -> String {
        self.event(1, Event::Ack { seq, ack, answer: None });
        self.told()
    }

    pub(crate) fn wait(&mut self, ms: u64) -> String {
        self.now = self.now + Duration::from_millis(ms);
        self.due();
        self.told()
    }

    pub(crate) fn info(&self) -> Info {
        self.hub.info(1, &self.stored).unwrap()
    }

    /// What was asked for: `5` a first delivery, `5x2` the second one of 5, `404`, `dead 5`.
    pub(crate) fn told(&mut self) -> String {
        let asked = std::mem::take(&mut self.asked);
        let told = asked.into_iter().filter_map(|(_, action)| match action {
            Action::Deliver(delivery) if delivery.deliveries == 1 => Some(delivery.seq.to_string()),
            Action::Deliver(delivery) => Some(format!("{}x{}", delivery.seq, delivery.deliveries)),
            Action::Tell(to, status) => {
                let request = if let Target::Request(id) = to { format!("#{id}") } else { "#".into() };
                Some(format!("{}{request}", status.code()))
            }
            Action::DeadLetter(seq, death) => Some(format!("dead {seq} after {}", death.deliveries)),
            Action::Advise(Advisory::MaxDeliveries { seq, .. }) => Some(format!("exhausted {seq}")),
            Action::Advise(Advisory::Acked { seq, deliveries, delay, .. }) => {
                Some(format!("acked {seq} after {deliveries} and {delay:?}"))
            }
            Action::Advise(Advisory::Terminated { seq, .. }) => Some(format!("terminated {seq}")),
            Action::Advise(_) | Action::Record(_) | Action::Release(_) | Action::Forget(_) => None,
            Action::Answer(answer) => Some(format!("answer {answer}")),
            Action::Delete => Some("delete".into()),
        });
        told.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn left(&self) -> Vec<u64> {
        let mut left = Vec::new();
        while let Some(head) = self.stored.next(left.last().copied().unwrap_or(0)) {
            left.push(head.seq);
        }
        left
    }
}

pub(crate) fn explicit() -> ConsumerConfig {
    ConsumerConfig { ack_policy: AckPolicy::Explicit, ..ConsumerConfig::default() }
}
