use std::{collections::BTreeMap, time::Duration};

use fastrand::Rng;
use model::{
    Timestamp,
    streams::{Discard, StreamConfig, limit},
};

use super::world::{World, incoming};
use crate::stream::{Expires, Head, Purge, Stored, Stream, Wishes};

const SUBJECTS: [&str; 6] = ["a", "a.b", "a.c", "b.b", "b.c.d", "c"];
const HEADERS: [&str; 10] =
    ["", "", "", "TTL: 1", "TTL: 2s", "TTL: never", "Rollup: sub", "Msg-Id: 1", "Msg-Id: 2", "Rollup: all"];
const PATTERNS: [&str; 6] = [">", "a.*", "*.b", "a", "b.>", "*.*.*"];

/// A stream as a list that keeps everything, with the limits written as what they mean.
struct Naive {
    config: StreamConfig,
    messages: Vec<Head>,
}

impl Naive {
    /// What must be left: every rule looks at the whole list.
    fn settle(&mut self) {
        if let Some(max) = limit(self.config.max_msgs_per_subject) {
            let mut newer: BTreeMap<_, u64> = BTreeMap::new();
            let mut kept: Vec<_> = self.messages.drain(..).rev().collect();
            kept.retain(|head| {
                let count = newer.entry(head.subject.clone()).or_default();
                *count += 1;
                *count <= max
            });
            self.messages = kept.into_iter().rev().collect();
        }
        let over = |messages: &[Head], config: &StreamConfig| {
            limit(config.max_msgs).is_some_and(|max| messages.len() as u64 > max)
                || limit(config.max_bytes).is_some_and(|max| messages.iter().map(|head| head.bytes).sum::<u64>() > max)
        };
        while over(&self.messages, &self.config) {
            self.messages.remove(0);
        }
    }

    /// Takes away what is too old, and returns it.
    fn expire(&mut self, now: Timestamp) -> Vec<Head> {
        let age = self.config.max_age;
        let goes = |head: &mut Head| match head.expires {
            Expires::Never => false,
            Expires::At(at) if at <= now => true,
            _ => !age.is_zero() && head.at + age <= now,
        };
        self.messages.extract_if(.., goes).collect()
    }

    /// No subject of which only ordinary messages have expired is without a marker, where the stream wants them.
    fn expect_markers(&self, gone: &[Head], context: &str) {
        let is_plain = |subject: &str| gone.iter().all(|head| &*head.subject != subject || !head.marker);
        for head in gone.iter().filter(|head| is_plain(&head.subject)) {
            let is_there = self.messages.iter().any(|other| other.subject == head.subject);
            assert!(is_there || self.config.subject_delete_marker_ttl.is_zero(), "{context}: {head:?}");
        }
    }

    fn purge(&mut self, purge: &Purge) {
        let wants = |head: &Head| purge.filter.as_deref().is_none_or(|filter| naive_match(filter, &head.subject));
        let count = self.messages.iter().filter(|head| wants(head)).count() as u64;
        let mut left = count.saturating_sub(purge.keep.unwrap_or(0));
        self.messages.retain(|head| {
            let goes = wants(head) && purge.before.is_none_or(|seq| seq == 0 || head.seq < seq) && left > 0;
            left -= u64::from(goes);
            !goes
        });
    }
}

fn naive_match(pattern: &str, subject: &str) -> bool {
    let (pattern, subject): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), subject.split('.').collect());
    let rest = pattern.last() == Some(&">");
    let fits = if rest { subject.len() >= pattern.len() } else { subject.len() == pattern.len() };
    fits && pattern.iter().zip(&subject).all(|(p, s)| *p == ">" || *p == "*" || p == s)
}

