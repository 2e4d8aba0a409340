//! Publishing that is acknowledged.

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
    let [isles, nats, always] = measure(setup, [Kind::Isles, Kind::Nats, Kind::NatsAlways], "500")?;
    let what = "publish 128 B, 500 in flight";
    Ok(vec![
        isles.against(&always, Measure::PerSecond, what, Bar::AtLeast(20.0)),
        isles.against(&nats, Measure::PerSecond, what, Bar::AtLeast(1.0)),
        isles.against(&nats, Measure::Cpu, what, Bar::None),
        isles.against(&nats, Measure::P99, what, Bar::None),
    ])
}

/// One client that waits for each, beside one sync of the disk and one way over the loopback.
pub(super) fn one_by_one(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let server = started(setup, Kind::Isles)?;
    let until = format!("{}s", setup.seconds);
    let folder = setup.folder.path().display().to_string();
    let (mut publisher, mut host) = (named("Isles (on disk)"), Vec::new());
    let mut always = named("nats-server (on disk)");
    let peer = started(setup, Kind::NatsAlways)?;
    in_turns(setup.pairs, 3, |place| {
        let publish = [SUBJECT, "1", "128", "1", &until];
        match place {
            0 => load::sample(setup, &server, "publish", &publish, &mut publisher)?,
            1 => load::sample(setup, &peer, "publish", &publish, &mut always)?,
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
    Ok(vec![
        Row::ratio(what.into(), ratio, Bar::AtMost(1.3), details),
        publisher.against(&always, Measure::P50, "publish 128 B, one by one", Bar::None),
    ])
}

fn measure<const N: usize>(setup: &Setup, kinds: [Kind; N], in_flight: &str) -> anyhow::Result<[Samples; N]> {
    let servers: Vec<_> = kinds.iter().map(|kind| started(setup, *kind)).collect::<Result<_, _>>()?;
    let mut samples = kinds.map(|kind| named(kind.name()));
    let turn = |server: &Server, seconds: u32, samples: &mut Samples| {
        load::sample(setup, server, "publish", &[SUBJECT, "1", "128", in_flight, &format!("{seconds}s")], samples)
    };
    servers.iter().try_for_each(|server| turn(server, 1, &mut Samples::default()))?;
    in_turns(setup.pairs, N, |place| turn(&servers[place], setup.seconds, &mut samples[place]))?;
    Ok(samples)
}

fn started(setup: &Setup, kind: Kind) -> anyhow::Result<Server> {
    let server = Server::start(setup, kind)?;
    server.stream(setup, "LOAD", SUBJECT, LIMITS)?;
    Ok(server)
}

fn named(name: &'static str) -> Samples {
    Samples { name, noun: "message", ..Samples::default() }
}
