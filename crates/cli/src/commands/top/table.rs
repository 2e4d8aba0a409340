//! One line a connection.

use model::figures::BreakerState;

use super::{super::topic::summary, Sample, rates::Rates};
use crate::{
    paint::{Paint, Style},
    table::{self, Cell},
    terminal::Size,
    text,
};

const HEAD: [&str; 10] =
    ["CONNECTION", "REQ/S", "P50", "P99", "ERRORS", "RETRY/S", "IN FLIGHT", "QUEUED", "BREAKER", "EJECTED"];
/// The lines of a screen that are not connections: a title, a head, how many are left out, and where the cursor stands.
const OTHER_LINES: usize = 4;

pub(super) fn render(sample: &Sample, columns: Option<usize>, paint: Paint) -> String {
    let connections = table::render(&HEAD, sample.connections.iter().map(row).collect(), columns, paint);
    let topics = topics(sample, columns, paint).map(|topics| format!("\n{topics}"));
    connections + &topics.unwrap_or_default()
}

fn topics(sample: &Sample, columns: Option<usize>, paint: Paint) -> Option<String> {
    let row = summary::row(sample.topics.clone()?);
    Some(table::render_rows(vec![row], columns, paint))
}

/// The lines of a screen: how much there is in all, and as many connections as there is room for.
pub(super) fn screen(sample: &Sample, size: Size, paint: Paint) -> Vec<String> {
    let topics = topics(sample, Some(size.columns), paint);
    let room = size.rows.saturating_sub(OTHER_LINES + usize::from(topics.is_some()));
    let total: f64 = sample.connections.iter().map(|rates| rates.requests_per_second).sum();
    let count = text::count(sample.connections.len(), "connection");
    let title = text::fit(&format!("{count}, {} requests a second; q ends", rate(total)), size.columns);
    let shown = sample.connections.iter().take(room).map(row).collect();
    let mut lines = vec![paint.apply(Style::Bold, &title)];
    lines.extend(topics.iter().flat_map(|topics| topics.lines()).map(str::to_owned));
    lines.extend(table::render(&HEAD, shown, Some(size.columns), paint).lines().map(str::to_owned));
    if sample.connections.len() > room {
        lines.push(format!("and {} more", sample.connections.len() - room));
    }
    lines
}

fn row(rates: &Rates) -> Vec<Cell> {
    let ejected: Vec<_> = rates.ejected.iter().map(ToString::to_string).collect();
    let worrying = |is: bool| if is { Style::Worrying } else { Style::Plain };
    vec![
        Cell::plain(rates.connection.as_str()),
        Cell::plain(rate(rates.requests_per_second)),
        Cell::plain(rates.p50_micros.map(text::latency).unwrap_or_default()),
        Cell::plain(rates.p99_micros.map(text::latency).unwrap_or_default()),
        errors(rates.errors_percent),
        Cell::new(rate(rates.retries_per_second), worrying(rates.retries_per_second > 0.0)),
        Cell::plain(rates.in_flight.to_string()),
        Cell::new(rates.queued.to_string(), worrying(rates.queued > 0)),
        Cell::new(text::word(&rates.breaker), breaker(rates.breaker)),
        if ejected.is_empty() { Cell::plain("") } else { Cell::new(ejected.join(","), Style::Bad) },
    ]
}

fn errors(percent: Option<f64>) -> Cell {
    match percent {
        Some(percent) if percent > 0.0 => Cell::new(format!("{percent:.1}%"), Style::Bad),
        Some(_) => Cell::plain("0%"),
        None => Cell::plain(""),
    }
}

fn breaker(state: BreakerState) -> Style {
    match state {
        BreakerState::Closed => Style::Dim,
        BreakerState::Probing => Style::Worrying,
        BreakerState::Open => Style::Bad,
    }
}

/// A rate with a digit behind the point where that matters.
fn rate(rate: f64) -> String {
    match rate {
        0.0 => "0".into(),
        0.0..9.95 => format!("{rate:.1}"),
        _ => format!("{rate:.0}"),
    }
}
