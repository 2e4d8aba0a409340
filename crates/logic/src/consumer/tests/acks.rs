use std::time::Duration;

use model::{
    Timestamp,
    streams::{AckPolicy, ConsumerConfig, Retention, StreamConfig},
};

use super::world::{World, explicit};
use crate::consumer::{Ack, Action, Cause, Change, Death, Event, Pull};

#[test]
fn what_is_not_acknowledged_comes_again() {
    let config = ConsumerConfig { ack_wait: Duration::from_secs(10), ..explicit() };
    let mut world = World::with(&["a"; 4], config);
    assert_eq!(world.fetch(3), "1 2 3");
    let counts = |world: &World| {
        let info = world.info();
        (info.num_pending, info.num_ack_pending, info.num_redelivered, info.ack_floor_stream_seq)
    };
    for (seq, ack, expected) in [
        (2, Ack::Done, (1, 2, 0, 0)),
        (2, Ack::Done, (1, 2, 0, 0)),
        (9, Ack::Done, (1, 2, 0, 0)),
        (1, Ack::Done, (1, 1, 0, 2)),
    ] {
        assert_eq!((world.ack(seq, ack), counts(&world)), (String::new(), expected), "{seq}");
    }
    assert_eq!((world.wait(9_000), world.ack(3, Ack::Progress), world.wait(9_999)), Default::default());
    assert_eq!((world.wait(1), world.fetch(5)), (String::new(), "3x2 4 404#2".into()));
    assert_eq!(counts(&world), (0, 2, 1, 2));
    assert_eq!(world.info().ack_floor_consumer_seq, 2, "3 counts as what it was delivered first");
    assert_eq!((world.ack(3, Ack::Nak(None)), world.fetch(5)), (String::new(), "3x3 404#3".into()));
    world.ack(4, Ack::Nak(Some(Duration::from_secs(60))));
    assert_eq!((world.wait(5_000), world.fetch(5)), (String::new(), "404#4".into()));
    assert_eq!((world.wait(5_000), world.fetch(5)), (String::new(), "3x4 404#5".into()));
    assert_eq!(world.ack(3, Ack::Term(Some("bad".into()))), "terminated 3 dead 3 after 4");
    assert_eq!(
        (world.wait(50_000), world.fetch(5), world.ack(4, Ack::Done)),
        (String::new(), "4x2 404#6".into(), String::new())
    );
    assert_eq!(counts(&world), (0, 0, 0, 4));
    world.event(1, Event::Ack { seq: 4, ack: Ack::Done, answer: Some(7) });
    assert_eq!(world.told(), "answer 7", "a second acknowledgement is answered too");
}

#[test]
fn samples_are_of_what_is_acknowledged_alone() {
    let config = ConsumerConfig { sample_freq: "30%".into(), ..explicit() };
    let mut world = World::with(&["a"; 3], config);
    assert_eq!(world.fetch(3), "1 2 3");
    assert_eq!((world.wait(5), world.ack(2, Ack::Done)), (String::new(), "acked 2 after 1 and 5ms".into()));
    assert_eq!((world.ack(2, Ack::Done), world.ack(9, Ack::Done)), Default::default());
    assert_eq!(world.ack(3, Ack::Term(None)), "terminated 3 dead 3 after 1");
    let all = ConsumerConfig { ack_policy: AckPolicy::All, sample_freq: "30".into(), ..ConsumerConfig::default() };
    let mut world = World::with(&["a"], all);
    assert_eq!((world.fetch(1), world.ack(1, Ack::Done)), ("1".into(), String::new()));
}

#[test]
fn what_a_client_has_comes_again_when_it_goes() {
    let mut world = World::with(&["a"; 4], explicit());
    let ask = |world: &mut World, id: u64, client: u64| {
        world.event(1, Event::Pull(Pull { id, client, batch: 2, ..Pull::default() }));
    };
    ask(&mut world, 1, 7);
    ask(&mut world, 2, 8);
    assert_eq!(world.told(), "1 2 3 4", "1 and 2, then 3 and 4");
    let awaited = |world: &World| [7, 8, 9].map(|client| world.hub.get(1).unwrap().is_awaited_of(client));
    assert_eq!((awaited(&world), world.ack(1, Ack::Done)), ([true, true, false], String::new()));
    ask(&mut world, 3, 9);
    world.event(1, Event::Gone(7));
    assert_eq!((world.told(), awaited(&world)), ("2x2".into(), [false, true, true]));
    assert_eq!((world.ack(3, Ack::Done), world.ack(4, Ack::Done)), Default::default());
    world.event(1, Event::Gone(8));
    assert_eq!((world.told(), awaited(&world)), (String::new(), [false, false, true]));
    world.ack(2, Ack::Nak(Some(Duration::from_secs(60))));
    assert_eq!(awaited(&world), [false; 3], "it has said that it will not");
}

#[test]
fn each_delivery_has_its_own_wait_and_the_last_ends_it() {
    let backoff = [1, 5, 20].map(Duration::from_secs).to_vec();
    let config = ConsumerConfig { backoff, max_deliver: 4, ..explicit() };
    for (dead_letter, then) in [(true, "exhausted 1 dead 1 after 4"), (false, "exhausted 1")] {
        let mut world = World::with(&["a"], explicit());
        world.hub.remove(1, &world.stored);
        world.consumer_with(1, config.clone(), dead_letter);
        world.pull(Pull { batch: 10, ..Pull::default() });
        for (wait_s, expected) in [(1, "1x2"), (5, "1x3"), (20, "1x4"), (20, then), (1_000, "")] {
            assert_eq!(world.wait(wait_s * 1000 - 1), "", "before {wait_s} s");
            assert_eq!(world.wait(1), expected, "after {wait_s} s");
        }
        assert_eq!((world.info().num_ack_pending, world.left()), (0, vec![1]), "it stays in the stream");
    }
}

