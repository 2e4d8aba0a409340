//! `isles top`: what happens on each connection, second by second.

mod latency;
mod rates;
mod sampler;
mod screen;
mod table;

use model::figures::ConnectionFigures;

use crate::{Context, args::TopArgs, exit::ExitCode, table::Cell};
use rates::Rates;
use sampler::Sampler;
use screen::{Keyboard, Screen};

pub(crate) async fn run(context: Context<'_>, args: &TopArgs) -> anyhow::Result<ExitCode> {
    let mut sampler = Sampler::start(context.client()?).await?;
    if args.once || context.settings.json || context.columns().is_none() {
        print(context, &mut sampler, args.once).await?;
    } else {
        show(context, &mut sampler).await?;
    }
    Ok(ExitCode::Ok)
}

/// A table or an object after the other, until the system ends.
async fn print(context: Context<'_>, sampler: &mut Sampler, once: bool) -> anyhow::Result<()> {
    let mut gap = "";
    while let Some(sample) = sampler.next().await? {
        if context.settings.json {
            context.terminal.print_json(&sample)?;
        } else {
            let table = table::render(&sample, context.columns(), context.terminal.out.paint);
            context.terminal.print(&format!("{gap}{table}"))?;
        }
        if once {
            break;
        }
        gap = "\n";
    }
    Ok(())
}

/// One table that is redrawn, until `q`, Ctrl-C, a signal or the end of the system.
async fn show(context: Context<'_>, sampler: &mut Sampler) -> anyhow::Result<()> {
    let mut keyboard = Keyboard::take()?;
    let mut screen = Screen::enter(context.terminal)?;
    loop {
        let sample = tokio::select! {
            sample = sampler.next() => sample?,
            end = keyboard.end() => {
                end?;
                None
            }
        };
        let Some(sample) = sample else { return Ok(()) };
        screen.draw(|size, paint| table::screen(&sample, size, paint))?;
    }
}

/// What happened in an interval.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct Sample {
    /// The interval's length.
    seconds: f64,
    /// The busiest first.
    connections: Vec<Rates>,
    /// How topics are at its end, in a line.
    #[serde(skip)]
    topics: Option<Cell>,
}

impl Sample {
    fn between(before: &[ConnectionFigures], after: &[ConnectionFigures], seconds: f64) -> Self {
        Self { seconds, connections: rates::between(before, after, seconds), topics: None }
    }
}

#[cfg(test)]
mod tests;
