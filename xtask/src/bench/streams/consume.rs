//! Getting messages: as they are published, and from a durable consumer.

use super::{
    load,
    row::{Bar, Row},
    samples::{Measure, Samples, in_turns},
    server::{Kind, Server},
    setup::Setup,
};

/// What a pull consumer fetches in one turn.
const FETCHED: u64 = 200_000;

/// One publisher and one subscriber.
pub(super) fn core(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let servers = [Server::start(setup, Kind::Isles)?, Server::start(setup, Kind::Nats)?];
    let until = format!("{}s", setup.seconds);
    let mut rows = Vec::new();
    for (bytes, size) in [("16", "16 B"), ("1024", "1 KiB")] {
        let [isles, nats] = contend(setup, &servers, |_, server, samples| {
            load::sample(setup, server, "core", &[bytes, &until], samples)
        })?;
        let what = format!("publish and subscribe, {size}");
        rows.push(isles.against(&nats, Measure::PerCpuSecond, &what, Bar::AtLeast(1.0)));
        rows.push(isles.against(&nats, Measure::PerSecond, &what, Bar::None));
    }
    Ok(rows)
}

/// A new durable consumer of a stream that is there, in batches of 100, each message acknowledged.
pub(super) fn pull(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let servers = [Server::start(setup, Kind::Isles)?, Server::start(setup, Kind::Nats)?];
    let count = setup.count(FETCHED).to_string();
    for server in &servers {
        server.stream(setup, "LOAD", "load.pull", "")?;
        load::run(setup, server, "publish", &["load.pull", "1", "128", "500", &count])?;
    }
    let [isles, nats] = contend(setup, &servers, |round, server, samples| {
        let consumer = format!("c{round}");
        load::sample(setup, server, "pull", &["LOAD", &consumer, "100", &count], samples)?;
        server.api(setup, &format!("CONSUMER.DELETE.LOAD.{consumer}"), "").map(drop)
    })?;
    let what = "pull 128 B in batches of 100, acknowledgements written, not synced";
    Ok(vec![
        isles.against(&nats, Measure::PerSecond, what, Bar::AtLeast(1.0)),
        isles.against(&nats, Measure::Cpu, what, Bar::None),
    ])
}

/// After a turn that does not count.
fn contend(
    setup: &Setup,
    servers: &[Server; 2],
    mut turn: impl FnMut(usize, &Server, &mut Samples) -> anyhow::Result<()>,
) -> anyhow::Result<[Samples; 2]> {
    let name = |server: &Server| if server.kind == Kind::Isles { "Isles" } else { "nats-server" };
    let mut samples =
        servers.each_ref().map(|server| Samples { name: name(server), noun: "message", ..Samples::default() });
    let mut round = 0;
    servers.iter().try_for_each(|server| turn(round, server, &mut Samples::default()))?;
    in_turns(setup.pairs, 2, |place| {
        round += 1;
        turn(round, &servers[place], &mut samples[place])
    })?;
    Ok(samples)
}
