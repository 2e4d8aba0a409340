use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use fastrand::Rng;
use model::{
    Timestamp,
    streams::{AckPolicy, ConsumerConfig, DeliverPolicy, Retention, StreamConfig},
};

use super::world::World;
use crate::{
    consumer::{Ack, Action, Advisory, Delivery, Event, Pull},
    hub::Hub,
    stream::{Purge, Stream},
};

const SUBJECTS: [&str; 5] = ["a", "b", "a.x", "b.x", "a.y"];
const FILTERS: [&[&str]; 6] = [&[], &["a"], &["*"], &["*.x", "b"], &["a.*", "*.x"], &["a", "b", "b.x"]];
const ACK_WAIT_MS: u64 = 1_000;

/// A consumer as a list that keeps everything.
struct Naive {
    config: ConsumerConfig,
    /// Messages that it may get, of those that were there when it began; all later ones too.
    began: BTreeSet<u64>,
    begins_after: u64,
    /// How often each message was delivered.
    deliveries: BTreeMap<u64, u64>,
    /// Messages that wait, and when they come again.
    waiting: BTreeMap<u64, Timestamp>,
    last_new: u64,
}

impl Naive {
    fn wants(&self, subject: &str) -> bool {
        let filters = self.config.filters();
        filters.is_empty() || filters.iter().any(|filter| naive_match(filter, subject))
    }

    /// What was never delivered and is there, in order.
    fn undelivered(&self, world: &World) -> Vec<u64> {
        let heads = world.stored.0.values().filter(|head| self.wants(&head.subject));
        let may = |seq: &u64| self.began.contains(seq) || *seq > self.begins_after;
        let fresh = |seq: &u64| !self.deliveries.contains_key(seq) && *seq > self.last_new;
        heads.map(|head| head.seq).filter(may).filter(fresh).collect()
    }

    fn delivered(&mut self, delivery: &Delivery, now: Timestamp, undelivered: Option<u64>, context: &str) {
        let count = self.deliveries.entry(delivery.seq).or_default();
        *count += 1;
        assert_eq!(delivery.deliveries, *count, "{context}: {delivery:?}");
        let max = self.config.max_deliver;
        assert!(max <= 0 || *count <= max.unsigned_abs(), "{context}: {delivery:?}");
        if *count == 1 {
            assert_eq!(Some(delivery.seq), undelivered, "{context}: the first that was not delivered");
            self.last_new = delivery.seq;
        } else {
            let due = self.waiting[&delivery.seq];
            assert!(due <= now, "{context}: {delivery:?} is not due");
        }
        if self.config.ack_policy != AckPolicy::None {
            self.waiting.insert(delivery.seq, now + Duration::from_millis(ACK_WAIT_MS));
        }
    }
}

fn naive_match(pattern: &str, subject: &str) -> bool {
    let (pattern, subject): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), subject.split('.').collect());
    pattern.len() == subject.len() && pattern.iter().zip(&subject).all(|(p, s)| *p == "*" || p == s)
}

fn any_config(rng: &mut Rng) -> ConsumerConfig {
    let filters = FILTERS[rng.usize(..FILTERS.len())];
    let policies =
        [DeliverPolicy::All, DeliverPolicy::New, DeliverPolicy::ByStartSequence, DeliverPolicy::LastPerSubject];
    let deliver_policy = policies[rng.usize(..if filters.is_empty() { 3 } else { 4 })];
    ConsumerConfig {
        ack_policy: [AckPolicy::None, AckPolicy::All, AckPolicy::Explicit, AckPolicy::Explicit][rng.usize(..4)],
        filter_subjects: filters.iter().map(|f| (*f).to_owned()).collect(),
        deliver_policy,
        opt_start_seq: if deliver_policy == DeliverPolicy::ByStartSequence { rng.u64(1..20) } else { 0 },
        ack_wait: Duration::from_millis(ACK_WAIT_MS),
        max_ack_pending: 0,
        max_deliver: rng.i64(-1..4),
        ..ConsumerConfig::default()
    }
}

