//! Figures beside those of others, as rows of a table.

use super::statistics::Interval;

/// What a figure has to reach.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bar {
    AtMost(f64),
    AtLeast(f64),
    /// It is shown, and promised nowhere.
    None,
}

/// One figure.
pub(super) struct Row {
    pub(super) what: String,
    pub(super) measured: Interval,
    /// Behind the value.
    pub(super) unit: &'static str,
    pub(super) bar: Bar,
    /// How it came about.
    pub(super) details: String,
}

impl Row {
    /// A value that was measured once.
    pub(super) fn value(what: &str, value: f64, unit: &'static str, bar: Bar, details: String) -> Self {
        Self { what: what.into(), measured: Interval { low: value, mean: value, high: value }, unit, bar, details }
    }

    /// A ratio; a bar is met when the interval reaches it.
    pub(super) fn ratio(what: String, measured: Interval, bar: Bar, details: String) -> Self {
        Self { what, measured, unit: "×", bar, details }
    }

    /// Whether the bar is met; `None` without one.
    pub(super) fn is_met(&self) -> Option<bool> {
        match self.bar {
            Bar::AtMost(bar) => Some(self.measured.low <= bar),
            Bar::AtLeast(bar) => Some(self.measured.high >= bar),
            Bar::None => None,
        }
    }
}

/// The rows as a Markdown table.
fn table(rows: &[Row]) -> String {
    let lines: String = rows.iter().map(line).collect();
    format!("| figure | measured | bar | met | how |\n|---|--:|--:|---|---|\n{lines}")
}

/// Prints the table.
///
/// # Errors
/// When something `failed`, or a bar is not met.
pub(super) fn report(rows: &[Row], mut failed: Vec<String>) -> anyhow::Result<()> {
    println!("{}", table(rows));
    let missed = rows.iter().filter(|row| row.is_met() == Some(false));
    failed.extend(missed.map(|row| format!("a bar is not met: {}", row.what)));
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// A row as a line of the table.
pub(super) fn line(row: &Row) -> String {
    let bar = match row.bar {
        Bar::AtMost(bar) => format!("≤ {} {}", digits(bar), row.unit),
        Bar::AtLeast(bar) => format!("≥ {} {}", digits(bar), row.unit),
        Bar::None => String::new(),
    };
    let met = row.is_met().map_or("", |met| if met { "yes" } else { "**no**" });
    format!("| {} | {} | {bar} | {met} | {} |\n", row.what, measured(row), row.details)
}

fn measured(row: &Row) -> String {
    let Interval { low, mean, high } = row.measured;
    let value = format!("{} {}", digits(mean), row.unit);
    if low < high { format!("{value} ({}–{})", digits(low), digits(high)) } else { value }
}

/// Three digits are enough to compare.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        size if size > 0.0 => format!("{value:.4}"),
        _ => "0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_met_when_the_interval_reaches_it() {
        let row = |low, mean, high, bar| Row::ratio("CPU".into(), Interval { low, mean, high }, bar, "10 pairs".into());
        let rows = [
            row(0.8, 0.9, 1.0, Bar::AtMost(0.85)),
            row(0.86, 0.9, 0.94, Bar::AtMost(0.85)),
            row(0.7, 0.75, 0.81, Bar::AtLeast(0.8)),
            row(0.7, 0.7, 0.7, Bar::None),
            Row::value("size", 12_345.6, "KiB", Bar::AtMost(20_000.0), "once".into()),
        ];
        let shown: Vec<_> = table(&rows).lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            shown,
            [
                "| CPU | 0.90 × (0.80–1.00) | ≤ 0.85 × | yes | 10 pairs |",
                "| CPU | 0.90 × (0.86–0.94) | ≤ 0.85 × | **no** | 10 pairs |",
                "| CPU | 0.75 × (0.70–0.81) | ≥ 0.80 × | yes | 10 pairs |",
                "| CPU | 0.70 × |  |  | 10 pairs |",
                "| size | 12346 KiB | ≤ 20000 KiB | yes | once |",
            ]
        );
    }
}
