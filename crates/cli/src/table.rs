//! Aligned columns without borders.

use crate::{
    paint::{Paint, Style},
    text::{fit, width},
};

const GAP: usize = 2;

/// One field of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    /// The text, or `-` if there is none.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(if text.is_empty() { "-".into() } else { text }, Style::Plain)
    }
}

/// A head and rows of as many cells each; a line is at most `columns` wide where that is given.
pub(crate) fn render(head: &[&str], rows: Vec<Vec<Cell>>, columns: Option<usize>, paint: Paint) -> String {
    let head = head.iter().map(|text| Cell::new(*text, Style::Dim)).collect();
    render_rows(std::iter::once(head).chain(rows).collect(), columns, paint)
}

/// Rows without a head.
pub(crate) fn render_rows(rows: Vec<Vec<Cell>>, columns: Option<usize>, paint: Paint) -> String {
    let widths = widths(&rows);
    rows.iter().map(|row| line(row, &widths, columns.unwrap_or(usize::MAX), paint) + "\n").collect()
}

fn widths(rows: &[Vec<Cell>]) -> Vec<usize> {
    let most = rows.iter().map(Vec::len).max().unwrap_or(0);
    (0..most)
        .map(|i| rows.iter().filter_map(|row| row.get(i)).map(|cell| width(&cell.text)).max().unwrap_or(0))
        .collect()
}

fn line(row: &[Cell], widths: &[usize], columns: usize, paint: Paint) -> String {
    let mut line = String::new();
    let (mut used, mut owed) = (0, 0);
    for (cell, column) in row.iter().zip(widths) {
        if cell.text.is_empty() {
            owed += column + GAP;
            continue;
        }
        if used + owed >= columns {
            break;
        }
        line.push_str(&" ".repeat(owed));
        used += owed;
        let text = fit(&cell.text, columns.saturating_sub(used));
        line.push_str(&paint.apply(cell.style, &text));
        used += width(&text);
        owed = column + GAP - width(&text).min(*column);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = || {
            vec![
                vec![Cell::plain("users"), Cell::new("healthy", Style::Good), Cell::plain("")],
                vec![Cell::plain("stock-count"), Cell::new("", Style::Plain), Cell::plain("a long problem")],
            ]
        };
        let expected = "\
SERVICE      PHASE    PROBLEM
users        healthy  -
stock-count           a long problem
";
        assert_eq!(render(&["SERVICE", "PHASE", "PROBLEM"], rows(), None, Paint { on: false }), expected);
        let narrow = "\
SERVICE      PHASE    PROBLEM
users        healthy  -
stock-count           a long \u{2026}
";
        assert_eq!(render(&["SERVICE", "PHASE", "PROBLEM"], rows(), Some(30), Paint { on: false }), narrow);
        let colored = "users        \x1b[32mhealthy\x1b[0m  -\nstock-count           a long problem\n";
        assert_eq!(render_rows(rows(), None, Paint { on: true }), colored);
    }
}
