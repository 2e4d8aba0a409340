//! Core NATS: one publisher and one subscriber, each with a thread and a connection.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use crate::{
    client::Client,
    tally::{Tally, Until},
};

const SUBJECT: &str = "load.core";
/// So far the publisher may be ahead, so that no server has to drop anything.
const AHEAD: u64 = 20_000;
/// Messages that are written at once.
const AT_ONCE: u64 = 256;

/// Counts what the subscriber gets.
pub(crate) fn run(address: &str, bytes: usize, until: Until) -> anyhow::Result<Tally> {
    let mut subscriber = Client::connect(address)?;
    subscriber.subscribe(SUBJECT)?;
    let mut publisher = Client::connect(address)?;
    let (received, published) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let mut tally = Tally::begin(until);
    thread::scope(|scope| {
        let reader = scope.spawn(|| -> anyhow::Result<()> {
            let mut count = 0;
            while count < published.load(Relaxed) {
                subscriber.read()?;
                count += 1;
                received.store(count, Relaxed);
            }
            Ok(())
        });
        let payload = vec![b'x'; bytes];
        let mut count = 0;
        while !tally.is_over(count) && !reader.is_finished() {
            if count.saturating_sub(received.load(Relaxed)) > AHEAD {
                thread::yield_now();
                continue;
            }
            (0..AT_ONCE).for_each(|_| publisher.publish(SUBJECT, "", &payload));
            count += AT_ONCE;
            publisher.flush()?;
        }
        // One more message wakes the subscriber, which may be waiting already.
        published.store(count + 1, Relaxed);
        publisher.publish(SUBJECT, "", &payload);
        publisher.flush()?;
        reader.join().map_err(|_| anyhow::anyhow!("the subscriber has panicked"))??;
        tally.count = count + 1;
        Ok(tally.end())
    })
}