#[test]
fn acknowledging_one_acknowledges_all_before() {
    let mut world = World::with(&["a"; 5], ConsumerConfig { ack_policy: AckPolicy::All, ..explicit() });
    world.fetch(4);
    world.ack(3, Ack::Done);
    let info = world.info();
    assert_eq!((info.num_ack_pending, info.ack_floor_consumer_seq, info.ack_floor_stream_seq), (1, 3, 3));
    assert_eq!(world.ack(4, Ack::Next(Pull { id: 9, batch: 1, ..Pull::default() })), "5");
    assert_eq!((world.info().ack_floor_stream_seq, world.info().acked_at), (4, Some(world.now)));
}

#[test]
fn so_many_may_be_outstanding() {
    let mut world = World::with(&["a"; 5], ConsumerConfig { max_ack_pending: 2, ..explicit() });
    assert_eq!((world.fetch(5), world.info().stalled), ("1 2 404#1".into(), true));
    assert_eq!(world.pull(Pull { batch: 2, ..Pull::default() }), "");
    assert_eq!((world.ack(1, Ack::Nak(None)), world.ack(2, Ack::Done)), ("1x2".into(), "3".into()));
    assert_eq!((world.info().num_ack_pending, world.info().num_pending), (2, 2));
}

#[test]
fn a_message_that_is_gone_waits_for_nothing() {
    let mut world = World::with(&["a", "b", "a"], explicit());
    world.fetch(2);
    for (seq, pending, outstanding) in [(2, 1, 1), (3, 0, 1), (1, 0, 0)] {
        let removals = world.hub.stream.delete(seq, &world.stored).unwrap();
        world.gone(&removals);
        let info = world.info();
        assert_eq!((info.num_pending, info.num_ack_pending), (pending, outstanding), "without {seq}");
    }
    world.publish(&["a"]);
    let purged = world.hub.stream.purge(&Default::default(), &world.stored).unwrap();
    world.gone(&purged.removals);
    assert_eq!((world.info().num_pending, world.fetch(1)), (0, "404#2".into()));
    world.publish(&["a"]);
    assert_eq!(world.fetch(1), "5");
}

#[test]
fn a_dead_letter_tells_its_history() {
    let seconds = |s: u64| Timestamp(1_790_000_000_000_000 + s * 1_000_000);
    let why: Box<str> = "no such user".into();
    for (last, cause) in [
        (Ack::Nak(None), Cause::Exhausted),
        (Ack::Term(None), Cause::Terminated(None)),
        (Ack::Term(Some(why.clone())), Cause::Terminated(Some(why))),
    ] {
        let mut world = World::with(&["a"], explicit());
        world.hub.remove(1, &world.stored);
        world.consumer_with(1, ConsumerConfig { max_deliver: 2, ..explicit() }, true);
        assert_eq!(world.fetch(1), "1");
        world.now = seconds(7);
        assert_eq!((world.ack(1, Ack::Nak(None)), world.fetch(1)), (String::new(), "1x2".into()));
        world.now = seconds(9);
        world.event(1, Event::Ack { seq: 1, ack: last, answer: None });
        let asked = std::mem::take(&mut world.asked);
        let is_death = |(_, action): &(u64, Action)| matches!(action, Action::DeadLetter(..));
        let at = asked.iter().position(is_death).unwrap();
        let death = Death { deliveries: 2, first_at: seconds(0), last_at: seconds(7), cause };
        assert_eq!(asked[at].1, Action::DeadLetter(1, death));
        let rest: Vec<_> = asked[at + 1..].iter().map(|(_, action)| action.clone()).collect();
        assert_eq!(rest, [Action::Record(Change::Done { seq: 1, through: false }), Action::Release(1)]);
    }
}

fn on(retention: Retention) -> World {
    World::new(StreamConfig { retention, ..StreamConfig::default() })
}

#[test]
fn a_work_queue_keeps_until_one_is_done() {
    let mut world = on(Retention::WorkQueue);
    world.publish(&["a", "b", "b"]);
    world.consumer(1, ConsumerConfig { filter_subject: "b".into(), max_deliver: 1, ..explicit() });
    world.fetch(5);
    world.ack(2, Ack::Done);
    assert_eq!(world.left(), [1, 3]);
    assert_eq!((world.wait(30_000), world.left()), ("exhausted 3 dead 3 after 1".into(), vec![1]));
}

#[test]
fn interest_keeps_until_all_are_done() {
    let mut world = on(Retention::Interest);
    world.publish(&["a"]);
    world.consumer(1, explicit());
    world.consumer(2, ConsumerConfig { filter_subject: "b".into(), ..explicit() });
    world.consumer(3, ConsumerConfig { filter_subject: "b".into(), ack_policy: AckPolicy::None, ..explicit() });
    world.publish(&["a", "b", "b"]);
    assert_eq!(world.left(), [2, 3, 4], "nobody wanted the first");
    world.fetch(3);
    world.ack(2, Ack::Done);
    world.ack(3, Ack::Done);
    assert_eq!(world.left(), [3, 4]);
    world.event(3, Event::Pull(Pull { id: 1, batch: 5, ..Pull::default() }));
    assert_eq!(world.left(), [3, 4]);
    world.event(2, Event::Pull(Pull { id: 1, batch: 5, ..Pull::default() }));
    world.event(2, Event::Ack { seq: 3, ack: Ack::Term(None), answer: None });
    assert_eq!(world.left(), [4]);
    world.event(2, Event::Ack { seq: 4, ack: Ack::Done, answer: None });
    assert_eq!(world.left(), [4], "the first consumer has it still");
    assert_eq!(world.hub.remove(1, &world.stored), [4]);
}
