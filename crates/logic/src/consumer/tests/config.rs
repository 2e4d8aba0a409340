use std::time::Duration;

use model::streams::{AckPolicy, ConsumerConfig, ConsumerLimits, DeliverPolicy, Retention, StreamConfig};

use super::world::explicit;
use crate::consumer::{check, check_pedantic, check_unique, check_update};

fn named(config: ConsumerConfig) -> ConsumerConfig {
    ConsumerConfig { name: "c".into(), ..config }
}

fn stream(subjects: &[&str]) -> StreamConfig {
    let subjects = subjects.iter().map(|s| (*s).to_owned()).collect();
    StreamConfig { name: "S".into(), subjects, ..StreamConfig::default() }
}

fn filters(filters: &[&str]) -> ConsumerConfig {
    ConsumerConfig { filter_subjects: filters.iter().map(|f| (*f).to_owned()).collect(), ..named(explicit()) }
}

#[test]
fn defaults() {
    let checked = check(named(explicit()), &stream(&["a"])).unwrap();
    let expected = ConsumerConfig {
        ack_wait: Duration::from_secs(30),
        max_deliver: -1,
        max_waiting: 512,
        max_ack_pending: 1000,
        inactive_threshold: Duration::from_secs(5),
        ..named(explicit())
    };
    assert_eq!(checked, expected);
    let consumer_limits = ConsumerLimits { inactive_threshold: Duration::from_secs(60), max_ack_pending: 7 };
    let limited = StreamConfig { consumer_limits, ..stream(&["a"]) };
    let durable = ConsumerConfig { durable_name: "c".into(), backoff: vec![Duration::from_secs(3)], ..explicit() };
    let checked = check(durable, &limited).unwrap();
    let found = (checked.name.as_str(), checked.max_ack_pending, checked.inactive_threshold, checked.ack_wait);
    assert_eq!(found, ("c", 7, Duration::from_secs(60), Duration::from_secs(3)));
}

#[test]
fn who_is_pedantic_gets_no_other_numbers_than_asked_for() {
    let seconds = Duration::from_secs;
    for (said, fits) in [
        (named(explicit()), true),
        (ConsumerConfig { max_deliver: -1, ack_wait: seconds(1), ..named(explicit()) }, true),
        (ConsumerConfig { backoff: vec![seconds(2)], ..named(explicit()) }, true),
        (ConsumerConfig { backoff: vec![seconds(2)], ack_wait: seconds(1), ..named(explicit()) }, false),
        (ConsumerConfig { max_ack_pending: -2, ..named(explicit()) }, false),
    ] {
        let checked = check(said.clone(), &stream(&["a"])).unwrap();
        assert_eq!(check_pedantic(&said, &checked).is_ok(), fits, "{said:?}");
    }
    let (said, of_stream) = (ConsumerConfig { max_deliver: -1, ..named(explicit()) }, 5);
    let filled = check(ConsumerConfig { max_deliver: of_stream, ..said.clone() }, &stream(&["a"])).unwrap();
    assert!(check_pedantic(&said, &filled).is_err());
}

