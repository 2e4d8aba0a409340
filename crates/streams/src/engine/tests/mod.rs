//! The engine on a disk that fails, under a clock that only moves when told to.

mod atomic;
mod durability;
mod metrics;

use std::{sync::Arc, thread, time::Duration};

use journal::{Fault, FaultyDisk, Journal, Options};
use logic::subject::Sublist;
use ports::clock::FakeClock;

use super::{Engine, writer::Writer};
use crate::server::{Interest, Message, Outgoing, Service};

struct World {
    engine: Engine,
    disk: FaultyDisk,
    clock: Arc<FakeClock>,
    listeners: Sublist<u32>,
}

impl World {
    fn new() -> Self {
        let (disk, clock) = (FaultyDisk::new(1), Arc::new(FakeClock::default()));
        clock.advance(Duration::from_secs(1_790_000_000));
        let mut listeners = Sublist::default();
        listeners.insert(b"inbox.>", None, 1);
        let mut world = Self { engine: open(&disk, clock.clone(), options()), disk, clock, listeners };
        assert_eq!(world.say("$JS.API.STREAM.CREATE.s", r#"{"name":"s","subjects":["s.*"]}"#).len(), 1);
        let config = r#"{"stream_name":"s","config":{"durable_name":"c","ack_policy":"explicit"}}"#;
        assert!(world.say("$JS.API.CONSUMER.DURABLE.CREATE.s.c", config)[0].contains("\"name\":\"c\""));
        world
    }

    /// What is heard after a message and everything that comes of it.
    fn say(&mut self, subject: &str, payload: &str) -> Vec<String> {
        self.say_for("inbox.answer", subject, payload)
    }

    fn say_for(&mut self, inbox: &str, subject: &str, payload: &str) -> Vec<String> {
        self.say_all(inbox, subject, "", payload)
    }

    fn say_with(&mut self, subject: &str, headers: &str, payload: &str) -> Vec<String> {
        self.say_all("inbox.answer", subject, headers, payload)
    }

    fn say_all(&mut self, inbox: &str, subject: &str, headers: &str, payload: &str) -> Vec<String> {
        let mut out = Outgoing::default();
        let (subject, reply, payload) = (subject.as_bytes(), Some(inbox.as_bytes()), payload.as_bytes());
        self.engine.message(&Message { subject, reply, headers: headers.as_bytes(), payload }, None, &mut out);
        self.settle(out)
    }

    fn wait(&mut self, time: Duration) -> Vec<String> {
        self.clock.advance(time);
        self.settle(Outgoing::default())
    }

    /// Lets the engine settle until the journal has answered everything.
    fn settle_all(&mut self, out: &mut Outgoing) {
        let interest = Interest { changed: &[], sublist: &self.listeners, is_drained: &|_| false };
        self.engine.settle(&interest, out);
        while !self.engine.writer.is_idle() {
            thread::yield_now();
            self.engine.settle(&interest, out);
        }
    }

    /// The same. Only what goes to inboxes is heard.
    fn settle(&mut self, mut out: Outgoing) -> Vec<String> {
        self.settle_all(&mut out);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let heard = out.messages.iter().filter(|(to, _)| to.starts_with(b"inbox."));
        heard.map(|(_, message)| text(message.headers) + &text(message.payload)).collect()
    }

    fn publish(&mut self, payload: &str) -> String {
        self.say("s.x", payload).join(" ")
    }

    /// The power goes, and comes back.
    fn lose_power(self) -> Self {
        self.disk.fail_after(0, Fault::Power);
        self.reopen(options())
    }

    fn reopen(self, options: Options) -> Self {
        let Self { engine, disk, clock, listeners } = self;
        drop(engine);
        disk.restart();
        let engine = open(&disk, clock.clone(), options);
        Self { engine, disk, clock, listeners }
    }

    fn pull(&mut self, body: &str) -> Vec<String> {
        self.say_for("inbox.pull", "$JS.API.CONSUMER.MSG.NEXT.s.c", body)
    }
}

fn options() -> Options {
    let options = Options { log_bytes: 64 << 10, log_bytes_max: 64 << 10, move_bytes: 1 << 20, ..Options::default() };
    Options { reserve_bytes: 2 << 20, ..options }
}

fn open(disk: &FaultyDisk, clock: Arc<FakeClock>, options: Options) -> Engine {
    let journal = Journal::open(Arc::new(disk.clone()), options).expect("the disk works");
    let mut engine = Engine::new(Writer::new(Arc::new(journal)), clock);
    engine.recover().expect("it is read");
    engine
}

/// Publishes are refused and nothing is half stored; what is there is delivered and acknowledged; a request that waited through it all
/// is answered by the first message that has place again.
#[test]
fn a_full_disk_refuses_messages_and_nothing_else() {
    let mut world = World::new();
    assert!(world.publish("one").contains("\"seq\":1"));
    world.disk.set_bytes_max(world.disk.used_bytes());
    let large = "x".repeat(30 << 10);
    let mut stored = 1;
    let refusal = loop {
        let answer = world.publish(&large);
        if answer.contains("error") {
            break answer;
        }
        stored += 1;
    };
    assert!(refusal.contains("insufficient resources"), "{refusal}");
    assert!(world.publish("more").contains("insufficient resources"), "for a while nothing is tried");
    let got = world.pull(r#"{"batch":1}"#);
    assert_eq!(got, ["one"]);
    let acked = world.say("$JS.ACK.s.c.1.1.1.0.0", "+ACK");
    assert_eq!(acked, [""], "it is on disk");
    let got = world.pull(&format!(r#"{{"batch":{}}}"#, stored));
    assert_eq!(got.len(), stored - 1, "one request waits for one more");
    world.disk.set_bytes_max(u64::MAX);
    assert_eq!(world.wait(Duration::from_secs(2)), [""; 0]);
    let heard = world.publish("again");
    assert!(heard.contains("again") && heard.contains(&format!("\"seq\":{}", stored + 1)), "{heard}");
}

/// That is no full disk, and whoever publishes is told so.
#[test]
fn what_the_disk_does_not_keep_up_with_is_refused_as_that() {
    let mut world = World::new().reopen(Options { backlog_bytes: 16 << 10, ..options() });
    let refusal = world.publish(&"x".repeat(30 << 10));
    assert!(refusal.contains(r#""err_code":10023"#) && refusal.contains("the disk does not keep up"), "{refusal}");
    assert!(world.publish("soon").contains("the disk does not keep up"), "for a while nothing is tried");
    world.wait(Duration::from_secs(2));
    assert!(world.publish("small").contains("\"seq\":1"));
}

/// What was acknowledged as being on disk stays so, and what was delivered without that comes again with its count.
#[test]
fn after_a_loss_of_power_what_was_answered_counts() {
    let mut world = World::new();
    (1..=3).for_each(|number| drop(world.publish(&number.to_string())));
    assert_eq!(world.pull(r#"{"batch":3}"#), ["1", "2", "3"]);
    assert_eq!(world.say("$JS.ACK.s.c.1.2.2.0.0", "+ACK"), [""]);
    let mut world = world.lose_power();
    world.clock.advance(Duration::from_secs(31));
    assert_eq!(world.pull(r#"{"batch":3,"no_wait":true}"#)[..2], ["1", "3"]);
    let info = world.say("$JS.API.CONSUMER.INFO.s.c", "").join("");
    assert!(info.contains(r#""num_ack_pending":2,"num_redelivered":2"#), "{info}");
}
