use std::time::Duration;

use model::streams::StreamConfig;

use super::world::World;
use crate::stream::Firing;

fn seconds(world: &World) -> Option<u64> {
    world.stream.deadline().map(|at| at.since(world.now).as_secs())
}

#[test]
fn messages_become_too_old() {
    let mut world =
        World::new(StreamConfig { max_age: Duration::from_secs(10), allow_msg_ttl: true, ..Default::default() });
    assert_eq!(seconds(&world), None);
    for headers in ["", "TTL: never", "TTL: 3s", "TTL: 60"] {
        world.publish("S", headers);
    }
    for (wait_s, left, next) in [
        (0, &[1, 2, 3, 4][..], Some(3)),
        (3, &[1, 2, 4], Some(7)),
        (6, &[1, 2, 4], Some(1)),
        (1, &[2], None),
        (100, &[2], None),
    ] {
        world.wait_ms(wait_s * 1000);
        world.due();
        world.due();
        assert_eq!((world.left().as_slice(), seconds(&world)), (left, next), "after {wait_s} s");
        world.agree("due");
    }
    for (headers, expected) in [("TTL: 900ms", "10165"), ("TTL: x", "10165"), ("TTL: 0", "5")] {
        assert_eq!(world.publish("S", headers), expected, "{headers}");
    }
    assert_eq!(World::new(StreamConfig::default()).publish("S", "TTL: x"), "10166");
}

#[test]
fn many_expire_in_steps() {
    let mut world = World::new(StreamConfig { max_age: Duration::from_secs(1), ..Default::default() });
    (0..2000).for_each(|_| drop(world.publish("S", "")));
    world.wait_ms(1000);
    assert_eq!((world.due().removals.each.len(), seconds(&world)), (1024, Some(0)));
    assert_eq!((world.due().removals.each.len(), seconds(&world)), (976, None));
    world.agree("all gone");
}

#[test]
fn a_marker_tells_that_a_subject_has_expired() {
    let markers = StreamConfig { subject_delete_marker_ttl: Duration::from_secs(5), ..Default::default() };
    let mut world = World::new(StreamConfig { subjects: vec!["*".into()], ..markers });
    for (subject, headers) in [("a", "TTL: 1"), ("b", "TTL: 1"), ("b", "")] {
        world.publish(subject, headers);
    }
    world.wait_ms(1000);
    let due = world.due();
    let markers: Vec<_> = due.markers.iter().map(|marker| (marker.seq, &*marker.subject)).collect();
    assert_eq!((markers, world.left(), seconds(&world)), (vec![(4, "a")], vec![3, 4], Some(5)));
    world.wait_ms(5000);
    assert_eq!((world.due().markers, world.left()), (vec![], vec![3]), "a marker leaves no marker");
    world.agree("markers");
}

#[test]
fn schedules() {
    let scheduled = StreamConfig { allow_msg_schedules: true, allow_msg_ttl: true, ..Default::default() };
    let mut world = World::new(StreamConfig { subjects: vec!["*".into()], ..scheduled });
    for (headers, expected) in [
        ("Schedule: @at 2026-09-21T14:13:25Z; Schedule-Target: a; Schedule-TTL: 5m", "1"),
        ("Schedule: @every 10s; Schedule-Target: a; Schedule-Source: b", "2 -1"),
        ("Schedule: @every 10ms; Schedule-Target: a", "10189"),
        ("Schedule: 0 0 * * * *; Schedule-Target: a", "10189"),
        ("Schedule: @every 1s", "10190"),
        ("Schedule: @every 1s; Schedule-Target: s", "10190"),
        ("Schedule: @every 1s; Schedule-Target: x.y", "10190"),
        ("Schedule: @every 1s; Schedule-Target: *", "10190"),
        ("Schedule: @every 1s; Schedule-Target: a; Schedule-Source: a", "10203"),
        ("Schedule: @every 1s; Schedule-Target: a; Schedule-TTL: x", "10191"),
        ("Schedule: @every 1s; Schedule-Target: a; Schedule-Rollup: all", "10192"),
        ("Schedule: @every 1s; Schedule-Target: a; Rollup: all", "10192"),
        ("Scheduler: a", "10212"),
        ("Scheduler: a; Schedule-Next: purge", "3"),
        ("Scheduler: a; Schedule-Next: 2026-09-21T14:13:25Z", "10212"),
    ] {
        assert_eq!(world.publish("s", headers), expected, "{headers}");
    }
    assert_eq!(World::new(StreamConfig::default()).publish("S", "Schedule: @every 1s; Schedule-Target: a"), "10188");
}