#[test]
fn what_makes_no_consumer() {
    let any = || named(explicit());
    let push = || ConsumerConfig { deliver_subject: "d".into(), ..any() };
    let consumer_limits = ConsumerLimits { inactive_threshold: Duration::from_secs(60), max_ack_pending: 7 };
    let limited = StreamConfig { consumer_limits, ..stream(&["a"]) };
    let queue = StreamConfig { retention: Retention::WorkQueue, ..stream(&["a"]) };
    let plain = stream(&["a", "b.*"]);
    let millis = Duration::from_millis;
    for (config, stream, expected) in [
        (ConsumerConfig { name: "a.b".into(), ..any() }, &plain, 10052),
        (ConsumerConfig { durable_name: "d".into(), ..any() }, &plain, 10132),
        (ConsumerConfig { description: "x".repeat(4097), ..any() }, &plain, 10107),
        (ConsumerConfig { num_replicas: 3, ..any() }, &plain, 10126),
        (ConsumerConfig { priority_groups: vec!["g".into()], ..any() }, &plain, 10052),
        (ConsumerConfig { sample_freq: "101%".into(), ..any() }, &plain, 10095),
        (ConsumerConfig { max_deliver: 1, backoff: vec![millis(1); 2], ..any() }, &plain, 10116),
        (ConsumerConfig { max_ack_pending: 8, ..any() }, &limited, 10121),
        (ConsumerConfig { max_ack_pending: -1, ..any() }, &limited, 10121),
        (ConsumerConfig { inactive_threshold: Duration::from_secs(61), ..any() }, &limited, 10153),
        (ConsumerConfig { deliver_subject: "d.*".into(), ..any() }, &plain, 10079),
        (ConsumerConfig { deliver_subject: "d..e".into(), ..any() }, &plain, 10112),
        (ConsumerConfig { deliver_subject: "b.x".into(), ..any() }, &plain, 10081),
        (ConsumerConfig { max_waiting: 5, ..push() }, &plain, 10080),
        (ConsumerConfig { ack_policy: AckPolicy::None, max_ack_pending: 5, ..push() }, &plain, 10082),
        (ConsumerConfig { idle_heartbeat: millis(99), ..push() }, &plain, 10083),
        (ConsumerConfig { flow_control: true, ..push() }, &plain, 10108),
        (ConsumerConfig { rate_limit_bps: 1, ..any() }, &plain, 10086),
        (ConsumerConfig { idle_heartbeat: millis(100), ..any() }, &plain, 10088),
        (ConsumerConfig { flow_control: true, ..any() }, &plain, 10089),
        (ConsumerConfig { max_expires: Duration::from_micros(999), ..any() }, &plain, 10115),
        (ConsumerConfig { filter_subject: "a".into(), ..filters(&["a"]) }, &plain, 10136),
        (filters(&["a", ""]), &plain, 10139),
        (filters(&["b.*", "b.x"]), &plain, 10138),
        (filters(&["a", "a"]), &plain, 10138),
        (filters(&["a..b"]), &plain, 10052),
        (ConsumerConfig { opt_start_seq: 1, ..any() }, &plain, 10094),
        (ConsumerConfig { deliver_policy: DeliverPolicy::ByStartSequence, ..any() }, &plain, 10094),
        (ConsumerConfig { deliver_policy: DeliverPolicy::ByStartTime, ..any() }, &plain, 10094),
        (ConsumerConfig { deliver_policy: DeliverPolicy::LastPerSubject, ..any() }, &plain, 10094),
        (named(ConsumerConfig::default()), &queue, 10084),
        (ConsumerConfig { ack_policy: AckPolicy::All, ..any() }, &queue, 10098),
        (ConsumerConfig { deliver_policy: DeliverPolicy::New, ..any() }, &queue, 10101),
    ] {
        assert_eq!(check(config.clone(), stream).map_err(|error| error.err_code()), Err(expected), "{config:?}");
    }
}

#[test]
fn what_cannot_change() {
    let plain = stream(&["a"]);
    let old = check(named(explicit()), &plain).unwrap();
    for (new, fits) in [
        (ConsumerConfig { max_deliver: 5, filter_subject: "a".into(), ..named(explicit()) }, true),
        (ConsumerConfig { deliver_policy: DeliverPolicy::New, ..named(explicit()) }, false),
        (ConsumerConfig { ack_policy: AckPolicy::All, ..named(explicit()) }, false),
        (ConsumerConfig { deliver_subject: "d".into(), ..named(explicit()) }, false),
        (ConsumerConfig { max_waiting: 5, ..named(explicit()) }, false),
    ] {
        assert_eq!(check_update(&old, new.clone(), &plain).is_ok(), fits, "{new:?}");
    }
}

#[test]
fn a_message_of_a_work_queue_has_one_consumer() {
    for (ours, theirs, expected) in [
        (&["a"][..], &["b"][..], Ok(())),
        (&[], &["b"], Err(10099)),
        (&["a"], &[], Err(10099)),
        (&["a", "c.*"], &["*.d"], Err(10100)),
    ] {
        let found = check_unique(&filters(ours), [&filters(theirs)]).map_err(|error| error.err_code());
        assert_eq!(found, expected, "{ours:?} {theirs:?}");
    }
    assert_eq!(check_unique(&filters(&[]), []), Ok(()));
}