struct Run {
    rng: Rng,
    world: World,
    naive: BTreeMap<u64, Naive>,
    next_request: u64,
    context: String,
}

#[test]
fn any_order_of_events_agrees_with_the_model() {
    for round in 0..2_000 {
        let seed = fastrand::u64(..);
        let mut rng = Rng::with_seed(seed);
        let per_subject = if rng.bool() { rng.i64(1..4) } else { -1 };
        let config = StreamConfig {
            max_msgs_per_subject: per_subject,
            max_msgs: 40,
            max_age: Duration::from_millis(if rng.bool() { 3_000 } else { 0 }),
            subject_delete_marker_ttl: Duration::from_secs(if rng.bool() { 1 } else { 0 }),
            allow_rollup_hdrs: true,
            ..Default::default()
        };
        let world = World::new(config);
        let mut run = Run { rng, world, naive: BTreeMap::new(), next_request: 0, context: String::new() };
        for step in 0..60 {
            run.context = format!("seed {seed} round {round} step {step}");
            run.step(step);
            run.agree();
        }
    }
}

impl Run {
    fn step(&mut self, step: u64) {
        match self.rng.u8(..25) {
            _ if step % 20 == 5 => self.create(step),
            0..=8 => {
                let subject = SUBJECTS[self.rng.usize(..SUBJECTS.len())];
                let headers = ["", "", "", "Rollup: sub", "Rollup: all"][self.rng.usize(..5)];
                self.observe(|world| world.publish_with(subject, headers, 10));
            }
            9 => {
                let last = self.world.hub.stream.counts().last_seq;
                let seq = self.rng.u64(..=last);
                self.observe(|world| {
                    if let Ok(removals) = world.hub.stream.delete(seq, &world.stored.clone()) {
                        world.gone(&removals);
                    }
                });
            }
            10 => {
                let purge = Purge { filter: Some(["a", "*.x", ">"][self.rng.usize(..3)].into()), ..Purge::default() };
                self.observe(|world| {
                    let purged = world.hub.stream.purge(&purge, &world.stored.clone()).unwrap();
                    world.gone(&purged.removals);
                });
            }
            11 | 12 => {
                self.world.now = self.world.now + Duration::from_millis(self.rng.u64(..800));
                self.observe(World::age);
                self.observe(World::due);
            }
            13 => self.restart(),
            14 => {
                let (hub, log) = (&self.world.hub, &mut self.world.log);
                hub.iter().for_each(|(id, consumer)| drop(log.insert(id, (consumer.snapshot(), Vec::new()))));
            }
            15..=18 => self.pull(),
            19 => self.rewind(),
            _ => self.ack(),
        }
    }

    fn create(&mut self, id: u64) {
        let config = any_config(&mut self.rng);
        self.world.consumer_with(id, config.clone(), false);
        let config = self.world.hub.get(id).unwrap().settings().config.clone();
        let last = self.world.hub.stream.counts().last_seq;
        let mut naive = Naive {
            begins_after: last,
            began: BTreeSet::new(),
            deliveries: BTreeMap::new(),
            waiting: BTreeMap::new(),
            last_new: 0,
            config,
        };
        match naive.config.deliver_policy {
            DeliverPolicy::All => naive.begins_after = 0,
            DeliverPolicy::ByStartSequence => naive.begins_after = naive.config.opt_start_seq - 1,
            DeliverPolicy::LastPerSubject => {
                let heads = self.world.stored.0.values().filter(|head| naive.wants(&head.subject));
                let lasts: BTreeMap<_, _> = heads.map(|head| (head.subject.clone(), head.seq)).collect();
                naive.began = lasts.into_values().collect();
            }
            _ => {}
        }
        self.naive.insert(id, naive);
    }

    fn any_consumer(&mut self) -> Option<u64> {
        let ids: Vec<_> = self.naive.keys().copied().collect();
        if ids.is_empty() { None } else { Some(ids[self.rng.usize(..ids.len())]) }
    }

