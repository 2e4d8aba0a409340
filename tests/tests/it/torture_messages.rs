//! The platform is killed again and again while services publish and consume.

use std::{
    collections::BTreeSet,
    env, fs,
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
    time::Duration,
};

use tests::{http, sandbox::Sandbox, wait};

/// So often the platform is killed, unless `ISLES_TORTURE_KILLS` says otherwise.
const KILLS: u32 = 5;
/// A platform that dies sooner is started later and later, and in the end no more.
const LIFE: Duration = Duration::from_secs(1);
/// So many messages are acknowledged between two kills.
const MESSAGES: u64 = 10;

const SYSTEM: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/orders" = { to = "orders", strip = true } }

[services.orders]
run = "python3 service.py"
publishes = ["orders.placed"]

[services.mailer]
run = "python3 consumer.py"
env = { QUICK = "1" }
subscribes = ["orders.placed"]
"#;

#[test]
fn no_acknowledged_message_is_lost_whenever_the_platform_is_killed() {
    let asked = env::vars().find(|(name, _)| name == "ISLES_TORTURE_KILLS");
    let kills = asked.map_or(KILLS, |(_, kills)| kills.parse().expect("it is a number"));
    let sandbox = Sandbox::new(SYSTEM);
    sandbox.write("consumer.py", include_str!("../../programs/consumer.py"));
    sandbox.up();
    let (acknowledged, end) = (AtomicU64::new(0), AtomicBool::new(false));
    let sequences = thread::scope(|scope| {
        let publisher = scope.spawn(|| publish(sandbox.gateway, &acknowledged, &end));
        let ending = Ending(&end);
        for _ in 0..kills {
            let before = acknowledged.load(SeqCst);
            thread::sleep(LIFE);
            wait::until("messages", || (acknowledged.load(SeqCst) >= before + MESSAGES).then_some(()));
            sandbox.kill_platform();
        }
        drop(ending);
        publisher.join().expect("it does not panic")
    });
    let distinct: BTreeSet<_> = sequences.iter().copied().collect();
    assert_eq!(distinct.len(), sequences.len(), "a sequence was given twice: {sequences:?}");
    wait::until_is("all messages", &BTreeSet::new(), || distinct.difference(&consumed(&sandbox)).copied().collect());
    println!("{kills} kills, {} messages acknowledged and consumed", sequences.len());
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

/// Ends the publisher, also where the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Publishes one message after the other; the sequences of those that were acknowledged.
fn publish(gateway: SocketAddr, acknowledged: &AtomicU64, end: &AtomicBool) -> Vec<u64> {
    const MESSAGE: &[u8] = b"SUB _INBOX.t 1\r\nPUB orders.placed _INBOX.t 2\r\nhi\r\n";
    let mut sequences = Vec::new();
    while !end.load(SeqCst) {
        // What a kill cuts off is not acknowledged, although it may be stored.
        let Ok(answer) = http::request(gateway, "POST", "/orders/nats/seq", MESSAGE) else { continue };
        sequences.extend(sequence(&answer.text()));
        acknowledged.store(sequences.len() as u64, SeqCst);
    }
    sequences
}

fn sequence(answer: &str) -> Option<u64> {
    let (_, rest) = answer.split_once(r#"{"stream":"orders_placed","seq":"#)?;
    rest.split_once('}')?.0.parse().ok()
}

/// The sequences of the messages that were consumed.
fn consumed(sandbox: &Sandbox) -> BTreeSet<u64> {
    let file = fs::read_to_string(sandbox.path("consumed")).unwrap_or_default();
    file.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect()
}
