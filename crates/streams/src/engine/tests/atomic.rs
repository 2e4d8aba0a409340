//! What is written together is there together, whatever the disk does.

use std::time::Duration;

use fastrand::Rng;
use journal::Fault;
use ports::streams::Start;

use super::World;
use crate::{
    engine::{Atomic, NewMessage, Wish, Written},
    server::Outgoing,
};

impl World {
    /// Grants a wish; gives back its answer.
    fn wish(&mut self, wish: Wish) -> String {
        let inside = self.engine.inside();
        let mut asking = Box::pin(inside.ask("inbox.answer", wish));
        let waker = std::task::Waker::noop();
        assert!(asking.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready(), "there is place for it");
        self.settle(Outgoing::default()).join("")
    }

    fn write(&mut self, messages: &[(&str, &str, String)], deletes: &[(&str, u64)]) -> String {
        let new = |(subject, headers, payload): &(&str, &str, String)| NewMessage {
            subject: (*subject).into(),
            headers: (*headers).into(),
            payload: payload.as_bytes().into(),
        };
        let deletes = deletes.iter().map(|(stream, seq)| ((*stream).to_owned(), *seq)).collect();
        self.wish(Wish::Write(Atomic { messages: messages.iter().map(new).collect(), deletes }))
    }

    /// Publishes six messages as a client's atomic batch; gives back the answer to the last.
    fn batch(&mut self, subject: &str, payload: &str) -> String {
        let mut answers = Vec::new();
        for sequence in 1..=6 {
            let commit = if sequence == 6 { "Nats-Batch-Commit: 1\r\n" } else { "" };
            let headers = format!("NATS/1.0\r\nNats-Batch-Id: b\r\nNats-Batch-Sequence: {sequence}\r\n{commit}\r\n");
            answers = self.say_with(subject, &headers, payload);
        }
        answers.join("")
    }

    /// The first letters of what a stream has.
    fn has(&mut self, stream: &str) -> String {
        let mut has = String::new();
        for seq in 1..=32 {
            let body = format!("{{\"seq\":{seq}}}");
            let got = self.say(&format!("$JS.API.DIRECT.GET.{stream}"), &body).join("");
            let payload = got.rsplit_once("\r\n\r\n").map_or("", |(_, payload)| payload);
            has.extend(payload.chars().next());
        }
        has
    }

    fn with_streams(names: &[&str]) -> Self {
        let mut world = Self::new();
        for name in names {
            let config = format!(r#"{{"name":"{name}","subjects":["{name}","{name}.>"],"allow_direct":true}}"#);
            assert!(world.say(&format!("$JS.API.STREAM.CREATE.{name}"), &config).join("").contains("did_create"));
        }
        world
    }
}

fn one<'a>(subject: &'a str, payload: &str) -> (&'a str, &'a str, String) {
    (subject, "", payload.into())
}

#[test]
fn all_is_checked_before_anything_is_written() {
    let mut world = World::with_streams(&["a", "b"]);
    assert_eq!(world.write(&[one("a", "x"), one("b", "y")], &[]).matches("\"seq\":1").count(), 2);
    let expects = "NATS/1.0\r\nNats-Expected-Last-Sequence: 7\r\n\r\n";
    for (messages, deletes, said) in [
        (vec![one("a", "1"), ("b", expects, "2".into())], vec![], "stream `b`"),
        (vec![one("a", "1"), ("nobody", "", "2".into())], vec![], "stream that takes `nobody`"),
        (vec![one("a", "1")], vec![("b", 9)], "message 9 of stream `b`"),
        (vec![one("a", "1")], vec![("c", 1)], "stream `c`"),
        (vec![one("a", "1"), ("b", "no headers", "2".into())], vec![], "stream that takes `b`"),
        (vec![one("a", "1"); 1001], vec![], "batch"),
    ] {
        let answer = world.write(&messages, &deletes);
        assert!(answer.contains("err_code") && answer.contains(&format!("\"what\":\"{said}\"")), "{answer}");
    }
    assert_eq!((world.has("a"), world.has("b")), ("x".into(), "y".into()));
    let answer = world.write(&[one("b", "z"), one("a", "w"), one("b", "v")], &[("b", 1)]);
    let written: Written = serde_json::from_str(&answer).unwrap();
    let acks: Vec<_> = written.acks.iter().map(|ack| (&*ack.stream, ack.seq)).collect();
    assert_eq!(acks, [("b", 2), ("a", 2), ("b", 3)]);
    assert_eq!((world.has("a"), world.has("b")), ("xw".into(), "zv".into()));
}

