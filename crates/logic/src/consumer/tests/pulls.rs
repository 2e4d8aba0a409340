use std::time::Duration;

use model::streams::ConsumerConfig;

use super::world::{World, explicit};
use crate::consumer::{Action, Event, Left, Pull, Status, Target};

fn secs(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn requests_wait_take_turns_and_end() {
    let mut world = World::with(&["a"; 3], explicit());
    let waiting = |batch, expires| Pull { batch, expires: secs(expires), ..Pull::default() };
    assert_eq!(world.pull(waiting(2, 5)), "1 2");
    assert_eq!(world.pull(waiting(3, 5)), "3");
    assert_eq!(world.pull(waiting(1, 2)), "", "#2 and #3 wait");
    world.publish(&["a", "a"]);
    let to: Vec<_> =
        world.asked.iter().filter_map(|(_, a)| if let Action::Deliver(d) = a { Some(d.to) } else { None }).collect();
    assert_eq!((to, world.told().as_str()), (vec![Target::Request(2), Target::Request(3)], "4 5"));
    assert_eq!((world.wait(4_999), world.info().num_waiting), (String::new(), 1));
    world.now = world.now + Duration::from_millis(1);
    world.due();
    let timeout = Status::RequestTimeout(Left { messages: 1, bytes: 0 });
    assert_eq!(world.asked.pop(), Some((1, Action::Tell(Target::Request(2), timeout))));
    assert_eq!(world.fetch(1), "404#4");
    world.pull(Pull { batch: 1, ..Pull::default() });
    world.event(1, Event::Abandoned(5));
    world.publish(&["a"]);
    assert_eq!((world.told(), world.fetch(1)), (String::new(), "6".into()));
}

#[test]
fn a_request_that_does_not_wait_may_wait_for_its_first_message() {
    let mut world = World::with(&[], explicit());
    assert_eq!(world.pull(Pull { batch: 5, no_wait: true, expires: secs(5), ..Pull::default() }), "");
    world.publish(&["a"]);
    assert_eq!(world.told(), "1 404#1");
    assert_eq!(world.pull(Pull { batch: 5, no_wait: true, expires: secs(5), ..Pull::default() }), "");
    assert_eq!(world.wait(5_000), "408#2");
}

#[test]
fn bytes_are_bounded() {
    // Eleven bytes each.
    let mut world = World::with(&["a"; 6], explicit());
    let bytes = |max_bytes| Pull { batch: 10, max_bytes: Some(max_bytes), ..Pull::default() };
    assert_eq!(
        (world.pull(bytes(5)), world.pull(bytes(30)), world.pull(bytes(22))),
        ("409#1".into(), "1 2 409#2".into(), "3 4 409#3".into())
    );
    world.event(1, Event::Pull(Pull { id: 9, ..bytes(12) }));
    let expected = Status::MaxBytes(Left { messages: 9, bytes: 1 });
    assert_eq!(world.asked.pop(), Some((1, Action::Tell(Target::Request(9), expected))));
    world.event(1, Event::Pull(Pull { id: 10, ..bytes(11) }));
    let expected = Status::BatchCompleted(Left { messages: 9, bytes: 0 });
    assert_eq!(world.asked.pop(), Some((1, Action::Tell(Target::Request(10), expected))));
}

#[test]
fn what_one_request_may_ask_for() {
    let config = ConsumerConfig {
        max_batch: 10,
        max_expires: Duration::from_secs(10),
        max_bytes: 100,
        max_waiting: 1,
        ..explicit()
    };
    let mut world = World::with(&[], config);
    let ask = |batch, expires, max_bytes, heartbeat: Option<u64>| Pull {
        batch,
        expires: secs(expires),
        max_bytes: Some(max_bytes),
        heartbeat: heartbeat.map(Duration::from_secs),
        ..Pull::default()
    };
    for (pull, expected) in [
        (ask(11, 1, 1, None), Some("409 Exceeded MaxRequestBatch of 10")),
        (ask(1, 11, 1, None), Some("409 Exceeded MaxRequestExpires of 10s")),
        (ask(1, 1, 101, None), Some("409 Exceeded MaxRequestMaxBytes of 100")),
        (ask(1, 1, 1, Some(1)), Some("400 Bad Request - heartbeat value too large")),
        (ask(10, 10, 100, None), None),
        (ask(1, 1, 1, None), Some("409 Exceeded MaxWaiting")),
        (ask(1, 10, 1, Some(5)), Some("Forget(0)")),
    ] {
        world.event(1, Event::Pull(pull.clone()));
        let told = world.asked.pop().map(|(_, action)| match action {
            Action::Tell(_, status) => format!("{} {}", status.code(), status.text()),
            other => format!("{other:?}"),
        });
        assert_eq!(told.as_deref(), expected, "{pull:?}");
    }
    assert_eq!(world.info().num_waiting, 1);
}

#[test]
fn heartbeats_come_when_nothing_else_does() {
    let mut world = World::with(&["a"], explicit());
    let beating = Pull { batch: 5, expires: secs(10), heartbeat: secs(2), ..Pull::default() };
    assert_eq!((world.pull(beating), world.wait(1_000)), ("1".into(), String::new()));
    world.publish(&["a"]);
    assert_eq!((world.told(), world.wait(1_999), world.wait(1)), ("2".into(), String::new(), "100#1".into()));
    let beat = Status::IdleHeartbeat { last_consumer: 2, last_stream: 2, stalled: None };
    world.now = world.now + Duration::from_secs(2);
    world.due();
    assert_eq!(world.asked.pop(), Some((1, Action::Tell(Target::Request(1), beat))));
    assert_eq!(world.wait(5_000), "408#1");
}

#[test]
fn a_consumer_ends() {
    for (event, code) in [(Event::Delete, "409#1 409#2"), (Event::Shutdown, "409#1 409#2")] {
        let mut world = World::with(&[], explicit());
        world.pull(Pull { batch: 1, ..Pull::default() });
        world.pull(Pull { batch: 1, ..Pull::default() });
        world.event(1, event.clone());
        assert_eq!((world.told().as_str(), world.info().num_waiting), (code, 0), "{event:?}");
    }
    let config = ConsumerConfig { inactive_threshold: Duration::from_secs(5), ..explicit() };
    let mut world = World::with(&[], config);
    assert_eq!((world.wait(4_000), world.fetch(1), world.wait(4_999)), (String::new(), "404#1".into(), String::new()));
    world.pull(Pull { batch: 1, expires: secs(60), ..Pull::default() });
    assert_eq!(
        (world.wait(59_999), world.wait(1), world.wait(5_000)),
        (String::new(), "408#2".into(), "delete".into())
    );
}

#[test]
fn a_pause_holds_everything_back() {
    let mut world = World::with(&["a", "a"], explicit());
    let until = world.now + Duration::from_secs(60);
    world.event(1, Event::Pause(Some(until)));
    assert_eq!(world.pull(Pull { batch: 5, expires: secs(100), ..Pull::default() }), "");
    assert_eq!((world.wait(59_999), world.info().paused_until), (String::new(), Some(until)));
    assert_eq!((world.wait(1), world.info().paused_until), ("1 2".into(), None));
    world.event(1, Event::Pause(Some(world.now + Duration::from_secs(60))));
    world.publish(&["a"]);
    assert_eq!(world.told(), "");
    world.event(1, Event::Pause(None));
    assert_eq!(world.told(), "3");
}

#[test]
fn a_burst_ends_and_goes_on_by_the_deadline() {
    let mut world = World::with(&["a"; 600], ConsumerConfig::default());
    world.event(1, Event::Pull(Pull { id: 1, batch: 600, ..Pull::default() }));
    let delivered = |world: &World| world.info().delivered_consumer_seq;
    assert_eq!((delivered(&world), world.hub.deadline()), (256, Some(world.now)));
    world.due();
    assert_eq!((delivered(&world), world.hub.deadline()), (600, None));
}
