//! The load tool: what it is asked, and what it says.

use std::{net::SocketAddr, process::Stdio};

use anyhow::{Context as _, ensure};

use super::{
    samples::Samples,
    server::Server,
    setup::Setup,
    started::{self, Started},
};
use crate::bench::process;

/// What the load tool counted. Without latencies they are 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Counted {
    pub(super) count: f64,
    pub(super) seconds: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

/// Runs the load tool against a server: `verb ADDRESS ARGUMENTS…`.
///
/// # Errors
/// When it fails.
pub(super) fn run(setup: &Setup, server: &Server, verb: &str, arguments: &[&str]) -> anyhow::Result<Counted> {
    on_host(setup, &[&[verb, &server.address.to_string()], arguments].concat())
}

/// The same, with what the server uses meanwhile, as one more sample.
///
/// # Errors
/// As [`run`].
pub(super) fn sample(
    setup: &Setup,
    server: &Server,
    verb: &str,
    arguments: &[&str],
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let pids = server.started.pids()?;
    let (before, busy_before) = (process::exact_processor_time(&pids)?, process::busy_time(setup.server_core)?);
    let counted = run(setup, server, verb, arguments)?;
    let used = process::exact_processor_time(&pids)?.saturating_sub(before);
    let busy = process::busy_time(setup.server_core)?.saturating_sub(busy_before);
    samples.cpu_us.push(used.as_secs_f64() * 1e6 / counted.count);
    samples.core_us.push(busy.as_secs_f64() * 1e6 / counted.count);
    samples.per_second.push(counted.count / counted.seconds);
    samples.p50_us.push(counted.p50_us);
    samples.p99_us.push(counted.p99_us);
    Ok(())
}

/// The answer to one request.
///
/// # Errors
/// When there is none.
pub(super) fn ask(setup: &Setup, address: SocketAddr, subject: &str, body: &str) -> anyhow::Result<String> {
    output(setup, &["request", &address.to_string(), subject, body])
}

/// Runs the load tool by itself.
///
/// # Errors
/// As [`run`].
pub(super) fn on_host(setup: &Setup, arguments: &[&str]) -> anyhow::Result<Counted> {
    let said = output(setup, arguments)?;
    parse(&said).with_context(|| format!("the load tool says {said:?}"))
}

fn output(setup: &Setup, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = started::on_core(setup.load_core, &setup.load);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = Started::start(&mut command)?.output()?;
    ensure!(output.status.success(), "nats-load {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

fn parse(text: &str) -> Option<Counted> {
    let numbers: Vec<f64> = text.split(' ').map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let [count, seconds, p50_us, p99_us] = numbers[..] else { return None };
    Some(Counted { count, seconds, p50_us, p99_us })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tool_says() {
        let counted = Counted { count: 20.0, seconds: 2.5, p50_us: 3.0, p99_us: 4.25 };
        assert_eq!(parse("20 2.500000 3.00 4.25"), Some(counted));
        assert_eq!(["", "1 2 3", "1 2 x 4"].map(parse), [None; 3]);
    }
}
