use std::time::Duration;

use model::streams::{
    DURABILITY_KEY, Discard, Persist, Retention, Storage, StreamConfig, SubjectTransform, Unsupported,
};

use crate::stream::{check, check_pedantic, check_update, offers};

fn named(change: impl FnOnce(&mut StreamConfig)) -> StreamConfig {
    let mut config = StreamConfig { name: "S".into(), ..StreamConfig::default() };
    change(&mut config);
    config
}

#[test]
fn defaults() {
    let checked = check(named(|c| (c.max_msgs, c.max_age) = (-7, Duration::from_secs(60)))).unwrap();
    let expected = StreamConfig {
        subjects: vec!["S".into()],
        max_age: Duration::from_secs(60),
        duplicate_window: Duration::from_secs(60),
        ..named(|_| ())
    };
    assert_eq!(checked, expected);
    assert_eq!(check(named(|_| ())).unwrap().duplicate_window, Duration::from_secs(120));
    let markers = check(named(|c| c.subject_delete_marker_ttl = Duration::from_secs(1))).unwrap();
    assert!(markers.allow_msg_ttl && markers.allow_rollup_hdrs);
}

#[test]
fn who_is_pedantic_gets_no_other_flags_than_asked_for() {
    type Change = fn(&mut StreamConfig);
    let cases: [(Change, bool); 4] = [
        (|_| (), true),
        (|c| c.subject_delete_marker_ttl = Duration::from_secs(1), false),
        (|c| (c.allow_msg_schedules, c.deny_purge) = (true, true), false),
        (|c| (c.allow_msg_schedules, c.allow_rollup_hdrs) = (true, true), true),
    ];
    for (number, (change, fits)) in cases.into_iter().enumerate() {
        let said = named(change);
        let checked = check(said.clone()).unwrap();
        assert_eq!(check_pedantic(&said, &checked).is_ok(), fits, "{number}");
    }
}

#[test]
fn what_makes_no_stream() {
    let subjects = |subjects: &[&str]| subjects.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let cases: [(StreamConfig, u16); 21] = [
        (named(|c| c.name = "a.b".into()), 10052),
        (named(|c| c.description = "x".repeat(4097)), 10052),
        (named(|c| c.metadata = [(DURABILITY_KEY.into(), "10ms".into())].into()), 10052),
        (named(|c| c.num_replicas = 3), 10074),
        (named(|c| c.num_replicas = -1), 10133),
        (named(|c| c.mirror = Some(Unsupported)), 10052),
        (named(|c| c.sources = vec![Unsupported]), 10052),
        (named(|c| c.allow_msg_counter = true), 10052),
        (named(|c| c.subject_transform = Some(SubjectTransform::default())), 10052),
        (named(|c| c.max_age = Duration::from_millis(99)), 10052),
        (named(|c| (c.max_age, c.duplicate_window) = (Duration::from_secs(1), Duration::from_secs(2))), 10052),
        (named(|c| c.duplicate_window = Duration::from_millis(99)), 10052),
        (named(|c| c.subject_delete_marker_ttl = Duration::from_millis(999)), 10052),
        (named(|c| (c.deny_purge, c.allow_rollup_hdrs) = (true, true)), 10052),
        (named(|c| (c.discard_new_per_subject, c.max_msgs_per_subject) = (true, 1)), 10052),
        (named(|c| (c.discard_new_per_subject, c.discard) = (true, Discard::New)), 10052),
        (named(|c| (c.allow_msg_schedules, c.discard) = (true, Discard::New)), 10052),
        (named(|c| (c.persist_mode, c.storage) = (Persist::Async, Storage::Memory)), 10052),
        (named(|c| c.subjects = subjects(&["a..b"])), 10052),
        (named(|c| c.subjects = subjects(&["a.*", "*.b"])), 10052),
        (named(|c| c.subjects = subjects(&["$JS.API.x"])), 10052),
    ];
    for (config, expected) in cases {
        assert_eq!(check(config.clone()).map_err(|error| error.err_code()), Err(expected), "{config:?}");
    }
}

#[test]
fn what_cannot_change() {
    let old = check(named(|c| c.deny_delete = true)).unwrap();
    let same = named(|c| c.deny_delete = true);
    for (new, fits) in [
        (StreamConfig { max_msgs: 5, ..same.clone() }, true),
        (StreamConfig { name: "T".into(), ..same.clone() }, false),
        (StreamConfig { storage: Storage::Memory, ..same.clone() }, false),
        (StreamConfig { retention: Retention::Interest, ..same.clone() }, false),
        (StreamConfig { deny_delete: false, ..same.clone() }, false),
        (StreamConfig { sealed: true, ..same }, true),
    ] {
        assert_eq!(check_update(&old, new.clone()).is_ok(), fits, "{new:?}");
    }
}

#[test]
fn what_a_stream_offers_to_whoever_makes_it_again() {
    let has = named(|c| (c.allow_direct, c.allow_msg_ttl, c.discard) = (true, true, Discard::New));
    type Change = fn(&mut StreamConfig);
    let cases: [(Change, bool); 8] = [
        (|_| (), true),
        (|c| c.allow_direct = true, true),
        (|c| c.description = "mine".into(), true),
        (|c| c.duplicate_window = Duration::from_secs(1), true),
        (|c| c.max_msgs_per_subject = 5, false),
        (|c| c.max_age = Duration::from_secs(60), false),
        (|c| c.deny_delete = true, false),
        (|c| c.storage = Storage::Memory, false),
    ];
    for (number, (change, expected)) in cases.into_iter().enumerate() {
        let mut asked = named(|c| c.discard = Discard::New);
        change(&mut asked);
        assert_eq!(offers(&has, &asked), expected, "{number}");
    }
    assert!(!offers(&named(|_| ()), &named(|c| c.allow_direct = true)));
}
