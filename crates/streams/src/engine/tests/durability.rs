//! What an acknowledgement promises, by the durability of its stream.

use std::{thread, time::Duration};

use fastrand::Rng;
use ports::clock::{Clock, HostClock};

use super::World;

/// How long a sync may take that nobody waits for.
const PATIENCE: Duration = Duration::from_secs(20);

impl World {
    /// Makes a stream of one subject, its name.
    fn stream(&mut self, name: &str, durability: &str) -> String {
        let metadata = format!(r#"{{"isles.durability":"{durability}"}}"#);
        let config = format!(r#"{{"name":"{name}","allow_direct":true,"metadata":{metadata}}}"#);
        self.say(&format!("$JS.API.STREAM.CREATE.{name}"), &config).join("")
    }

    /// Publishes the next number, which is acknowledged.
    fn next(&mut self, stream: &str, number: u64) {
        let answer = self.say(stream, &number.to_string()).join("");
        assert!(answer.contains(&format!("\"seq\":{number}")), "{answer}");
    }

    /// How many messages there are; all that is there is the beginning of what was published, in its order.
    fn check_prefix(&mut self, stream: &str) -> u64 {
        let get = |world: &mut Self, seq: u64| {
            world.say(&format!("$JS.API.DIRECT.GET.{stream}"), &format!("{{\"seq\":{seq}}}")).join("")
        };
        let mut last = 0;
        while get(self, last + 1).ends_with(&format!("\r\n\r\n{}", last + 1)) {
            last += 1;
        }
        let info = self.say(&format!("$JS.API.STREAM.INFO.{stream}"), "").join("");
        assert!(info.contains(&format!("\"messages\":{last},")), "{last} of {info}");
        last
    }

    fn wait_for_a_sync(&self, syncs: u64) {
        let clock = HostClock::start();
        let begun = clock.now();
        while self.disk.syncs() == syncs {
            assert!(clock.now().since(begun) < PATIENCE, "nothing was synced");
            thread::yield_now();
        }
    }
}

#[test]
fn it_is_part_of_the_streams_configuration() {
    let mut world = World::new();
    for (durability, good) in [("none", true), ("interval:10ms", true), ("always", true), ("10ms", false), ("", false)]
    {
        let answer = world.stream("x", durability);
        assert_eq!(answer.contains("interval:TIME"), !good, "{answer}");
        assert_eq!(answer.contains(&format!(r#""metadata":{{"isles.durability":"{durability}"}}"#)), good, "{answer}");
        let _ = world.say("$JS.API.STREAM.DELETE.x", "");
    }
    let update = r#"{"name":"s","subjects":["s.*"],"metadata":{"isles.durability":"never"}}"#;
    let answer = world.say("$JS.API.STREAM.UPDATE.s", update).join("");
    assert!(answer.contains("\"err_code\":10052") && answer.contains("interval:10ms"), "{answer}");
}

/// Publishes, deliveries and acknowledgements of a stream that asks for no sync cause none; those of another one do.
#[test]
fn without_durability_nothing_is_synced() {
    let mut world = World::new();
    world.stream("n", "none");
    let config = r#"{"stream_name":"n","config":{"durable_name":"c","ack_policy":"explicit"}}"#;
    let _ = world.say("$JS.API.CONSUMER.DURABLE.CREATE.n.c", config);
    let syncs = world.disk.syncs();
    (1..=20).for_each(|number| world.next("n", number));
    let got = world.say_for("inbox.pull", "$JS.API.CONSUMER.MSG.NEXT.n.c", r#"{"batch":20}"#);
    assert_eq!(got.len(), 20);
    assert_eq!(world.say("$JS.ACK.n.c.1.1.1.0.0", "+ACK"), [""]);
    assert_eq!(world.disk.syncs(), syncs);
    assert!(world.publish("x").contains("\"seq\":1"));
    assert!(world.disk.syncs() > syncs);
}

/// The power goes at some time: a stream of durability `always` has all that was acknowledged, and so have the others all that was
/// acknowledged before that; of what came later they have the beginning.
#[test]
fn a_loss_of_power_takes_what_was_not_promised() {
    let mut lost = 0;
    for seed in 0..40 {
        let (mut world, mut random) = (World::new(), Rng::with_seed(seed));
        let streams = [("a", "always"), ("n", "none"), ("i", "interval:1m")];
        streams.iter().for_each(|(name, durability)| drop(world.stream(name, durability)));
        let (mut acked, mut durable) = ([0; 3], [0; 3]);
        for _ in 0..random.usize(1..60) {
            let which = random.usize(..3);
            acked[which] += 1;
            world.next(streams[which].0, acked[which]);
            if which == 0 {
                durable = acked;
            }
        }
        let mut world = world.lose_power();
        for (which, (name, _)) in streams.iter().enumerate() {
            let has = world.check_prefix(name);
            assert!((durable[which]..=acked[which]).contains(&has), "seed {seed}: {name} has {has} of {acked:?}");
            lost += acked[which] - has;
        }
    }
    assert!(lost > 0, "the disk loses nothing");
}

/// What was acknowledged before the interval passed is on disk, although nobody asked for it.
#[test]
fn an_interval_ends_with_a_sync() {
    let mut world = World::new();
    world.stream("i", "interval:10ms");
    for round in 1..=5 {
        let syncs = world.disk.syncs();
        world.next("i", round);
        world.wait_for_a_sync(syncs);
    }
    assert_eq!(world.lose_power().check_prefix("i"), 5);
}
