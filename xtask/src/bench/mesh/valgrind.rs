//! What a program does in user space, counted without noise by valgrind.

use std::{fs, net::SocketAddr, path::Path};

use anyhow::Context as _;

use super::{load, setup::Setup, started::Started};

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Count {
    Instructions,
    Allocations,
}

/// A proxy that was started below a wrapper, and where it listens.
pub(super) type Wrapped = (Started, SocketAddr);

/// How much there is for one request on kept connections: the difference of two runs, so that start and connecting cancel out.
///
/// # Errors
/// When the proxy does not start or a request fails.
pub(super) fn per_request(
    setup: &Setup,
    count: Count,
    path: &str,
    requests: [u32; 2],
    start: impl Fn(&[&str]) -> anyhow::Result<Wrapped>,
) -> anyhow::Result<f64> {
    let requests = requests.map(|usual| setup.requests(usual));
    let total = |requests| total(setup, count, path, requests, &start);
    Ok((total(requests[1])? - total(requests[0])?) / f64::from(requests[1] - requests[0]))
}

fn total(
    setup: &Setup,
    count: Count,
    path: &str,
    requests: u32,
    start: impl Fn(&[&str]) -> anyhow::Result<Wrapped>,
) -> anyhow::Result<f64> {
    let folder = tempfile::Builder::new().prefix("valgrind-").tempdir_in(setup.folder())?;
    let [out, log] = ["out", "log"].map(|name| folder.path().join(name));
    let (tool, option) = match count {
        Count::Instructions => ("--tool=callgrind", "--callgrind-out-file="),
        Count::Allocations => ("--tool=dhat", "--dhat-out-file="),
    };
    let (out_option, log_option) = (format!("{option}{}", out.display()), format!("--log-file={}", log.display()));
    let (started, address) = start(&["valgrind", tool, &out_option, &log_option])?;
    load::requests(setup.load_core, &format!("http://{address}{path}"), requests, 64)?;
    started.end()?;
    match count {
        Count::Instructions => number(&out, "totals: ", |line| line),
        Count::Allocations => number(&log, "Total: ", |line| line.rsplit(" in ").next().unwrap_or(line)),
    }
}

/// The number after a mark, commas and the words behind it left out.
fn number(file: &Path, mark: &str, part: impl Fn(&str) -> &str) -> anyhow::Result<f64> {
    let text = fs::read_to_string(file).context("valgrind left no report")?;
    let line = text.lines().find_map(|line| line.split_once(mark)).context("valgrind counted nothing")?.1;
    let word = part(line).split_whitespace().next().context("valgrind left no number")?;
    Ok(word.replace(',', "").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report");
        fs::write(&file, "==1== Command: x\n==1== Total:     2,468,161 bytes in 1,296 blocks\ntotals: 198796820\n")
            .unwrap();
        assert_eq!(number(&file, "totals: ", |line| line).unwrap(), 198_796_820.0);
        let blocks = number(&file, "Total: ", |line| line.rsplit(" in ").next().unwrap_or(line));
        assert_eq!(blocks.unwrap(), 1_296.0);
    }
}
