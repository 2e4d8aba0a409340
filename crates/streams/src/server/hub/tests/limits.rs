//! What is bounded, and what happens at the bound.

use std::time::Duration;

use super::rig::{PLAIN, Rig};
use crate::server::{Config, hub::Closing};

#[test]
fn one_connection_too_many() {
    let mut rig = Rig::new(Config { connections_max: 2, ..Config::default() });
    let [one, _] = [PLAIN; 2].map(|says| rig.client(says));
    let (third, heard) = rig.stranger();
    assert!(heard.starts_with("INFO {") && heard.ends_with("}\r\n-ERR 'maximum connections exceeded'\r\n"), "{heard}");
    assert_eq!(rig.closing(third), Some(Closing::Refused));
    rig.hub.close(third);
    rig.leave(one);
    let (fourth, _) = rig.stranger();
    assert_eq!(rig.closing(fourth), None);
}

#[test]
fn one_subscription_too_many() {
    let mut rig = Rig::new(Config { subscriptions_max: 2, ..Config::default() });
    let key = rig.client(&format!("{PLAIN}SUB a 1\r\nSUB b 2\r\nSUB b 2\r\nSUB c 3\r\nUNSUB 1\r\nSUB d 4\r\n"));
    assert_eq!(rig.hear(key), "-ERR 'maximum subscriptions exceeded'\r\n");
    assert_eq!((rig.hub.report().subscriptions, rig.closing(key)), (2, None));
}

#[test]
fn a_slow_consumer_goes_and_is_counted() {
    let mut rig = Rig::new(Config { pending_bytes_max: 3 << 20, ..Config::default() });
    let [slow, quick] = ["SUB a 1\r\n", "SUB a 2\r\n"].map(|says| rig.client(&format!("{PLAIN}{says}")));
    let publisher = rig.client(PLAIN);
    let message = format!("PUB a 1000\r\n{}\r\n", "x".repeat(1000));
    let mut heard = 0;
    for _ in 0..4000 {
        rig.say(publisher, message.as_bytes());
        heard += rig.hear(quick).matches("MSG a 2 1000").count();
    }
    assert_eq!((rig.closing(slow), rig.hear(slow).as_str()), (Some(Closing::SlowConsumer), ""));
    assert_eq!((rig.closing(quick), heard, rig.hub.report().slow_consumers), (None, 4000, 1));
}

#[test]
fn who_takes_nothing_in_time_is_slow_too() {
    let mut rig = Rig::new(Config::default());
    let key = rig.client(&format!("{PLAIN}SUB a 1\r\nPUB a 0\r\n\r\n"));
    rig.hub.blocked(key, rig.now);
    rig.pass(key, Duration::from_secs(9));
    assert_eq!(rig.hear(key), "MSG a 1 0\r\n\r\n");
    rig.say(key, b"PUB a 0\r\n\r\n");
    rig.pass(key, Duration::from_secs(60));
    assert_eq!(rig.closing(key), None, "it took something meanwhile");
    rig.hub.blocked(key, rig.now);
    rig.pass(key, Duration::from_secs(10));
    assert_eq!((rig.closing(key), rig.hub.report().slow_consumers), (Some(Closing::SlowConsumer), 1));
}

/// Somebody who takes less than it gets holds back those that publish to it, for a moment and as long as it takes anything.
#[test]
fn a_publisher_waits_for_those_that_still_take_something() {
    let mut rig = Rig::new(Config::default());
    let slow = rig.client(&format!("{PLAIN}SUB a 1\r\n"));
    let publisher = rig.client(PLAIN);
    let message = format!("PUB a 1000000\r\n{}\r\n", "x".repeat(1_000_000));
    let (moment, held) = (Duration::from_millis(5), |rig: &Rig| rig.hub.is_held(publisher));
    rig.say(publisher, message.as_bytes());
    assert!(!held(&rig), "little waits");
    rig.say(publisher, message.as_bytes());
    assert!(held(&rig), "much waits");
    rig.pass(publisher, moment);
    assert!(!held(&rig), "only for a moment");
    rig.say(publisher, message.as_bytes());
    assert!(!held(&rig), "nothing was taken meanwhile");
    rig.hub.written(slow, 1);
    rig.say(publisher, message.as_bytes());
    assert!(held(&rig), "something was taken");
    rig.hear(slow);
    assert!(!held(&rig), "all was taken");
}
