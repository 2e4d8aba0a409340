//! Publishing that is acknowledged.

use anyhow::bail;

use super::{
    load,
    row::{Bar, Row},
    samples::{Measure, Samples, in_turns},
    server::{Kind, Server},
    setup::Setup,
    statistics,
};

const SUBJECT: &str = "load.publish";
/// A stream that is never full, and never needs the whole disk.
const LIMITS: &str = ",\"max_bytes\":2000000000,\"discard\":\"old\"";

/// One client with 500 messages of 128 B in flight.
pub(super) fn in_flight(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let always = syncing(setup)?;
    let servers = [started(setup, Kind::Isles)?, started(setup, Kind::Nats)?].into_iter().chain(always);
    let samples = measure(setup, &servers.collect::<Vec<_>>(), "500")?;
    let [isles, nats, always @ ..] = &samples[..] else { bail!("a server is missing") };
    let what = "publish 128 B, 500 in flight";
    let beside_always = always.iter().map(|always| isles.against(always, Measure::PerSecond, what, Bar::AtLeast(20.0)));
    let beside_nats = [
        isles.against(nats, Measure::PerSecond, what, Bar::AtLeast(1.0)),
        isles.against(nats, Measure::Cpu, what, Bar::None),
        isles.against(nats, Measure::P99, what, Bar::None),
    ];
    Ok(beside_always.chain(beside_nats).collect())
}

/// One client that waits for each, beside one sync of the disk and one way over the loopback.
pub(super) fn one_by_one(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let server = started(setup, Kind::Isles)?;
    let until = format!("{}s", setup.seconds);
    let folder = setup.folder.path().display().to_string();
    let (mut publisher, mut host) = (named("Isles (on disk)"), Vec::new());
    let mut always = named("nats-server (on disk)");
    let peer = syncing(setup)?;
    in_turns(setup.pairs, 2 + usize::from(peer.is_some()), |place| {
        let publish = [SUBJECT, "1", "128", "1", &until];
        match (place, &peer) {
            (0, _) => load::sample(setup, &server, "publish", &publish, &mut publisher)?,
            (1, Some(peer)) => load::sample(setup, peer, "publish", &publish, &mut always)?,
            _ => {
                let disk = load::on_host(setup, &["disk", &folder, "4096", &until])?;
                let echo = load::on_host(setup, &["echo", &until])?;
                host.push(disk.p50_us + echo.p50_us);
            }
        }
        Ok(())
    })?;
    let (ours, theirs) = (publisher.mean(Measure::P50), statistics::interval(&host).mean);
    let ratio = statistics::ratio(&publisher.of(Measure::P50), &host);
    let details = format!("{ours:.0} and {theirs:.0} µs, {} pairs", host.len());
    let what = "publish 128 B, one by one: p50, Isles (on disk) / fdatasync and loopback";
    let beside_peer = peer.map(|_| publisher.against(&always, Measure::P50, "publish 128 B, one by one", Bar::None));
    Ok([Row::ratio(what.into(), ratio, Bar::AtMost(1.3), details)].into_iter().chain(beside_peer).collect())
}

fn measure(setup: &Setup, servers: &[Server], in_flight: &str) -> anyhow::Result<Vec<Samples>> {
    let mut samples: Vec<_> = servers.iter().map(|server| named(server.kind.name())).collect();
    let turn = |server: &Server, seconds: u32, samples: &mut Samples| {
        load::sample(setup, server, "publish", &[SUBJECT, "1", "128", in_flight, &format!("{seconds}s")], samples)
    };
    servers.iter().try_for_each(|server| turn(server, 1, &mut Samples::default()))?;
    in_turns(setup.pairs, servers.len(), |place| turn(&servers[place], setup.seconds, &mut samples[place]))?;
    Ok(samples)
}

/// The server that syncs. Where it does not confirm that, its rows are left out, and that is said.
fn syncing(setup: &Setup) -> anyhow::Result<Option<Server>> {
    let server = started(setup, Kind::NatsAlways)?;
    if server.syncs_always()? {
        return Ok(Some(server));
    }
    eprintln!("xtask: no rows beside {}, which does not confirm `sync_interval: always`", server.kind.name());
    Ok(None)
}

fn started(setup: &Setup, kind: Kind) -> anyhow::Result<Server> {
    let server = Server::start(setup, kind)?;
    server.stream(setup, "LOAD", SUBJECT, LIMITS)?;
    Ok(server)
}

fn named(name: &'static str) -> Samples {
    Samples { name, noun: "message", ..Samples::default() }
}