    fn pull(&mut self) {
        let Some(id) = self.any_consumer() else { return };
        self.next_request += 1;
        let pull = Pull {
            id: self.next_request,
            batch: self.rng.u64(1..6),
            expires: self.rng.bool().then_some(Duration::from_millis(500)),
            no_wait: self.rng.bool(),
            ..Pull::default()
        };
        self.observe(|world| world.event(id, Event::Pull(pull)));
    }

    /// An acknowledgement of any message: one that waits, one that was acknowledged before, one that never was.
    fn ack(&mut self) {
        let Some(id) = self.any_consumer() else { return };
        let naive = self.naive.get_mut(&id).unwrap();
        let last = self.world.hub.stream.counts().last_seq;
        let waiting: Vec<_> = naive.waiting.keys().copied().collect();
        let late = waiting.is_empty() || self.rng.u8(..4) == 0;
        let seq = if late { self.rng.u64(..=last) } else { waiting[self.rng.usize(..waiting.len())] };
        let now = self.world.now;
        let delay = Duration::from_millis(self.rng.u64(..2_000));
        let ack = [Ack::Done, Ack::Done, Ack::Nak(None), Ack::Nak(Some(delay)), Ack::Progress, Ack::Term(None)]
            [self.rng.usize(..6)]
        .clone();
        let all = naive.config.ack_policy == AckPolicy::All && seq <= naive.last_new;
        match &ack {
            Ack::Done if all => naive.waiting.retain(|other, _| *other > seq),
            _ if !naive.waiting.contains_key(&seq) => {}
            Ack::Done | Ack::Term(_) | Ack::Next(_) => drop(naive.waiting.remove(&seq)),
            Ack::Nak(delay) => drop(naive.waiting.insert(seq, now + delay.unwrap_or_default())),
            Ack::Progress => drop(naive.waiting.insert(seq, now + Duration::from_millis(ACK_WAIT_MS))),
        }
        self.observe(|world| world.event(id, Event::Ack { seq, ack, answer: None }));
    }

    /// A consumer goes on somewhere else: what it had of it is new again, and what is before stays as it is, or is
    /// skipped.
    fn rewind(&mut self) {
        let Some(id) = self.any_consumer() else { return };
        let seq = self.rng.u64(1..=self.world.hub.stream.counts().last_seq + 1);
        let skips = self.rng.u8(..4) == 0;
        let naive = self.naive.get_mut(&id).unwrap();
        (naive.last_new, naive.begins_after) = (seq - 1, 0);
        naive.deliveries.retain(|other, _| *other < seq);
        naive.waiting.retain(|other, _| *other < seq && !skips);
        let pending = self.world.hub.check_rewind(id, seq, skips, &self.world.stored).unwrap();
        assert_eq!(pending, self.naive[&id].undelivered(&self.world).len() as u64, "{}", self.context);
        self.observe(|world| world.event(id, if skips { Event::Skip(seq) } else { Event::Rewind(seq) }));
    }

    /// Does something, and tells the models what came of it.
    fn observe(&mut self, act: impl FnOnce(&mut World)) {
        act(&mut self.world);
        let there = &self.world.stored.0;
        self.naive.values_mut().for_each(|naive| naive.waiting.retain(|seq, _| there.contains_key(seq)));
        for (id, action) in std::mem::take(&mut self.world.asked) {
            let naive = self.naive.get_mut(&id).unwrap();
            match action {
                Action::Deliver(delivery) => {
                    let undelivered = naive.undelivered(&self.world).first().copied();
                    naive.delivered(&delivery, self.world.now, undelivered, &self.context);
                }
                Action::Advise(Advisory::MaxDeliveries { seq, .. }) => drop(naive.waiting.remove(&seq)),
                _ => {}
            }
        }
    }