/// Consumers of the streams hear of it as of any message, in order and once.
#[test]
fn consumers_get_what_is_written_together() {
    let mut world = World::with_streams(&["b"]);
    for text in ["1", "2"] {
        world.publish(text);
    }
    assert_eq!(world.pull(r#"{"batch":10}"#), ["1", "2"]);
    let answer = world.write(&[("s.x", "", "3".into()), one("b", "y"), ("s.x", "", "4".into())], &[("s", 2), ("s", 1)]);
    let got = answer.trim_start_matches(|c| c != '3');
    assert!(answer.contains("\"acks\"") && got.starts_with('3'), "{answer}");
    let info = world.say("$JS.API.CONSUMER.INFO.s.c", "").join("");
    assert!(info.contains(r#""num_ack_pending":2,"#) && info.contains(r#""num_pending":0"#), "{info}");
}

/// The power goes at any call: of each write everything is there or nothing, and everything of those that were answered. What is to be
/// written is more than the engine collects otherwise.
#[test]
fn after_a_loss_of_power_all_is_there_or_nothing() {
    let (mut cut, mut kept) = (0, 0);
    for seed in 0..60 {
        let mut random = Rng::with_seed(seed);
        let mut world = World::with_streams(&["a", "b"]);
        let letters: Vec<char> = ('a'..='h').collect();
        let last = random.usize(1..letters.len());
        let mut answered = String::new();
        for (i, letter) in letters[..=last].iter().enumerate() {
            if i == last {
                world.disk.fail_after(random.u32(..12), Fault::Power);
            }
            let length = if i == last && seed % 4 == 0 { 900 << 10 } else { 20 };
            let payload = letter.to_string().repeat(length);
            let messages = ["a", "b", "a", "b", "a", "b"].map(|subject| one(subject, &payload));
            let deletes: &[_] = if i > 0 { &[("a", 3 * i as u64), ("b", 3 * i as u64)] } else { &[] };
            if world.write(&messages, deletes).contains("\"acks\"") {
                answered.push(*letter);
            }
        }
        let mut world = world.lose_power();
        let (a, b) = (world.has("a"), world.has("b"));
        assert_eq!(a, b, "seed {seed}: both or neither");
        let expected = |through: &str| {
            let all: Vec<_> = through.chars().collect();
            let of = |(i, letter): (usize, &char)| letter.to_string().repeat(if i + 1 < all.len() { 2 } else { 3 });
            all.iter().enumerate().map(of).collect::<String>()
        };
        let with_last: String = letters[..=last].iter().collect();
        let is_whole = a == expected(&with_last);
        assert!(is_whole || a == expected(&answered), "seed {seed}: {a}, answered {answered}");
        (cut, kept) = (cut + u32::from(answered.len() <= last), kept + u32::from(is_whole));
    }
    assert!(cut > 5 && kept > 5, "{cut} writes were cut, {kept} kept");
}

/// An atomic batch of a client is as whole, however large.
#[test]
fn a_batch_of_a_client_is_not_split() {
    let mut cut = 0;
    for seed in 0..20 {
        let mut world = World::new();
        let config = r#"{"name":"a","subjects":["a"],"allow_direct":true,"allow_atomic":true}"#;
        assert!(world.say("$JS.API.STREAM.CREATE.a", config).join("").contains("did_create"));
        world.disk.fail_after(seed, Fault::Power);
        let is_answered = world.batch("a", &"x".repeat(900 << 10)).contains("\"count\":6");
        let has = world.lose_power().has("a");
        assert!(has == "xxxxxx" || has.is_empty() && !is_answered, "seed {seed}: {has}");
        cut += u32::from(has.is_empty());
    }
    assert!(cut > 0, "the disk loses nothing");
}

/// On a full disk messages may go and none may come: where both belong together and take several writes, the answer is about all.
#[test]
fn what_is_lost_is_not_acknowledged_with_what_gives_way() {
    let mut world = World::new();
    let config = r#"{"name":"a","subjects":["a"],"allow_direct":true,"allow_atomic":true,"max_bytes":5600000}"#;
    assert!(world.say("$JS.API.STREAM.CREATE.a", config).join("").contains("did_create"));
    for _ in 0..80 {
        assert!(world.write(&vec![one("a", "old"); 1000], &[]).contains("acks"));
    }
    world.disk.set_bytes_max(world.disk.used_bytes());
    let answer = world.batch("a", &"x".repeat(930_000));
    assert!(answer.contains("insufficient resources"), "{answer}");
    world.disk.set_bytes_max(u64::MAX);
    world.wait(Duration::from_secs(2));
    assert!(world.batch("a", &"x".repeat(930_000)).contains("\"count\":6"));
}

/// What gives way for it may be more than has place beside it: that goes later, and what is written is whole nevertheless.
#[test]
fn what_gives_way_splits_nothing() {
    let mut cut = 0;
    for calls in [0, 2, 4, 100] {
        let mut world = World::new();
        let config = r#"{"name":"a","subjects":["a"],"allow_direct":true,"max_bytes":6000010}"#;
        assert!(world.say("$JS.API.STREAM.CREATE.a", config).join("").contains("did_create"));
        for _ in 0..50 {
            assert!(world.write(&vec![one("a", "old"); 1000], &[]).contains("acks"));
        }
        world.disk.fail_after(calls, Fault::Power);
        let is_answered = world.write(&vec![one("a", &"x".repeat(1_000_000)); 6], &[]).contains("acks");
        let mut world = world.lose_power();
        let mut starts = [1, 50_001, 50_006, 50_007].map(|seq| {
            let got = world.say("$JS.API.DIRECT.GET.a", &format!("{{\"seq\":{seq}}}")).join("");
            got.rsplit_once("\r\n\r\n").and_then(|(_, payload)| payload.chars().next())
        });
        // Some of what gives way may still be there.
        starts[0] = starts[0].filter(|_| starts[1].is_none());
        let is_whole = starts == [None, Some('x'), Some('x'), None];
        assert!(is_whole || starts == [Some('o'), None, None, None], "{calls}: {starts:?}");
        assert!(is_whole || !is_answered, "{calls}");
        cut += u32::from(!is_whole);
    }
    assert!((1..4).contains(&cut), "{cut} were cut");
}

#[test]
fn a_consumer_goes_on_somewhere_else_and_stays_there() {
    let mut world = World::new();
    (1..=4).for_each(|number| drop(world.publish(&number.to_string())));
    assert_eq!(world.pull(r#"{"batch":4}"#), ["1", "2", "3", "4"]);
    assert_eq!(world.say("$JS.ACK.s.c.1.2.2.0.0", "+ACK"), [""]);
    let rewind = |start| Wish::Rewind { stream: "s".into(), consumer: "c".into(), start };
    assert_eq!(world.wish(rewind(Start::Sequence(3))), r#"{"pending":2}"#);
    let mut world = world.lose_power();
    let info = world.say("$JS.API.CONSUMER.INFO.s.c", "").join("");
    assert!(info.contains(r#""delivered":{"consumer_seq":4,"stream_seq":2"#), "{info}");
    assert!(info.contains(r#""num_ack_pending":1,"#) && info.contains(r#""num_pending":2"#), "{info}");
    assert_eq!(world.pull(r#"{"batch":4,"no_wait":true}"#)[..2], ["3", "4"]);
    let nobody = Wish::Rewind { stream: "s".into(), consumer: "d".into(), start: Start::New };
    let refused = world.wish(nobody);
    assert!(refused.contains("10014") && refused.contains("consumer `d` of stream `s`"), "{refused}");
}
