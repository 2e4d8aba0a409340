use model::streams::{ApiError, Discard, Retention, StreamConfig};

use super::world::{World, incoming};
use crate::stream::{BATCH_BYTES_MAX, Purge};

fn on(subjects: &[&str]) -> StreamConfig {
    StreamConfig { subjects: subjects.iter().map(|s| (*s).to_owned()).collect(), ..StreamConfig::default() }
}

/// Publishes line by line: subject, headers, what becomes of it.
fn check(config: StreamConfig, lines: &[(&str, &str, &str)]) -> World {
    let mut world = World::new(config);
    for (i, (subject, headers, expected)) in lines.iter().enumerate() {
        assert_eq!(world.publish(subject, headers), *expected, "line {i}: {subject} {headers}");
        world.agree(&format!("line {i}"));
    }
    world
}

#[test]
fn expectations() {
    check(
        on(&["a.*"]),
        &[
            ("b", "", "10056"),
            ("a.x", "Expected-Stream: S", "1"),
            ("a.x", "Expected-Stream: T", "10060"),
            ("a.x", "Incr: +1", "10168"),
            ("a.x", "Expected-Last-Sequence: 1", "2"),
            ("a.x", "Expected-Last-Sequence: 1", "10071"),
            ("a.x", "Expected-Last-Sequence: two", "10071"),
            ("a.y", "Expected-Last-Subject-Sequence: 0", "3"),
            ("a.y", "Expected-Last-Subject-Sequence: 0", "10071"),
            ("a.y", "Expected-Last-Subject-Sequence: 2; Expected-Last-Subject-Sequence-Subject: a.x", "4"),
            ("a.y", "Expected-Last-Subject-Sequence: 4; Expected-Last-Subject-Sequence-Subject: a.*", "5"),
            ("a.y", "Expected-Last-Subject-Sequence-Subject: a.x", "10193"),
            ("a.x", "Expected-Last-Msg-Id: 1", "10070"),
            ("a.x", "Msg-Id: 1", "6"),
            ("a.x", "Expected-Last-Msg-Id: 1", "7"),
            ("a.x", "Expected-Last-Msg-Id: 1", "10070"),
            ("a.x", "Msg-Id: 1", "duplicate 6"),
        ],
    );
}

#[test]
fn limits_discard_the_old() {
    check(
        StreamConfig { max_msgs: 3, ..on(&["*", "a.*"]) },
        &[("a", "", "1"), ("b", "", "2"), ("a", "", "3"), ("a", "", "4 -1"), ("c", "", "5 -2")],
    );
    let lines = [("a", "", "1"), ("b", "", "2"), ("a", "", "3"), ("a", "", "4 -1"), ("b", "", "5"), ("a", "", "6 -3")];
    check(StreamConfig { max_msgs_per_subject: 2, ..on(&["*", "a.*"]) }, &lines);
    // Eleven bytes each.
    let lines = [("a", "", "1"), ("b", "", "2"), ("c", "", "3 -1"), ("d", "X: 6789012", "4 -2 -3"), ("e", "", "5 -4")];
    check(StreamConfig { max_bytes: 22, ..on(&["*", "a.*"]) }, &lines);
}

#[test]
fn limits_refuse_the_new() {
    let new = |config| StreamConfig { discard: Discard::New, ..config };
    let lines = [("a", "", "1"), ("b", "", "2"), ("c", "", "10077"), ("a", "", "10077")];
    check(new(StreamConfig { max_msgs: 2, ..on(&["*", "a.*"]) }), &lines);
    check(new(StreamConfig { max_bytes: 22, ..on(&["*", "a.*"]) }), &lines);
    // What replaces an older message adds none.
    let lines = [("a", "", "1"), ("b", "", "2"), ("c", "", "10077"), ("a", "", "3 -1"), ("a", "X: 1", "4 -3")];
    check(new(StreamConfig { max_msgs: 2, max_msgs_per_subject: 1, ..on(&["*", "a.*"]) }), &lines);
    let lines = [("a", "", "1"), ("a", "", "10077"), ("b", "", "2")];
    check(new(StreamConfig { max_msgs_per_subject: 1, discard_new_per_subject: true, ..on(&["*", "a.*"]) }), &lines);
}

#[test]
fn sizes() {
    let mut world = World::new(StreamConfig { max_msg_size: 100, max_bytes: 90, ..on(&["a"]) });
    for (header_bytes, payload_bytes, expected) in
        [(0, 89, "1"), (0, 90, "10077"), (50, 50, "10077"), (50, 51, "10054"), (65_536, 0, "10097")]
    {
        let message = crate::stream::Incoming { header_bytes, ..incoming("a", "", payload_bytes) };
        assert_eq!(world.tell(&message), expected, "{header_bytes} {payload_bytes}");
    }
}

#[test]
fn rollups() {
    check(on(&["*", "a.*"]), &[("a", "Rollup: sub", "10111")]);
    check(
        StreamConfig { allow_rollup_hdrs: true, ..on(&["*", "a.*"]) },
        &[
            ("a", "", "1"),
            ("a", "", "2"),
            ("b", "", "3"),
            ("a", "Rollup: sub", "4 -1 -2"),
            ("b", "Rollup: all", "5 -all"),
            ("b", "Rollup: half", "10111"),
            ("c", "", "6"),
        ],
    );
}

