use std::time::Duration;

use fastrand::Rng;
use journal::Fault;
use logic::stream::{Purge, Stored as _};
use model::streams::StreamConfig;

use super::world::World;
use crate::server;

const HEADERS: [&str; 8] = ["", "", "", "", "Nats-TTL: 1s", "Nats-TTL: never", "Nats-Msg-Id: ", "Nats-Rollup: sub"];

fn config(rng: &mut Rng) -> StreamConfig {
    let mut limit = |from: i64, to: i64| if rng.bool() { -1 } else { rng.i64(from..to) };
    StreamConfig {
        name: "s".into(),
        subjects: vec!["a.>".into()],
        max_msgs: limit(20, 300),
        max_msgs_per_subject: limit(1, 6),
        max_age: if rng.u8(..3) == 0 { Duration::from_secs(20) } else { Duration::ZERO },
        allow_msg_ttl: true,
        allow_rollup_hdrs: true,
        duplicate_window: Duration::from_secs(5),
        ..StreamConfig::default()
    }
}

fn publish(world: &mut World, rng: &mut Rng, subjects: &[String]) {
    let mut header = rng.choice(HEADERS).unwrap_or_default().to_owned();
    if header.ends_with(": ") {
        header.push_str(&rng.u32(..50).to_string());
    }
    if rng.u8(..200) == 0 {
        header = "Nats-Rollup: all".into();
    }
    let subject = rng.choice(subjects).expect("there are some");
    world.publish(subject, &header);
}

fn remove_some(world: &mut World, rng: &mut Rng, subjects: &[String]) {
    let last = world.kept.hub.stream.counts().last_seq;
    match rng.u8(..20) {
        0 => {
            let some = |rng: &mut Rng, most: u64| rng.bool().then(|| rng.u64(..most + 1));
            let filter = rng.bool().then(|| rng.choice(subjects).expect("there are some").as_str().into());
            let before = some(rng, last);
            let keep = if before.is_none() { some(rng, 20) } else { None };
            let purged = world.kept.hub.stream.purge(&Purge { filter, before, keep }, &world.kept.heads).unwrap();
            world.remove(&purged.removals);
        }
        1 => {
            // Much of a stretch goes, so that blocks grow thin.
            let from = rng.u64(..last + 1);
            for seq in (from..last.min(from + 100)).filter(|_| rng.u8(..8) > 0) {
                delete(world, seq);
            }
        }
        _ => delete(world, rng.u64(..last + 1)),
    }
}

fn delete(world: &mut World, seq: u64) {
    if let Ok(removals) = world.kept.hub.stream.delete(seq, &world.kept.heads) {
        world.remove(&removals);
    }
}

fn restart(mut world: World, rng: &mut Rng) -> World {
    match rng.u8(..6) {
        5 => {
            world.lose_index();
            world.reopen(false)
        }
        0 => {
            world.sync();
            world.reopen(false)
        }
        1 => {
            world.disk.fail_after(rng.u32(..6), Fault::Power);
            world.writer.commit(&mut server::Batch::default());
            world.reopen(true)
        }
        2 => {
            world.lose_block(rng);
            world.reopen(false)
        }
        3 => {
            world.flip(rng);
            world.reopen(false)
        }
        _ => {
            world.sync();
            world.disk.fail_after(0, Fault::Power);
            world.reopen(true)
        }
    }
}

fn run(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let count = if rng.bool() { 4 } else { 150 };
    let subjects: Vec<_> = (0..count).map(|number| format!("a.{number}")).collect();
    let mut world = World::new(seed, config(&mut rng));
    for _ in 0..400 {
        match rng.u8(..100) {
            0..60 => publish(&mut world, &mut rng, &subjects),
            60..64 => (0..40).for_each(|_| publish(&mut world, &mut rng, &subjects)),
            64..80 => remove_some(&mut world, &mut rng, &subjects),
            80..90 => world.wait(Duration::from_millis(rng.u64(..1_500))),
            90..97 => world.sync(),
            _ => {
                world = restart(world, &mut rng);
                world.compare_all(&mut rng, &subjects);
            }
        }
        world.compare(&mut rng, &subjects);
    }
    world.compare_all(&mut rng, &subjects);
    assert_eq!(world.kept.heads.count(None, 0), world.kept.hub.stream.counts().messages);
}

#[test]
fn any_history_is_answered_as_from_memory() {
    let base = fastrand::u64(..1 << 40);
    for seed in base..base + 60 {
        let result = std::panic::catch_unwind(|| run(seed));
        if let Err(panic) = result {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
