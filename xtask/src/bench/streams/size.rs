//! What a server does with much: consumers, keys, bytes.

use anyhow::{Context as _, ensure};
use ports::clock::{Clock as _, HostClock};

use super::{
    load,
    row::{Bar, Row},
    samples::{Measure, Samples, in_turns},
    server::{Kind, Server},
    setup::Setup,
};
use crate::bench::process;

const CONSUMERS: u64 = 10_000;
const KEYS: u64 = 1_000_000;
const MESSAGES: u64 = 10 << 20;
const BUCKET: &str = ",\"max_msgs_per_subject\":1,\"allow_direct\":true,\"allow_rollup_hdrs\":true,\"deny_delete\":true,\
                      \"discard\":\"new\"";

/// Publishing into a stream with 10,000 consumers, each of which wants one of as many subjects, and into one without.
pub(super) fn consumers(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    [Kind::Isles, Kind::Nats].into_iter().map(|kind| beside_consumers(setup, kind)).collect()
}

fn beside_consumers(setup: &Setup, kind: Kind) -> anyhow::Result<Row> {
    let server = Server::start(setup, kind)?;
    let (count, until) = (setup.count(CONSUMERS).to_string(), format!("{}s", setup.seconds));
    for name in ["MANY", "NONE"] {
        server.stream(setup, name, &format!("{name}.>"), ",\"max_bytes\":2000000000")?;
    }
    load::run(setup, &server, "consumers", &["MANY", "MANY", &count])?;
    let mut samples = ["with", "without"].map(|name| Samples { name, noun: "message", ..Samples::default() });
    in_turns(setup.pairs, 2, |place| {
        let subject = ["MANY", "NONE"][place];
        load::sample(setup, &server, "publish", &[subject, &count, "128", "500", &until], &mut samples[place])
    })?;
    let [with, without] = samples;
    let bar = if kind == Kind::Isles { Bar::AtLeast(0.9) } else { Bar::None };
    Ok(with.against(&without, Measure::PerSecond, &format!("publish beside {count} consumers, {}", kind.name()), bar))
}

/// A bucket of 1,000,000 keys: what they take in memory, and what a get takes beside one of a bucket with a single key.
pub(super) fn keys(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(setup, Kind::Isles)?;
    let count = setup.count(KEYS).to_string();
    for name in ["FEW", "MANY"] {
        server.stream(setup, &format!("KV_{name}"), &format!("$KV.{name}.>"), BUCKET)?;
    }
    load::run(setup, &server, "publish", &["$KV.FEW.key", "1", "8", "1", "1"])?;
    let pids = server.started.pids()?;
    let before = process::resident_kib(&pids)?;
    load::run(setup, &server, "publish", &["$KV.MANY.key", &count, "8", "500", &count])?;
    let grown = process::resident_kib(&pids)?.saturating_sub(before) * 1024;
    let each = f64::from(u32::try_from(grown)?) / count.parse::<f64>()?;
    let mut samples = ["many keys", "one key"].map(Samples::new);
    let until = format!("{}s", setup.seconds);
    let gets = [["KV_MANY", "$KV.MANY.key", &count, &until], ["KV_FEW", "$KV.FEW.key", "1", &until]];
    in_turns(setup.pairs, 2, |place| load::sample(setup, &server, "get", &gets[place], &mut samples[place]))?;
    let [many, few] = samples;
    let scattered = format!("~{count}");
    let again = load::run(setup, &server, "publish", &["$KV.MANY.key", &scattered, "8", "500", &count])?;
    let details = format!("VmRSS over {} MiB before", before / 1024);
    Ok(vec![
        Row::value(
            &format!("overwriting of {count} keys, as if at random"),
            again.count / again.seconds,
            "keys a second",
            Bar::None,
            "500 in flight, each on disk".into(),
        ),
        Row::value(&format!("memory of a key, of {count}"), each, "B", Bar::AtMost(200.0), details),
        many.against(&few, Measure::P50, &format!("get of one of {count} keys"), Bar::AtMost(1.2)),
    ])
}

/// 10 GiB in messages of 1 KiB, a kill, and the time from the next start to the first answer.
pub(super) fn recovery(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(setup, Kind::Isles)?;
    let count = setup.count(MESSAGES).to_string();
    server.stream(setup, "LOAD", "load.>", "")?;
    load::run(setup, &server, "publish", &["load.recovery", "1000", "1024", "2000", &count])?;
    let folder = server.kill()?;
    let clock = HostClock::start();
    let began = clock.now();
    let server = Server::start_in(setup, Kind::Isles, folder)?;
    let info = server.api(setup, "STREAM.INFO.LOAD", "")?;
    let took = clock.now().since(began).as_secs_f64();
    ensure!(info.contains(&format!("\"messages\":{count}")), "messages are missing: {info}");
    let found = server.api(setup, "STREAM.MSG.GET.LOAD", &format!("{{\"seq\":{count}}}"))?;
    found.contains("\"message\"").then_some(()).context("the last message is missing")?;
    let details = format!("{count} messages of 1 KiB, `kill -9`, start until it tells of the stream");
    Ok(vec![Row::value("first answer after a kill", took, "s", Bar::AtMost(2.0), details)])
}