#[test]
fn interest_and_seals() {
    let mut world = World::new(StreamConfig { retention: Retention::Interest, ..on(&["a"]) });
    world.interest = false;
    assert_eq!((world.publish("a", "Msg-Id: 1"), world.left()), ("1 not kept".into(), vec![]));
    assert_eq!(world.publish("a", "Msg-Id: 1"), "duplicate 1");
    world.interest = true;
    assert_eq!((world.publish("a", ""), world.stream.counts().first_seq), ("2".into(), 2));
    let removals = world.stream.settle(2, &world.stored);
    assert_eq!(world.remove(&removals), " -2");
    world.agree("settled");

    let mut world = check(StreamConfig { deny_delete: true, deny_purge: true, ..on(&["a"]) }, &[("a", "", "1")]);
    assert_eq!((world.delete(1), world.purge(&Purge::default())), ("10057".into(), "10110".into()));
    let sealed = StreamConfig { sealed: true, ..world.stream.config().clone() };
    assert!(world.stream.update(sealed, &world.stored).is_empty());
    let said = (world.publish("a", ""), world.delete(1), world.purge(&Purge::default()));
    assert_eq!(said, ("10109".into(), "10109".into(), "10109".into()));
}

#[test]
fn deletes_and_purges() {
    let fill = || {
        let mut world = World::new(on(&["*", "a.*"]));
        ["a.1", "b", "a.2", "a.1", "b", "a.1"].iter().for_each(|subject| drop(world.publish(subject, "")));
        world
    };
    let purge = |filter: Option<&str>, before, keep| Purge { filter: filter.map(Into::into), before, keep };
    for (purge, expected) in [
        (purge(None, None, None), "6 -all"),
        (purge(Some(">"), None, None), "6 -all"),
        (purge(Some("a.*"), None, None), "4 -1 -3 -4 -6"),
        (purge(Some("a.1"), None, Some(1)), "2 -1 -4"),
        (purge(Some("a.>"), None, Some(3)), "1 -1"),
        (purge(None, None, Some(2)), "4 -1 -2 -3 -4"),
        (purge(None, Some(3), None), "2 -1 -2"),
        (purge(Some("b"), Some(5), None), "1 -2"),
        (purge(Some("c"), None, None), "0"),
        (purge(None, Some(100), None), "6 -all"),
        (purge(None, None, Some(10)), "0"),
        (purge(None, Some(3), Some(2)), "10003"),
    ] {
        let mut world = fill();
        assert_eq!(world.purge(&purge), expected, "{purge:?}");
        world.agree(&format!("{purge:?}"));
        assert_eq!(world.publish("b", ""), "7", "no sequence is used twice");
    }
    let mut world = fill();
    for (seq, expected) in [(6, " -6"), (6, "10043"), (1, " -1"), (9, "10043"), (5, " -5")] {
        assert_eq!(world.delete(seq), expected, "{seq}");
        world.agree(&format!("deleted {seq}"));
    }
}

#[test]
fn a_smaller_limit_takes_away_what_is_too_much() {
    let mut world = World::new(on(&["*", "a.*"]));
    ["a", "b", "a", "a", "c"].iter().for_each(|subject| drop(world.publish(subject, "")));
    let smaller = StreamConfig { max_msgs_per_subject: 2, max_msgs: 3, ..world.stream.config().clone() };
    let removals = world.stream.update(smaller, &world.stored);
    assert_eq!(world.remove(&removals), " -1 -2");
    world.agree("updated");
}

