//! Who sends faster than a service takes.

use std::time::Duration;

use super::rig::{PLAIN, Rig};
use crate::server::{Config, Message, Origin, Outgoing, Service};

const PAUSE: Duration = Duration::from_millis(20);

/// A service that takes messages to `full` too slowly.
struct Slow;

impl Service for Slow {
    fn start(&mut self, out: &mut Outgoing) {
        out.subscribe(b"s.*");
    }

    fn message(&mut self, message: &Message<'_>, _: Option<&Origin>, out: &mut Outgoing) {
        if message.subject == b"s.full" {
            out.hold_back(PAUSE);
        }
    }
}

#[test]
fn only_who_sends_too_fast_is_read_later() {
    let mut rig = Rig::with_services(Config::default(), vec![Box::new(Slow)]);
    let [fast, other] = [PLAIN; 2].map(|says| rig.client(says));
    rig.say(fast, b"PUB s.full 0\r\n\r\nPUB s.free 0\r\n\r\n");
    rig.say(other, b"PUB s.free 0\r\n\r\nPUB core 0\r\n\r\n");
    assert_eq!([fast, other].map(|key| rig.hub.is_held(key)), [true, false]);
    rig.pass(fast, PAUSE / 2);
    assert!(rig.hub.is_held(fast), "it is too early");
    rig.say(fast, b"PUB s.full 0\r\n\r\n");
    rig.pass(fast, PAUSE / 2);
    assert!(rig.hub.is_held(fast), "it has done so again");
    rig.pass(fast, PAUSE / 2);
    assert!(!rig.hub.is_held(fast), "it has waited");
}