#[test]
fn schedules_fire() {
    let scheduled = StreamConfig { allow_msg_schedules: true, ..Default::default() };
    let mut world = World::new(StreamConfig { subjects: vec!["*".into()], ..scheduled });
    world.publish("once", "Schedule: @at 2026-09-21T14:13:25Z; Schedule-Target: a");
    world.publish("often", "Schedule: @every 10s; Schedule-Target: b; Schedule-Source: c");
    let firing = |seq, subject: &str, target: &str, source: Option<&str>, next: &str| Firing {
        seq,
        subject: subject.into(),
        target: target.into(),
        source: source.map(Into::into),
        ttl: None,
        rollup: None,
        next: next.into(),
    };
    assert_eq!((seconds(&world), world.due().firings), (Some(5), vec![]));
    world.wait_ms(5000);
    assert_eq!(world.due().firings, [firing(1, "once", "a", None, "purge")]);
    assert_eq!(seconds(&world), Some(1), "it is tried again until it was carried out");
    assert_eq!(world.publish("a", "Scheduler: once; Schedule-Next: purge"), "3 -1");
    assert_eq!(seconds(&world), Some(5));
    world.wait_ms(5000);
    assert_eq!(world.due().firings, [firing(2, "often", "b", Some("c"), "2026-09-21T14:13:40Z")]);
    world.wait_ms(60_000);
    assert_eq!(
        world.due().firings,
        [firing(2, "often", "b", Some("c"), "2026-09-21T14:14:40Z")],
        "what was missed fires once"
    );
    assert_eq!(world.delete(2), " -2");
    assert_eq!(world.stream.deadline(), None);
}

#[test]
fn a_clock_that_was_ahead_keeps_nothing_longer() {
    const MONTH_MS: u64 = 30 * 24 * 3600 * 1000;
    let ten_seconds = Duration::from_secs(10);
    let config = StreamConfig { max_age: ten_seconds, duplicate_window: ten_seconds, ..Default::default() };
    let mut world = World::new(StreamConfig { allow_msg_ttl: true, allow_msg_schedules: true, ..config });
    world.publish("S", "");
    let right = world.now;
    world.wait_ms(MONTH_MS);
    for headers in ["Msg-Id: a", "TTL: 3"] {
        world.publish("S", headers);
    }
    world.restart(right, &[(2, "Msg-Id: a"), (3, "TTL: 3")]);
    assert_eq!((world.publish("S", "Msg-Id: a"), seconds(&world)), ("duplicate 2".into(), Some(3)));
    for (wait_s, headers, published, left, next) in [
        (3, "", "4", &[1, 2, 4][..], Some(7)),
        (7, "Msg-Id: a", "5", &[4, 5], Some(3)),
        (3, "Msg-Id: a", "duplicate 5", &[5], Some(7)),
    ] {
        world.wait_ms(wait_s * 1000);
        assert_eq!(world.publish("S", headers), published, "{wait_s} s later");
        world.due();
        assert_eq!((world.left().as_slice(), seconds(&world)), (left, next), "{wait_s} s later");
        world.agree("the clock is right again");
    }
    let times: Vec<_> = world.stored.0.values().map(|head| head.at.since(right).as_millis()).collect();
    assert_eq!(times, [u128::from(MONTH_MS) + 5_000], "at half the pace, which catches up");
}