fn any_config(rng: &mut Rng) -> StreamConfig {
    let mut maybe = |max: i64| if rng.bool() { rng.i64(1..max) } else { -1 };
    StreamConfig {
        subjects: vec!["a.>".into(), "*".into(), "b.>".into()],
        max_msgs: maybe(20),
        max_bytes: maybe(400).max(-1) + 40,
        max_msgs_per_subject: maybe(4),
        max_age: Duration::from_millis(u64::try_from(maybe(5_000)).map_or(0, |ms| ms + 100)),
        allow_rollup_hdrs: true,
        allow_msg_ttl: true,
        subject_delete_marker_ttl: Duration::from_secs(if rng.bool() { 1 } else { 0 }),
        ..StreamConfig::default()
    }
}

/// A restart: a snapshot that was taken at some time, and what was decided since.
struct Log {
    snapshot: crate::stream::Snapshot,
    since: Vec<Record>,
}

enum Record {
    Stored(Head, Wishes),
    Removed(Head),
    Cleared(u64),
}

#[test]
fn any_order_of_events_agrees_with_the_model() {
    for round in 0..2_000 {
        let seed = fastrand::u64(..);
        let mut rng = Rng::with_seed(seed);
        let config = any_config(&mut rng);
        let mut world = World::new(config);
        let mut naive = Naive { config: world.stream.config().clone(), messages: Vec::new() };
        let mut log = Log { snapshot: world.stream.snapshot(), since: Vec::new() };
        for step in 0..60 {
            let context = format!("seed {seed} round {round} step {step}");
            let before = world.stored.clone();
            step_once(&mut rng, &mut world, &mut naive, &mut log, &context);
            record_removals(&before, &world, &mut log);
            let expected: Vec<_> = naive.messages.iter().map(|head| head.seq).collect();
            assert_eq!(world.left(), expected, "{context}");
            world.agree(&context);
            for pattern in PATTERNS {
                let after = rng.u64(..=world.stream.counts().last_seq);
                let found = world.stream.index().pending(&[pattern], after, &world.stored);
                let expected =
                    naive.messages.iter().filter(|h| h.seq > after && naive_match(pattern, &h.subject)).count();
                assert_eq!(found, expected as u64, "{context}: pending of {pattern} after {after}");
            }
        }
    }
}

fn step_once(rng: &mut Rng, world: &mut World, naive: &mut Naive, log: &mut Log, context: &str) {
    match rng.u8(..16) {
        0 => {
            world.wait_ms(rng.u64(..1_000));
            let due = world.due();
            let gone = naive.expire(world.now);
            for marker in &due.markers {
                let head = world.stored.get(marker.seq).unwrap();
                let may = gone.iter().any(|gone| gone.subject == head.subject && !gone.marker);
                assert!(may && naive.messages.iter().all(|other| other.subject != head.subject), "{context}: {head:?}");
                naive.messages.push(head.clone());
                log.since.push(Record::Stored(head, Wishes::default()));
            }
            naive.expect_markers(&gone, context);
        }
        1 => {
            let seq = rng.u64(..=world.stream.counts().last_seq + 1);
            world.delete(seq);
            naive.messages.retain(|head| head.seq != seq);
        }
        2 => {
            let last = world.stream.counts().last_seq;
            let filter = rng.bool().then(|| PATTERNS[rng.usize(..PATTERNS.len())].into());
            let (before, keep) = match rng.u8(..3) {
                0 => (Some(rng.u64(..=last + 2)), None),
                1 => (None, Some(rng.u64(..5))),
                _ => (None, None),
            };
            let purge = Purge { filter, before, keep };
            world.purge(&purge);
            naive.purge(&purge);
        }
        3 => *log = Log { snapshot: world.stream.snapshot(), since: Vec::new() },
        4 => restart(world, log, context),
        _ => publish(rng, world, naive, log),
    }
}

fn publish(rng: &mut Rng, world: &mut World, naive: &mut Naive, log: &mut Log) {
    let subject = SUBJECTS[rng.usize(..SUBJECTS.len())];
    let headers = HEADERS[rng.usize(..HEADERS.len())];
    let message = incoming(subject, headers, rng.u64(..10));
    let last = world.stream.counts().last_seq;
    world.tell(&message);
    if world.stream.counts().last_seq == last {
        return;
    }
    let head = world.stored.get(last + 1).unwrap();
    match headers {
        "Rollup: sub" => naive.messages.retain(|other| other.subject != head.subject),
        "Rollup: all" => naive.messages.clear(),
        _ => {}
    }
    naive.messages.push(head.clone());
    naive.settle();
    log.since.push(Record::Stored(head, message.wishes));
}

