//! Contenders that take turns, so that whatever else the host does befalls all of them.

use super::{
    load::{Load, Seat},
    samples::{Samples, in_turns},
    setup::Setup,
};
use crate::bench::process;

/// One that is measured.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) pids: Vec<u32>,
    pub(super) seat: Seat,
    pub(super) url: String,
    pub(super) load: Load,
}

/// Lets every contender have its turn in each of the rounds, in rotating order, after a round that does not count.
///
/// # Errors
/// When a request fails.
pub(super) fn run<const N: usize>(setup: &Setup, contenders: [Contender; N]) -> anyhow::Result<[Samples; N]> {
    let mut samples = contenders.each_ref().map(|contender| Samples::new(contender.name));
    for contender in &contenders {
        contender.turn(setup, 1, &mut Samples::default())?;
    }
    in_turns(setup.pairs, N, |place| contenders[place].turn(setup, setup.seconds, &mut samples[place]))?;
    Ok(samples)
}

impl Contender {
    fn turn(&self, setup: &Setup, seconds: u32, samples: &mut Samples) -> anyhow::Result<()> {
        let before = process::exact_processor_time(&self.pids)?;
        let busy_before = process::busy_time(setup.proxy_core)?;
        let counted = self.load.run(setup.load_core, &self.seat, &self.url, seconds)?;
        let used = process::exact_processor_time(&self.pids)?.saturating_sub(before);
        let busy = process::busy_time(setup.proxy_core)?.saturating_sub(busy_before);
        samples.core_us.push(busy.as_secs_f64() * 1e6 / counted.requests);
        samples.cpu_us.push(used.as_secs_f64() * 1e6 / counted.requests);
        samples.per_second.push(counted.per_second);
        samples.p50_us.push(counted.p50_us);
        samples.p99_us.push(counted.p99_us);
        Ok(())
    }
}
