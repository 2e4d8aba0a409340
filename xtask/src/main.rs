//! The repository's own chores: `cargo xtask --help` lists them.

mod bench;
mod compat;
mod docs;
mod fuzz;
mod shell;
mod test;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of this repository")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Installs what the tests need, where it may, and runs all of them, those of the examples too
    Test,
    /// Searches for inputs that break a codec or a parser, and compares the HTTP/1.1 codec with hyper and nginx
    Fuzz(fuzz::Fuzz),
    /// Measures the figures of docs/performance.md, with release builds
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Runs the tests that other projects ship against Isles
    #[command(subcommand)]
    Compat(compat::Compat),
    /// Writes docs/api.md from the types of the control API, and docs/shop.svg from the shop's manifest
    Docs {
        /// Write nothing; fail if a file is out of date
        #[arg(long)]
        check: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Test => test::all(),
        Chore::Fuzz(fuzz) => fuzz::all(&fuzz),
        Chore::Bench(bench) => bench::run(&bench),
        Chore::Compat(compat) => compat::run(&compat),
        Chore::Docs { check: true } => docs::check(),
        Chore::Docs { check: false } => docs::write(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