    fn agree(&self) {
        for (id, naive) in &self.naive {
            let (info, undelivered) =
                (self.world.hub.info(*id, &self.world.stored).unwrap(), naive.undelivered(&self.world));
            let context = format!("{}: consumer {id}", self.context);
            assert_eq!(info.num_pending, undelivered.len() as u64, "{context}: pending");
            assert_eq!(info.num_ack_pending, naive.waiting.len() as u64, "{context}: outstanding");
            let again = naive.waiting.keys().filter(|seq| naive.deliveries[seq] > 1).count();
            assert_eq!(info.num_redelivered, again as u64, "{context}: redelivered");
            let floor = naive.waiting.keys().next().map(|first| first - 1);
            assert_eq!(info.ack_floor_stream_seq, floor.unwrap_or(info.delivered_stream_seq), "{context}: floor");
            assert!(info.num_waiting == 0 || undelivered.is_empty(), "{context}: somebody waits for what is there");
        }
    }

    /// The process ends and comes back: requests are gone, everything else is as it was.
    fn restart(&mut self) {
        let before: Vec<_> = self.world.hub.iter().map(|(id, consumer)| (id, consumer.snapshot())).collect();
        let (config, state) = (self.world.hub.stream.config().clone(), self.world.hub.stream.snapshot());
        let mut hub = Hub::new(Stream::restore(config, state));
        for (id, consumer) in self.world.hub.iter() {
            let log = self.world.log[&id].clone();
            hub.restore(id, consumer.settings().clone(), log, self.world.now, &self.world.stored);
        }
        let after: Vec<_> = hub.iter().map(|(id, consumer)| (id, consumer.snapshot())).collect();
        assert_eq!(after, before, "{}: restarted", self.context);
        self.world.hub = hub;
    }
}

#[test]
fn with_interest_retention_what_somebody_needs_stays_and_nothing_else() {
    for _ in 0..500 {
        let seed = fastrand::u64(..);
        let mut world = World::new(StreamConfig { retention: Retention::Interest, ..Default::default() });
        let mut rng = Rng::with_seed(seed);
        for id in 1..4 {
            let filter_subjects = FILTERS[rng.usize(..FILTERS.len())].iter().map(|f| (*f).to_owned()).collect();
            world.consumer(id, ConsumerConfig { filter_subjects, ..super::world::explicit() });
        }
        for step in 0..60 {
            let (id, last) = (rng.u64(1..4), world.hub.stream.counts().last_seq);
            let (before, acked) = (needed(&world), rng.u64(..=last));
            let kind = rng.u8(..4);
            match kind {
                0 => world.publish(&[SUBJECTS[rng.usize(..SUBJECTS.len())]]),
                1 => world.event(id, Event::Pull(Pull { id: step, batch: 3, no_wait: true, ..Pull::default() })),
                _ => world.event(id, Event::Ack { seq: acked, ack: Ack::Done, answer: None }),
            }
            let context = format!("seed {seed} step {step}");
            for (seq, by) in before {
                let is_done = kind > 1 && (seq, by) == (acked, id);
                assert!(is_done || world.stored.0.contains_key(&seq), "{context}: consumer {by} needed {seq}");
            }
            let needed: BTreeSet<_> = needed(&world).into_iter().map(|(seq, _)| seq).collect();
            let stored: BTreeSet<_> = world.stored.0.keys().copied().collect();
            assert_eq!(stored, needed, "{context}");
        }
    }
}

/// Messages that are there, with each consumer that needs them.
fn needed(world: &World) -> Vec<(u64, u64)> {
    let wants = |config: &ConsumerConfig, subject: &str| {
        let filters = config.filters();
        filters.is_empty() || filters.iter().any(|filter| naive_match(filter, subject))
    };
    let by = |(id, consumer): (u64, &crate::consumer::Consumer)| {
        let heads = world.stored.0.values();
        let heads = heads.filter(|head| wants(&consumer.settings().config, &head.subject) && consumer.needs(head.seq));
        heads.map(|head| (head.seq, id)).collect::<Vec<_>>()
    };
    world.hub.iter().flat_map(by).collect()
}
