//! A program of `benches/` that says where it listens, a line each, and answers lines.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    net::SocketAddr,
    process::{ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::Context as _;

use super::started::Started;

/// A running program that says where it listens.
pub(super) struct Speaker {
    pub(super) started: Started,
    pub(super) addresses: Vec<String>,
    output: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
}

impl Speaker {
    /// Starts it, tells it something and reads that many addresses.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start(command: &mut Command, told: &str, addresses: usize) -> anyhow::Result<Self> {
        let mut started = Started::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let mut input = started.child().stdin.take().context("no input")?;
        input.write_all(told.as_bytes())?;
        let mut output = BufReader::new(started.child().stdout.take().context("no output")?).lines();
        let addresses: Vec<_> = output.by_ref().take(addresses).collect::<Result<_, _>>()?;
        Ok(Self { started, addresses, output, input })
    }

    /// The first address.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.addresses.first().context("it ended by itself")?.parse()?)
    }

    /// The process and its address at this place, when nothing more is asked of it.
    ///
    /// # Errors
    /// When it does not listen there.
    pub(super) fn wrapped(self, place: usize) -> anyhow::Result<(Started, SocketAddr)> {
        let address = self.addresses.get(place).context("it ended by itself")?.parse()?;
        let Self { mut started, input, .. } = self;
        // It would end with its input.
        started.child().stdin = Some(input);
        Ok((started, address))
    }

    /// Says a line, and returns the line that it answers.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn ask(&mut self, line: &str) -> anyhow::Result<String> {
        writeln!(self.input, "{line}")?;
        self.output.next().context("it has ended")?.context("it cannot be read")
    }
}
