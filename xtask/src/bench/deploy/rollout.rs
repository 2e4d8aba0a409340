//! Deploys of a service of 4 instances under a steady load.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread,
};

use anyhow::ensure;
use ports::clock::Clock as _;

use super::{
    row::{Bar, Row},
    setup::Setup,
    stand::Stand,
    statistics,
    steady::{self, Met, RATE, Steady},
};

const REPLICAS: u32 = 4;
/// The default of `min_healthy_time`, in seconds.
const MIN_HEALTHY: f64 = 1.0;
/// What a wave may take beside the service's own start and `min_healthy_time`, in seconds.
const WAVE: f64 = 1.5;
/// How many milliseconds the 99th percentile may rise, and how many times: whichever is more.
const RISE_MS: f64 = 2.0;
const RISE: f64 = 1.5;
/// What a rollback to warm instances may take, in milliseconds.
const ROLLBACK_MS: f64 = 300.0;
const SURGES: [u32; 3] = [4, 2, 1];

/// What was measured, a value a round.
#[derive(Default)]
struct Measured {
    /// In seconds.
    deploy: Vec<f64>,
    own_start: Vec<f64>,
    before_ms: Vec<f64>,
    after_ms: Vec<f64>,
    /// The 99th percentile as a share of what it may be.
    share: Vec<f64>,
    rollback_ms: Vec<f64>,
    requests: f64,
    failures: f64,
    longest_ms: f64,
}

/// Each number of instances that may exist beyond the 4, and blue-green with a way back.
pub(super) fn run(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for surge in SURGES {
        let measured = Rig::start(setup, &format!("max_surge = {surge}"))?.deploys(setup)?;
        rows.extend(measured.rows(&format!("deploy, max_surge = {surge}"), REPLICAS.div_ceil(surge)));
    }
    let there_and_back = Rig::start(setup, "strategy = \"blue-green\"\nkeep = \"10m\"")?.rollbacks(setup)?;
    rows.extend(there_and_back.back());
    Ok(rows)
}

/// A system with its load.
struct Rig {
    stand: Stand,
    steady: Steady,
}

impl Rig {
    /// Starts them.
    fn start(setup: &Setup, upgrade: &str) -> anyhow::Result<Self> {
        let gateway = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let stand = Stand::new(&setup.isles, &manifest(gateway, upgrade))?;
        release(setup, &stand, 0)?;
        stand.up(&setup.clock)?;
        let steady = Steady::start(setup, gateway)?;
        // What connecting and first requests cost is not what a deploy does.
        thread::sleep(setup.watched);
        Ok(Self { stand, steady })
    }

    fn deploys(mut self, setup: &Setup) -> anyhow::Result<Measured> {
        let mut measured = Measured::default();
        for number in 1..=setup.rounds {
            release(setup, &self.stand, number)?;
            self.before(setup, &mut measured)?;
            let begun = setup.clock.now();
            self.stand.isles(&["deploy"])?;
            measured.deploy.push(setup.clock.now().since(begun).as_secs_f64());
            self.after(setup, &mut measured)?;
            measured.own_start.push(steady::own_start(setup)?);
        }
        self.end()?;
        Ok(measured)
    }

    fn rollbacks(mut self, setup: &Setup) -> anyhow::Result<Measured> {
        let mut measured = Measured::default();
        for number in 1..=setup.rounds {
            release(setup, &self.stand, number)?;
            self.stand.isles(&["deploy", "--detach"])?;
            self.is_kept()?;
            self.before(setup, &mut measured)?;
            let begun = setup.clock.now();
            let code = self.stand.code(&["rollback"])?;
            measured.rollback_ms.push(setup.clock.now().since(begun).as_secs_f64() * 1e3);
            ensure!(code == Some(0), "`isles rollback` ended with {code:?}");
            self.after(setup, &mut measured)?;
        }
        self.end()?;
        Ok(measured)
    }