/// What has gone in this step, as storage would tell it again.
fn record_removals(before: &super::fake::Fake, world: &World, log: &mut Log) {
    let gone: Vec<_> = before.0.values().filter(|head| !world.stored.0.contains_key(&head.seq)).cloned().collect();
    if !gone.is_empty() && gone.len() == before.0.len() && !matches!(log.since.last(), Some(Record::Stored(..))) {
        log.since.push(Record::Cleared(world.stream.counts().first_seq));
    } else {
        log.since.extend(gone.into_iter().map(Record::Removed));
    }
}

fn restart(world: &mut World, log: &Log, context: &str) {
    let mut stream = Stream::restore(world.stream.config().clone(), log.snapshot.clone());
    for record in &log.since {
        match record {
            Record::Stored(head, wishes) => stream.stored(head, wishes, world.now),
            Record::Removed(head) => stream.removed(head, &world.stored),
            Record::Cleared(before) => stream.cleared(*before),
        }
    }
    stream.recovered(&world.stored, world.now);
    let (mut was, mut is) = (world.stream.snapshot(), stream.snapshot());
    // The first sequences are bounds, which may be closer in either.
    for snapshot in [&mut was, &mut is] {
        snapshot.counts.first_seq = 0;
        snapshot.subjects.iter_mut().for_each(|(_, entry)| entry.first = 0);
        snapshot.ids.retain(|(_, _, at)| *at + world.stream.config().duplicate_window > world.now);
    }
    assert_eq!(is, was, "{context}: restarted");
    world.stream = stream;
}

#[test]
fn discard_new_never_exceeds_a_limit() {
    for _ in 0..500 {
        let seed = fastrand::u64(..);
        let mut rng = Rng::with_seed(seed);
        let mut world = World::new(StreamConfig { discard: Discard::New, ..any_config(&mut rng) });
        let config = world.stream.config().clone();
        for _ in 0..60 {
            world.tell(&incoming(SUBJECTS[rng.usize(..6)], "", rng.u64(..12)));
            if rng.u8(..8) == 0 {
                world.delete(rng.u64(..=world.stream.counts().last_seq));
            }
            let counts = world.stream.counts();
            assert!(limit(config.max_msgs).is_none_or(|max| counts.messages <= max), "seed {seed}");
            assert!(limit(config.max_bytes).is_none_or(|max| counts.bytes <= max), "seed {seed}");
            world.agree(&format!("seed {seed}"));
        }
    }
}

/// What is stored together leaves the stream as the same messages do one after the other, and what is refused changes nothing.
#[test]
fn together_is_as_one_after_the_other() {
    for _ in 0..500 {
        let seed = fastrand::u64(..);
        let mut rng = Rng::with_seed(seed);
        let config = any_config(&mut rng);
        let [mut together, mut single] = [World::new(config.clone()), World::new(config)];
        for round in 0..12 {
            let context = format!("seed {seed} round {round}");
            let any =
                |_| incoming(SUBJECTS[rng.usize(..SUBJECTS.len())], HEADERS[rng.usize(..HEADERS.len())], rng.u64(..10));
            let all: Vec<_> = (0..round % 5 + 1).map(any).collect();
            if let Ok(before) = together.stream.check_all(&all, together.now, &together.stored) {
                let new = all.iter().zip(&before).filter(|(_, before)| before.is_none()).map(|(incoming, _)| incoming);
                let placed = together.stream.place_all(new, &|_| true, together.now, &together.stored);
                placed.iter().for_each(|placed| together.stored.place(placed));
                all.iter().for_each(|incoming| drop(single.tell(incoming)));
            }
            together.agree(&context);
            assert_eq!(together.left(), single.left(), "{context}");
            assert_eq!(together.stream.counts(), single.stream.counts(), "{context}");
        }
    }
}
