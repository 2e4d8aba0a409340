//! A benchmark in parts: which of them are asked for, and the table that they make.

use clap::{Args, ValueEnum, builder::EnumValueParser};

use super::{
    row::{self, Row, line},
    system,
};

/// What is measured, and how often.
#[derive(Args)]
pub(crate) struct Arguments<Part: ValueEnum + Send + Sync + 'static> {
    /// What to measure [default: everything]
    #[arg(value_name = "PART", value_parser = EnumValueParser::<Part>::new())]
    parts: Vec<Part>,
    /// How many rounds each contender has
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) pairs: usize,
    /// Only show that everything runs: two short rounds, and little of what is counted
    #[arg(long)]
    pub(super) quick: bool,
}

impl<Part: ValueEnum + Send + Sync + std::fmt::Debug + 'static> Arguments<Part> {
    /// Measures the parts and prints a row a figure, below the machine and what else is to be known of the run.
    ///
    /// # Errors
    /// When a part cannot be measured, or a bar is not met.
    pub(super) fn run(
        &self,
        about: &str,
        mut measure: impl FnMut(&Part) -> anyhow::Result<Vec<Row>>,
    ) -> anyhow::Result<()> {
        let load = system::load_average()?;
        let parts = if self.parts.is_empty() { Part::value_variants() } else { &self.parts };
        let (mut rows, mut failed) = (Vec::new(), Vec::new());
        for part in parts {
            eprintln!("xtask: {part:?}");
            match measure(part) {
                Ok(more) => {
                    more.iter().for_each(|row| eprint!("{}", line(row)));
                    rows.extend(more);
                }
                Err(error) => failed.push(format!("{part:?} cannot be measured: {error:#}")),
            }
        }
        println!("{}; load average {load}{about}\n", system::machine()?);
        row::report(&rows, failed)
    }
}
