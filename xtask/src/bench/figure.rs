//! A figure and its bound.

/// A measured figure.
pub(super) struct Figure {
    /// What was measured.
    pub(super) what: &'static str,
    /// The value, in `unit`.
    pub(super) value: f64,
    /// What the value may be at the most.
    pub(super) bound: f64,
    /// The unit of both.
    pub(super) unit: &'static str,
    /// How the value came about.
    pub(super) details: String,
}

impl Figure {
    /// Whether the bound holds.
    pub(super) fn holds(&self) -> bool {
        self.value <= self.bound
    }
}

/// The figures as a Markdown table.
pub(super) fn table(figures: &[Figure]) -> String {
    let mut text = String::from("| figure | measured | bound | holds | how |\n|---|--:|--:|---|---|\n");
    for figure in figures {
        let Figure { what, value, bound, unit, details } = figure;
        let holds = if figure.holds() { "yes" } else { "**no**" };
        text.push_str(&format!("| {what} | {} {unit} | {bound} {unit} | {holds} | {details} |\n", round(*value)));
    }
    text
}

/// The middle one of the values, or the mean of the two in the middle; 0 without any.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Three digits are enough to compare.
fn round(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_the_bound_holds() {
        let figure = |value| Figure { what: "size", value, bound: 15.0, unit: "MiB", details: "stripped".into() };
        let rows: Vec<_> = table(&[figure(9.87), figure(15.1)]).lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            rows,
            ["| size | 9.9 MiB | 15 MiB | yes | stripped |", "| size | 15.1 MiB | 15 MiB | **no** | stripped |"]
        );
    }

    #[test]
    fn medians() {
        for (values, expected) in [(&[][..], 0.0), (&[3.0], 3.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 2.0, 9.0], 3.0)]
        {
            assert_eq!(median(values), expected, "{values:?}");
        }
    }
}
