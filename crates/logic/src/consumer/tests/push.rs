use std::time::Duration;

use model::streams::{AckPolicy, ConsumerConfig, ReplayPolicy};

use super::world::{World, explicit};
use crate::consumer::{Action, Event, Status, Target};

fn push() -> ConsumerConfig {
    ConsumerConfig { deliver_subject: "to.me.now".into(), ..explicit() }
}

#[test]
fn pushes_while_somebody_listens() {
    let config = ConsumerConfig { idle_heartbeat: Duration::from_secs(5), headers_only: true, ..push() };
    let mut world = World::with(&["a"; 2], config);
    assert_eq!((world.told(), world.wait(60_000)), (String::new(), String::new()));
    world.event(1, Event::Interest(true));
    let headers_only = world.asked.iter().all(|(_, a)| !matches!(a, Action::Deliver(d) if !d.headers_only));
    assert_eq!((world.told().as_str(), headers_only), ("1 2", true));
    assert_eq!((world.wait(4_999), world.wait(1), world.wait(5_000)), (String::new(), "100#".into(), "100#".into()));
    world.publish(&["a"]);
    assert_eq!((world.told(), world.wait(4_999)), ("3".into(), String::new()));
    world.event(1, Event::Interest(false));
    world.publish(&["a"]);
    assert_eq!((world.told(), world.wait(20_000)), (String::new(), String::new()));
    world.event(1, Event::Interest(true));
    assert_eq!(world.told(), "1x2 2x2 4", "the acknowledgements of the first two have not come in time");
    assert_eq!(world.wait(5_001), "100# 3x2");
    world.event(1, Event::Delete);
    assert_eq!(world.told(), "409#");
    assert_eq!(world.fetch(1), "409#1", "it cannot be pulled from");
}

#[test]
fn flow_control_holds_back() {
    let config = ConsumerConfig {
        flow_control: true,
        idle_heartbeat: Duration::from_secs(5),
        ack_policy: AckPolicy::None,
        ..push()
    };
    let mut world = World::with(&[], config);
    world.event(1, Event::Interest(true));
    for _ in 0..4 {
        world.publish_with("a", "", 20_000);
    }
    assert_eq!(world.told(), "1 2 100# 3 4");
    world.publish_with("a", "", 20_000);
    assert_eq!((world.told(), world.info().stalled), (String::new(), true));
    world.now = world.now + Duration::from_secs(5);
    world.due();
    let beat = Status::IdleHeartbeat { last_consumer: 4, last_stream: 4, stalled: Some(1) };
    assert_eq!(world.asked.pop(), Some((1, Action::Tell(Target::Subject, beat))));
    world.event(1, Event::FlowReply(2));
    assert_eq!(world.told(), "");
    world.event(1, Event::FlowReply(1));
    assert_eq!(world.told(), "5", "the window has doubled");
}

#[test]
fn a_rate_is_kept() {
    // Eleven bytes are 88 bits: one message every 100 ms.
    let mut world = World::with(&["a"; 3], ConsumerConfig { rate_limit_bps: 880, ..push() });
    world.event(1, Event::Interest(true));
    assert_eq!(world.told(), "1");
    assert_eq!(
        (world.wait(99), world.wait(1), world.wait(99), world.wait(1)),
        (String::new(), "2".into(), String::new(), "3".into())
    );
}

#[test]
fn the_original_pauses_are_kept() {
    let mut world = World::with(&["a"], ConsumerConfig { replay_policy: ReplayPolicy::Original, ..push() });
    world.wait(300);
    world.publish(&["a"]);
    world.wait(50);
    world.publish(&["a"]);
    world.wait(10_000);
    world.event(1, Event::Interest(true));
    assert_eq!(world.told(), "1");
    let then = (world.wait(299), world.wait(1), world.wait(49), world.wait(1));
    assert_eq!(then, (String::new(), "2".into(), String::new(), "3".into()));
}