    /// Waits until the new release has everything and the old one is warm.
    fn is_kept(&self) -> anyhow::Result<()> {
        const TRIES: u32 = 600;
        const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
        for _ in 0..TRIES {
            let status: serde_json::Value = serde_json::from_str(&self.stand.isles(&["--json", "rollout"])?)?;
            if status["phase"] == "keeping" {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        anyhow::bail!("the new release does not come")
    }

    fn before(&mut self, setup: &Setup, measured: &mut Measured) -> anyhow::Result<()> {
        measured.count(self.steady.met()?);
        thread::sleep(setup.watched);
        let met = self.steady.met()?;
        measured.count(met);
        measured.before_ms.push(met.p99_ms);
        Ok(())
    }

    /// Watches on, and looks at what the load met since `before`.
    fn after(&mut self, setup: &Setup, measured: &mut Measured) -> anyhow::Result<()> {
        thread::sleep(setup.watched);
        let met = self.steady.met()?;
        let before = measured.before_ms.last().copied().unwrap_or_default();
        measured.count(met);
        measured.after_ms.push(met.p99_ms);
        measured.share.push(met.p99_ms / (before * RISE).max(before + RISE_MS));
        measured.longest_ms = measured.longest_ms.max(met.longest_ms);
        Ok(())
    }

    /// The load ends first: the gateway of a system that stops refuses requests.
    fn end(self) -> anyhow::Result<()> {
        self.steady.end()?;
        self.stand.down()
    }
}

fn manifest(gateway: SocketAddr, upgrade: &str) -> String {
    format!(
        "[system]\nname = \"deploy\"\n[gateway]\nlisten = \"{gateway}\"\nroutes = {{ \"/\" = \"back\" }}\n\
         [services.back]\nrun = \"exec ./backend 127.0.0.1:$PORT\"\nartifact = [\"backend\"]\nreplicas = {REPLICAS}\n\
         health = \"/\"\n[services.back.upgrade]\n{upgrade}\n"
    )
}

/// Makes the program another one: what follows its end changes nothing that it does.
fn release(setup: &Setup, stand: &Stand, number: usize) -> anyhow::Result<()> {
    let path = stand.folder().join("backend");
    let (program, mode) = (fs::read(setup.of_benches("backend"))?, fs::metadata(setup.of_benches("backend"))?);
    fs::write(&path, [program, number.to_le_bytes().to_vec()].concat())?;
    Ok(fs::set_permissions(&path, mode.permissions())?)
}

impl Measured {
    fn count(&mut self, met: Met) {
        self.requests += met.requests;
        self.failures += met.failures;
    }

    fn rows(&self, what: &str, waves: u32) -> Vec<Row> {
        let waves = f64::from(waves);
        let expected = self.own_start.iter().map(|own| waves * (own + MIN_HEALTHY));
        let over: Vec<f64> = self.deploy.iter().zip(expected).map(|(taken, expected)| taken - expected).collect();
        let details = format!(
            "{:.2} s as a whole, {waves} waves, own start {:.0} ms, min_healthy_time {MIN_HEALTHY} s, {} deploys",
            statistics::interval(&self.deploy).mean,
            statistics::interval(&self.own_start).mean * 1e3,
            self.deploy.len()
        );
        let over = Row {
            what: format!("{what}: time over own start and min_healthy_time"),
            measured: statistics::interval(&over),
            unit: "s",
            bar: Bar::AtMost(WAVE * waves),
            details,
        };
        vec![self.failed(what), over, self.slowest(what)]
    }

    fn back(&self) -> Vec<Row> {
        let what = "rollback to warm instances";
        let details = format!("`isles rollback` until the other release is gone, {} times", self.rollback_ms.len());
        let measured = statistics::interval(&self.rollback_ms);
        let taken = Row { what: what.into(), measured, unit: "ms", bar: Bar::AtMost(ROLLBACK_MS), details };
        vec![self.failed(what), taken, self.slowest(what)]
    }

    fn failed(&self, what: &str) -> Row {
        let details = format!("of {:.0}, at {RATE} a second", self.requests);
        Row::value(&format!("{what}: failures"), self.failures, "requests", Bar::AtMost(0.0), details)
    }

    fn slowest(&self, what: &str) -> Row {
        let mean = |values: &[f64]| statistics::interval(values).mean;
        let details = format!(
            "{:.1} → {:.1} ms; 1 is {RISE} × before or {RISE_MS} ms more, whichever is larger; the longest {:.0} ms",
            mean(&self.before_ms),
            mean(&self.after_ms),
            self.longest_ms
        );
        Row::ratio(
            format!("{what}: p99, of what it may be"),
            statistics::interval(&self.share),
            Bar::AtMost(1.0),
            details,
        )
    }
}