#[test]
fn batches() {
    check(on(&["*", "a.*"]), &[("a", "Batch-Id: x; Batch-Sequence: 1", "10174")]);
    let long = format!("Batch-Id: {}; Batch-Sequence: 1", "x".repeat(65));
    let mut world = check(
        StreamConfig { allow_atomic: true, allow_rollup_hdrs: true, max_msgs_per_subject: 2, ..on(&["*", "a.*"]) },
        &[
            ("a", "", "1"),
            ("a", "Batch-Id: x", "10175"),
            ("a", "Batch-Id: x; Batch-Sequence: 2", "10176"),
            ("a", &long, "10179"),
            ("a", "Batch-Id: x; Batch-Sequence: 1", "staged"),
            ("b", "", "2"),
            ("a", "Batch-Id: x; Batch-Sequence: 2", "staged"),
            ("c", "Batch-Id: x; Batch-Sequence: 3; Batch-Commit: 1", "3 4 -1 5 commit"),
            ("a", "Batch-Id: y; Batch-Sequence: 1; Expected-Last-Sequence: 5", "staged"),
            ("a", "Batch-Id: y; Batch-Sequence: 2; Batch-Commit: eob", "6 -3 commit"),
            ("a", "Batch-Id: y; Batch-Sequence: 1", "staged"),
            ("a", "Batch-Id: y; Batch-Sequence: 3", "10176"),
            ("a", "Batch-Id: y; Batch-Sequence: 4", "10176"),
            ("a", "Batch-Id: z; Batch-Sequence: 1", "staged"),
            ("a", "Batch-Id: z; Batch-Sequence: 2; Batch-Commit: maybe", "10200"),
            ("a", "Batch-Id: v; Batch-Sequence: 1; Msg-Id: 1", "staged"),
            ("a", "Batch-Id: v; Batch-Sequence: 2; Msg-Id: 1; Batch-Commit: 1", "10201"),
            ("a", "Batch-Id: w; Batch-Sequence: 1", "staged"),
            ("a", "Batch-Id: w; Batch-Sequence: 2; Expected-Last-Sequence: 6; Batch-Commit: 1", "10164"),
            ("a", "Batch-Id: u; Batch-Sequence: 1", "staged"),
            ("a", "Batch-Id: u; Batch-Sequence: 2; Expected-Last-Msg-Id: 1; Batch-Commit: 1", "10177"),
            ("a", "Batch-Id: t; Batch-Sequence: 1", "staged"),
            ("a", "Batch-Id: t; Batch-Sequence: 2; Expected-Last-Subject-Sequence: 6; Batch-Commit: 1", "10164"),
            ("a", "Batch-Id: s; Batch-Sequence: 1", "staged"),
            ("a", "Batch-Id: s; Batch-Sequence: 2; Rollup: sub; Batch-Commit: 1", "10111"),
            ("a", "Batch-Id: r; Batch-Sequence: 1; Rollup: all; Batch-Commit: 1", "7 -all commit"),
        ],
    );
    for i in 0..50 {
        assert_eq!(world.publish("a", &format!("Batch-Id: {i}; Batch-Sequence: 1")), "staged");
    }
    assert_eq!(world.publish("a", "Batch-Id: 50; Batch-Sequence: 1"), "10210");
    for i in 2..=1000 {
        assert_eq!(world.publish("a", &format!("Batch-Id: 0; Batch-Sequence: {i}")), "staged");
    }
    assert_eq!(world.publish("a", "Batch-Id: 0; Batch-Sequence: 1001"), "10199");
    assert!(!world.stream.has_batch("0") && world.stream.has_batch("1"));
    world.wait_ms(10_000);
    assert_eq!((world.due().abandoned.len(), world.stream.deadline()), (49, None));
}

/// Lines as `check` has them; what becomes of all together, and the sequences that follow.
#[test]
fn together_or_not_at_all() {
    let config = || StreamConfig { max_msgs: 3, ..on(&["*", "a.*"]) };
    for (lines, expected, left) in [
        (&[("a", ""), ("b", "")] as &[_], Ok(vec![None, None]), vec![1, 2, 3]),
        (
            &[("a", "Expected-Last-Sequence: 1"), ("b", "Msg-Id: x"), ("b", "")],
            Ok(vec![None, Some(1), None]),
            vec![1, 2, 3],
        ),
        (&[("a", ""), ("b", "Expected-Last-Sequence: 1")], Err(ApiError::WrongLastSequenceInBatch), vec![1]),
        (&[("a", ""), ("b", "Expected-Last-Subject-Sequence: 7")], Err(ApiError::WrongLastSequence(0)), vec![1]),
        (&[("a", "Msg-Id: y"), ("b", "Msg-Id: y")], Err(ApiError::BatchDuplicate), vec![1]),
        (&[("a", ""), ("b.c", "")], Err(ApiError::StreamMismatch), vec![1]),
        (&[("a", ""), ("a", ""), ("a", "")], Ok(vec![None; 3]), vec![2, 3, 4]),
    ] {
        let mut world = check(config(), &[("a", "Msg-Id: x", "1")]);
        let all: Vec<_> = lines.iter().map(|(subject, headers)| incoming(subject, headers, 10)).collect();
        let checked = world.stream.check_all(&all, world.now, &world.stored);
        assert_eq!(checked, expected, "{lines:?}");
        world.agree("a check changes nothing");
        if let Ok(before) = checked {
            let new = all.iter().zip(before).filter(|(_, before)| before.is_none()).map(|(incoming, _)| incoming);
            let placed = world.stream.place_all(new, &|_| true, world.now, &world.stored);
            placed.iter().for_each(|placed| world.stored.place(placed));
        }
        world.agree("after all");
        assert_eq!(world.left(), left, "{lines:?}");
    }
}

#[test]
fn a_batch_has_place_in_one_write() {
    let mut world = World::new(StreamConfig { allow_atomic: true, ..on(&["a"]) });
    let half = BATCH_BYTES_MAX / 2 - 100;
    for (sequence, bytes, expected) in [(1, half, "staged"), (2, half, "staged"), (3, 300, "10199")] {
        let headers = format!("Batch-Id: x; Batch-Sequence: {sequence}");
        assert_eq!(world.tell(&incoming("a", &headers, bytes)), expected, "{sequence}");
    }
    assert!(!world.stream.has_batch("x"));
}
