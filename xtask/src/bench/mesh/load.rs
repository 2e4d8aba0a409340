//! Load tools: what they are asked, and what they say.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};

use super::started;

/// What is asked of a proxy.
#[derive(Debug, Clone)]
pub(super) enum Load {
    /// HTTP/1.1 on so many connections, by `wrk`.
    Http1 {
        connections: u32,
        /// A script for other requests than GET.
        script: Option<PathBuf>,
        /// Every request on a new connection.
        close: bool,
    },
    /// HTTP/2 on so many connections of so many streams, by `h2load`.
    Http2 { connections: u32, streams: u32 },
    /// TLS on so many connections at a time, a new one for each request, by a program of `benches/`.
    Handshakes { program: PathBuf, certificate: PathBuf, connections: u32 },
}

/// Where the load tool runs.
#[derive(Debug, Clone)]
pub(super) enum Seat {
    /// Beside the system.
    Outside,
    /// In an instance, which takes commands on this socket.
    Inside(PathBuf),
}

/// What a load tool counted. Without latencies they are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counted {
    pub(super) requests: f64,
    pub(super) per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

impl Load {
    /// GET on so many kept connections.
    pub(super) fn get(connections: u32) -> Self {
        Self::Http1 { connections, script: None, close: false }
    }

    /// Runs it for so long.
    ///
    /// # Errors
    /// When the tool fails, or any request does.
    pub(super) fn run(&self, core: usize, seat: &Seat, url: &str, seconds: u32) -> anyhow::Result<Counted> {
        let arguments = self.arguments(url, seconds);
        let said = match seat {
            Seat::Outside => outside(core, &arguments)?,
            Seat::Inside(socket) => inside(socket, &arguments)?,
        };
        let counted = match self {
            Self::Http1 { .. } | Self::Handshakes { .. } => read_wrk(&said),
            Self::Http2 { .. } => read_h2load(&said),
        };
        counted.with_context(|| format!("{url}:\n{said}"))
    }

    fn arguments(&self, url: &str, seconds: u32) -> Vec<String> {
        let mut arguments: Vec<String> = match self {
            Self::Http1 { connections, script, close } => {
                let mut wrk = format!("wrk --threads 1 --latency --timeout 10 --connections {connections}");
                if let Some(script) = script {
                    wrk.push_str(&format!(" --script {}", script.display()));
                }
                let mut wrk: Vec<_> = wrk.split(' ').map(str::to_owned).collect();
                if *close {
                    wrk.extend(["--header".into(), "Connection: close".into()]);
                }
                wrk.extend(["--duration".into(), seconds.to_string()]);
                wrk
            }
            Self::Http2 { connections, streams } => {
                let h2load = format!("h2load --clients {connections} --max-concurrent-streams {streams}");
                format!("{h2load} --duration {seconds}").split(' ').map(str::to_owned).collect()
            }
            Self::Handshakes { program, certificate, connections } => {
                let files = [program, certificate].map(|file| file.display().to_string());
                files.into_iter().chain([connections.to_string(), seconds.to_string()]).collect()
            }
        };
        arguments.push(url.into());
        arguments
    }
}

/// Sends so many requests over HTTP/1.1 on kept connections, by `h2load`.
///
/// # Errors
/// When any request fails.
pub(super) fn requests(core: usize, url: &str, count: u32, connections: u32) -> anyhow::Result<()> {
    let arguments = format!("h2load --h1 --requests {count} --clients {connections} {url}");
    let said = outside(core, &arguments.split(' ').map(str::to_owned).collect::<Vec<_>>())?;
    let counted = read_h2load(&said).with_context(|| format!("{url}:\n{said}"))?;
    ensure!(counted.requests.total_cmp(&f64::from(count)).is_eq(), "not all were answered:\n{said}");
    Ok(())
}

fn outside(core: usize, arguments: &[String]) -> anyhow::Result<String> {
    let output = started::on_core(core, &arguments[0]).args(&arguments[1..]).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{} failed:\n{said}{}", arguments[0], String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

fn inside(socket: &Path, arguments: &[String]) -> anyhow::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(format!("{}\n\n", arguments.join("\n")).as_bytes())?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}

fn read_wrk(said: &str) -> anyhow::Result<Counted> {
    for line in said.lines().map(str::trim) {
        if line.starts_with("Socket errors") || line.starts_with("Non-2xx") {
            bail!("requests failed: {line}");
        }
    }
    Ok(Counted {
        requests: number(before(said, " requests in")?)?,
        per_second: number(after(said, "Requests/sec:")?)?,
        p50_us: microseconds(after(said, " 50%")?)?,
        p99_us: microseconds(after(said, " 99%")?)?,
    })
}

fn read_h2load(said: &str) -> anyhow::Result<Counted> {
    let failed: f64 = number(before(said, " failed,")?)? + number(before(said, " 3xx,")?)?;
    let refused = number(before(said, " 4xx,")?)? + number(before(said, " 5xx")?)?;
    ensure!(failed + refused <= 0.0, "requests failed");
    let requests = number(before(said, " succeeded,")?)?;
    ensure!(requests > 0.0, "no request was answered");
    Ok(Counted { requests, per_second: number(before(said, " req/s,")?)?, ..Counted::default() })
}

/// The word before a mark.
fn before<'a>(text: &'a str, mark: &str) -> anyhow::Result<&'a str> {
    let (before, _) = text.split_once(mark).with_context(|| format!("it does not say `{mark}`"))?;
    before.split_whitespace().next_back().context("nothing stands there")
}

/// The word after a mark.
fn after<'a>(text: &'a str, mark: &str) -> anyhow::Result<&'a str> {
    let (_, after) = text.split_once(mark).with_context(|| format!("it does not say `{mark}`"))?;
    after.split_whitespace().next().context("nothing stands there")
}

fn number(word: &str) -> anyhow::Result<f64> {
    word.parse().with_context(|| format!("`{word}` is no number"))
}

fn microseconds(word: &str) -> anyhow::Result<f64> {
    let at = word.find(|c: char| c.is_ascii_alphabetic()).context("a time without a unit")?;
    let factor = match &word[at..] {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 6e7,
        unit => bail!("`{unit}` is no unit of time"),
    };
    Ok(number(&word[..at])? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk() {
        let said = "Running 2s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  Latency Distribution\n     \
                    50%  853.00us\n     75%    1.00ms\n     99%    2.50ms\n  81234 requests in 2.00s, 17.97MB read\n\
                    Requests/sec:  40617.12\nTransfer/sec:      8.99MB\n";
        let expected = Counted { requests: 81_234.0, per_second: 40_617.12, p50_us: 853.0, p99_us: 2_500.0 };
        assert_eq!(read_wrk(said).unwrap(), expected);
        for bad in ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"] {
            assert!(read_wrk(&format!("{said}{bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn h2load() {
        let said = |failed| {
            format!(
                "finished in 2.01s, 12345.67 req/s, 2.00MB/s\nrequests: 24814 total, 24814 started, 24814 done, 24814 \
                 succeeded, {failed} failed, 0 errored, 0 timeout\nstatus codes: 24814 2xx, 0 3xx, 0 4xx, 0 5xx\n"
            )
        };
        let expected = Counted { requests: 24_814.0, per_second: 12_345.67, ..Counted::default() };
        assert_eq!(read_h2load(&said(0)).unwrap(), expected);
        assert!(read_h2load(&said(1)).is_err());
        assert!(read_h2load(&said(0).replace("24814", "0")).is_err());
    }
}
